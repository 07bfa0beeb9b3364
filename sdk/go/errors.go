package valetkey

import (
	"fmt"
	"strings"
	"time"
)

// ValetkeyError is the root of all errors that the client returns. Every other error of this package holds one, and
// errors.As finds it, so that a caller may ask as exactly or as generally as it likes:
//
//	var revoked *valetkey.AccountRevokedError
//	var inactive *valetkey.AccountNotActiveError
//	var any *valetkey.ValetkeyError
//	switch {
//	case errors.As(err, &revoked): // AccountRevokedError is an AccountNotActiveError is a ValetkeyError
//	case errors.As(err, &inactive):
//	case errors.As(err, &any):
//	}
//
// Programs branch on the type, or on Code; Error is for people.
type ValetkeyError struct {
	// Code is the code from the server's catalogue (account_revoked), or one of the Code… constants for what went
	// wrong before the server answered.
	Code string
	// Message says what happened.
	Message string
	// Cause says why.
	Cause string
	// Remedies say what to do, in order.
	Remedies []Remedy
	// Docs is the address of the page that explains the code.
	Docs string
	// RequestID is the request's id, as in the server's log: req_….
	RequestID string
	// AccountID is the connected account concerned: ca_….
	AccountID string
	// ConnectionID is the connection concerned: conn_….
	ConnectionID string
	// ExecutionID is the record of the call that failed: ex_….
	ExecutionID string
	// RetryAfter is how long to wait before a repetition may help; 0 if nobody said.
	RetryAfter time.Duration
	// HTTPStatus is the status of the answer; 0 if there was none.
	HTTPStatus int
	// Fields are the fields of the request at fault.
	Fields []FieldViolation
	// Provider is what the provider said, if it was asked.
	Provider *ProviderEvidence
	// Diagnosis, of a failed call, is what a diagnosis says in short; may be nil.
	Diagnosis *ShortDiagnosis

	err        error
	repetition repetition
}

// Remedy is one thing to do about an error.
type Remedy struct {
	// Action is the kind of step: reauthorize, configure_connection, wait, …
	Action string `json:"action"`
	// Text is the step in words.
	Text string `json:"text"`
	// URL performs or explains the step; may be empty. It may be an authorization link, which is a secret.
	URL string `json:"url"`
}

// String is the step in words, without its address: that may be an authorization link, which is a secret.
func (r Remedy) String() string { return r.Action + ": " + r.Text }

// GoString is the same as String.
func (r Remedy) GoString() string { return r.String() }

// FieldViolation is one field of a request at fault.
type FieldViolation struct {
	// Field is its path: tool_input.to.
	Field string `json:"field"`
	// Message says what is wrong with it.
	Message string `json:"message"`
}

// ProviderEvidence is what a provider said.
type ProviderEvidence struct {
	// Status is the HTTP status; 0 if there was none.
	Status int `json:"status"`
	// Code is the provider's own code.
	Code string `json:"code"`
	// Message is in the provider's own words.
	Message string `json:"message"`
}

// ShortDiagnosis is what a diagnosis says in short.
type ShortDiagnosis struct {
	// Verdict is healthy, degraded or broken; broken: the same call fails again until somebody has acted.
	Verdict string `json:"verdict"`
	// Code is that of the first finding.
	Code string `json:"code"`
	// Actor is who must act: end_user, developer, provider_admin, operator or nobody.
	Actor string `json:"actor"`
	// Summary is the answer in prose.
	Summary string `json:"summary"`
}

// Error says in one line what happened, why, what to do, and under which id the server's log has it. It holds no
// authorization link, since texts of errors end up in logs.
func (e *ValetkeyError) Error() string {
	var text strings.Builder
	sentence := func(prefix, body string) {
		if body = strings.TrimSpace(body); body == "" {
			return
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(prefix)
		text.WriteString(body)
		if !strings.ContainsAny(body[len(body)-1:], ".!?") {
			text.WriteByte('.')
		}
	}
	sentence("", e.Message)
	for _, field := range e.Fields {
		if at := field.Field + ": " + field.Message; !strings.Contains(e.Message, at) {
			sentence("", at)
		}
	}
	if e.Cause != e.Message {
		sentence("Cause: ", e.Cause)
	}
	if e.Diagnosis != nil {
		sentence("Diagnosis: ", e.Diagnosis.Summary)
	}
	for i, remedy := range e.Remedies {
		prefix := "What to do: "
		if i > 0 {
			prefix = "Or then: "
		}
		sentence(prefix, remedy.Text)
	}
	var ids []string
	for _, id := range []struct{ name, value string }{
		{"code", e.Code}, {"request id", e.RequestID}, {"execution", e.ExecutionID}, {"account", e.AccountID},
	} {
		if id.value != "" {
			ids = append(ids, id.name+" "+id.value)
		}
	}
	if len(ids) > 0 {
		fmt.Fprintf(&text, " [%s]", strings.Join(ids, ", "))
	}
	return text.String()
}

// Unwrap gives what was underneath: the context's error, a network error, or nil.
func (e *ValetkeyError) Unwrap() error { return e.err }

// remedyURL is the address of the first remedy of one of these kinds that has one.
func (e *ValetkeyError) remedyURL(actions ...string) string {
	for _, remedy := range e.Remedies {
		for _, action := range actions {
			if remedy.Action == action && remedy.URL != "" {
				return remedy.URL
			}
		}
	}
	return ""
}
