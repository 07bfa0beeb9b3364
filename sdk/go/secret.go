package valetkey

import "log/slog"

const redacted = "[redacted]"

// Secret is a text that does not print: not with fmt, not with slog, not as JSON. Convert it to string to read it.
type Secret string

// String hides the secret.
func (Secret) String() string { return redacted }

// GoString hides the secret.
func (Secret) GoString() string { return redacted }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
