package valetkey

import "net/http"

// The codes of what goes wrong on this side of the wire.
const (
	// CodeMisconfigured: the client lacks a URL or credentials.
	CodeMisconfigured = "client_misconfigured"
	// CodeInvalidArgument: a call says too little, too much or something impossible; nothing was sent.
	CodeInvalidArgument = "client_invalid_argument"
	// CodeTimeout: the call's time-out passed.
	CodeTimeout = "client_timeout"
	// CodeCancelled: the call's context was cancelled.
	CodeCancelled = "client_cancelled"
	// CodeDNSFailed: the server's name could not be resolved.
	CodeDNSFailed = "connection_dns_failed"
	// CodeRefused: nothing listens at the server's address.
	CodeRefused = "connection_refused"
	// CodeTLSFailed: no trusted TLS connection.
	CodeTLSFailed = "connection_tls_failed"
	// CodeConnectionFailed: the connection was not made or broke, for another reason.
	CodeConnectionFailed = "connection_failed"
	// CodeResponseInvalid: the answer could not be read.
	CodeResponseInvalid = "response_invalid"
)

type (
	// ConfigurationError: the client is incomplete; nothing was sent.
	ConfigurationError struct{ *ValetkeyError }
	// ConnectionError: the server was not reached, or the connection broke before the answer was there. Code tells
	// DNS, refusal and TLS apart.
	ConnectionError struct{ *ValetkeyError }
	// TimeoutError: the time ran out, on this side (CodeTimeout) or on the server's. What the call was to change may
	// have been changed. errors.Is(err, context.DeadlineExceeded) holds for the former.
	TimeoutError struct{ *ValetkeyError }
	// NotFoundError: what the call is about does not exist, or is not the caller's to see.
	NotFoundError struct{ *ValetkeyError }
	// UnauthorizedError: the API token, or the client id and secret, are not accepted.
	UnauthorizedError struct{ *ValetkeyError }
	// ForbiddenError: the caller may not do this.
	ForbiddenError struct{ *ValetkeyError }
	// InsufficientScopeError: the account lacks a scope that the tool needs; its user must authorize again.
	InsufficientScopeError struct{ *ForbiddenError }
	// ConflictError: the present state does not allow this.
	ConflictError struct{ *ValetkeyError }
	// InvalidRequestError: the request is wrong; Fields name what of it.
	InvalidRequestError struct{ *ValetkeyError }
	// RateLimitedError: the server takes no more calls for RetryAfter.
	RateLimitedError struct{ *ValetkeyError }
	// ServerError: the server failed, or something between it and here did.
	ServerError struct{ *ValetkeyError }

	// ToolError: the provider refused or failed a call; ExecutionID is its record, Provider what the provider said.
	ToolError struct{ *ValetkeyError }
	// ToolRateLimitedError: the provider takes no more calls for RetryAfter.
	ToolRateLimitedError struct{ *ToolError }
	// ToolUnauthorizedError: the provider refused the credential.
	ToolUnauthorizedError struct{ *ToolError }
	// ToolForbiddenError: the provider does not allow this call.
	ToolForbiddenError struct{ *ToolError }
	// ToolTimeoutError: the provider did not answer in time; the call may have had its effect.
	ToolTimeoutError struct{ *ToolError }
	// ToolUnreachableError: the server found no way to the provider.
	ToolUnreachableError struct{ *ToolError }

	// AccountNotActiveError: the account cannot be used as it is. Somebody must act, mostly its user: AuthorizationLink.
	AccountNotActiveError struct {
		*ValetkeyError
		// Status is the account's status.
		Status AccountStatus
	}
	// AccountPendingError: the user has not authorized the account yet.
	AccountPendingError struct{ *AccountNotActiveError }
	// AccountPendingVerificationError: the app has not confirmed yet who the user is.
	AccountPendingVerificationError struct{ *AccountNotActiveError }
	// AccountExpiredError: the credential ran out and could not be renewed.
	AccountExpiredError struct{ *AccountNotActiveError }
	// AccountRevokedError: access was taken away at the provider.
	AccountRevokedError struct{ *AccountNotActiveError }
	// AccountFailedError: authorizing failed for a reason that is not the user's; the account's events say which.
	AccountFailedError struct{ *AccountNotActiveError }
	// AccountDisconnectedError: the account was disconnected.
	AccountDisconnectedError struct{ *AccountNotActiveError }
)

// AuthorizationLink is the link to send to the account's user, if the server made one; else it is empty.
func (e *ValetkeyError) AuthorizationLink() string { return e.remedyURL("authorize", "reauthorize") }

// Unwrap leads up the tree of errors, so that errors.As finds every parent.

// Unwrap gives the [ValetkeyError].
func (e *ConfigurationError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *ConnectionError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *TimeoutError) Unwrap() error { return e.ValetkeyError }

// Timeout makes this a time-out for those who ask as net.Error does.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap gives the [ValetkeyError].
func (e *NotFoundError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *UnauthorizedError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *ForbiddenError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ForbiddenError].
func (e *InsufficientScopeError) Unwrap() error { return e.ForbiddenError }

// Unwrap gives the [ValetkeyError].
func (e *ConflictError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *InvalidRequestError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *RateLimitedError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *ServerError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *ToolError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [ToolError].
func (e *ToolRateLimitedError) Unwrap() error { return e.ToolError }

// Unwrap gives the [ToolError].
func (e *ToolUnauthorizedError) Unwrap() error { return e.ToolError }

// Unwrap gives the [ToolError].
func (e *ToolForbiddenError) Unwrap() error { return e.ToolError }

// Unwrap gives the [ToolError].
func (e *ToolTimeoutError) Unwrap() error { return e.ToolError }

// Timeout makes this a time-out for those who ask as net.Error does.
func (e *ToolTimeoutError) Timeout() bool { return true }

// Unwrap gives the [ToolError].
func (e *ToolUnreachableError) Unwrap() error { return e.ToolError }

// Unwrap gives the [ValetkeyError].
func (e *AccountNotActiveError) Unwrap() error { return e.ValetkeyError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountPendingError) Unwrap() error { return e.AccountNotActiveError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountPendingVerificationError) Unwrap() error { return e.AccountNotActiveError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountExpiredError) Unwrap() error { return e.AccountNotActiveError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountRevokedError) Unwrap() error { return e.AccountNotActiveError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountFailedError) Unwrap() error { return e.AccountNotActiveError }

// Unwrap gives the [AccountNotActiveError].
func (e *AccountDisconnectedError) Unwrap() error { return e.AccountNotActiveError }

// classified gives an answer's error its type: by its code first, by the status second.
func classified(e *ValetkeyError) error {
	inactive := func(status AccountStatus) *AccountNotActiveError {
		return &AccountNotActiveError{ValetkeyError: e, Status: status}
	}
	switch e.Code {
	case "account_pending":
		return &AccountPendingError{inactive(StatusPending)}
	case "account_pending_verification":
		return &AccountPendingVerificationError{inactive(StatusPendingVerification)}
	case "account_expired":
		return &AccountExpiredError{inactive(StatusExpired)}
	case "account_revoked":
		return &AccountRevokedError{inactive(StatusRevoked)}
	case "account_error":
		return &AccountFailedError{inactive(StatusError)}
	case "account_disconnected":
		return &AccountDisconnectedError{inactive(StatusDisconnected)}
	case "insufficient_scope":
		return &InsufficientScopeError{&ForbiddenError{e}}
	case "upstream_rate_limited":
		return &ToolRateLimitedError{&ToolError{e}}
	case "upstream_unauthorized":
		return &ToolUnauthorizedError{&ToolError{e}}
	case "upstream_forbidden":
		return &ToolForbiddenError{&ToolError{e}}
	case "upstream_timeout", "upstream_connect_timeout":
		return &ToolTimeoutError{&ToolError{e}}
	case "upstream_unreachable", "upstream_dns_failed", "upstream_tls_failed",
		"upstream_refused", "upstream_resolver_failed",
		"upstream_proxy_unreachable", "upstream_proxy_auth_required", "upstream_proxy_refused",
		"upstream_tls_expired", "upstream_tls_not_yet_valid", "upstream_tls_unknown_issuer", "upstream_tls_host_mismatch":
		return &ToolUnreachableError{&ToolError{e}}
	}
	if len(e.Code) > len(upstreamPrefix) && e.Code[:len(upstreamPrefix)] == upstreamPrefix {
		return &ToolError{e}
	}
	switch status := e.HTTPStatus; {
	case status == http.StatusUnauthorized:
		return &UnauthorizedError{e}
	case status == http.StatusForbidden:
		return &ForbiddenError{e}
	case status == http.StatusNotFound || status == http.StatusGone:
		return &NotFoundError{e}
	case status == http.StatusConflict:
		return &ConflictError{e}
	case status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return &TimeoutError{e}
	case status == http.StatusTooManyRequests:
		return &RateLimitedError{e}
	case status >= 400 && status < 500:
		return &InvalidRequestError{e}
	default:
		return &ServerError{e}
	}
}

const upstreamPrefix = "upstream_"
