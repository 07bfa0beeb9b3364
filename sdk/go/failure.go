package valetkey

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// wireError is an error of the API as it is sent.
type wireError struct {
	Code         string            `json:"code"`
	Message      string            `json:"message"`
	Cause        string            `json:"cause"`
	Remedies     []Remedy          `json:"remedies"`
	Docs         string            `json:"docs"`
	RequestID    string            `json:"request_id"`
	AccountID    string            `json:"account_id"`
	ConnectionID string            `json:"connection_id"`
	ExecutionID  string            `json:"execution_id"`
	RetryAfterMS *float64          `json:"retry_after_ms"`
	Retry        string            `json:"retry"`
	Fields       []FieldViolation  `json:"fields"`
	Provider     *ProviderEvidence `json:"provider"`
	Diagnosis    *ShortDiagnosis   `json:"diagnosis"`
}

// failure is the error that an answer stands for, or nil.
func (c *core) failure(call *call, got *answer) error {
	if got.status < 300 {
		return nil
	}
	told := c.retryAfter(got.header)
	if call.proxied && got.executionID() != "" {
		// The provider's own answer is handed on; it is an error for the time of the repeats only.
		if repetition := repetitionOf("", "", got.status); repetition != repeatNever {
			return &ValetkeyError{Code: "http_" + strconv.Itoa(got.status), RetryAfter: told, repetition: repetition}
		}
		return nil
	}
	var shaped struct {
		Error json.RawMessage `json:"error"`
		// Of the token endpoint (RFC 6749 §5.2), whose error is a string.
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(got.body, &shaped)
	e := &ValetkeyError{HTTPStatus: got.status, RequestID: got.header.Get("X-Request-Id"), RetryAfter: told}
	var wire wireError
	var oauth string
	switch {
	// A field of an unexpected type leaves the others as they are.
	case json.Unmarshal(shaped.Error, &wire) != nil && wire.Code == "" && call.anonymous && json.Unmarshal(shaped.Error, &oauth) == nil && oauth != "":
		oauthFailure(e, oauth, shaped.Description)
	case wire.Code != "":
		wire.fill(e)
	default:
		bareFailure(e, c.base)
	}
	e.repetition = repetitionOf(e.Code, wire.Retry, got.status)
	return classified(e)
}

// fill takes over what the server says.
func (wire *wireError) fill(e *ValetkeyError) {
	e.Code, e.Message, e.Cause, e.Remedies, e.Docs = wire.Code, wire.Message, wire.Cause, wire.Remedies, wire.Docs
	e.AccountID, e.ConnectionID, e.ExecutionID = wire.AccountID, wire.ConnectionID, wire.ExecutionID
	e.Fields, e.Provider = wire.Fields, wire.Provider
	// One of an unexpected type is left empty; then there is none.
	if short := wire.Diagnosis; short != nil && *short != (ShortDiagnosis{}) {
		e.Diagnosis = short
	}
	if wire.RequestID != "" {
		e.RequestID = wire.RequestID
	}
	if wire.RetryAfterMS != nil && *wire.RetryAfterMS >= 0 && *wire.RetryAfterMS < 1e12 {
		e.RetryAfter = time.Duration(*wire.RetryAfterMS * float64(time.Millisecond))
	}
	if e.Message == "" {
		e.Message = "The server refused: " + e.Code + "."
	}
}

// itemFailure is the error of one call of a batch; nil if there is none. An older server does not say its status.
func itemFailure(item json.RawMessage) error {
	var shaped struct {
		Error  *wireError `json:"error"`
		Status any        `json:"http_status"`
	}
	if _ = json.Unmarshal(item, &shaped); shaped.Error == nil || shaped.Error.Code == "" {
		return nil
	}
	if status, said := shaped.Status.(float64); said && status >= 400 && status < 600 {
		e := &ValetkeyError{HTTPStatus: int(status)}
		shaped.Error.fill(e)
		return classified(e)
	}
	e := &ValetkeyError{HTTPStatus: statusOf(shaped.Error.Code)}
	shaped.Error.fill(e)
	err := classified(e)
	e.HTTPStatus = 0
	return err
}

// statusOf is the status that a call would have failed with alone, as far as its type depends on it.
func statusOf(code string) int {
	switch code {
	case "unauthenticated":
		return http.StatusUnauthorized
	case "permission_denied":
		return http.StatusForbidden
	case "invalid_request", "invalid_argument", "tool_input_invalid", "idempotency_key_reused":
		return http.StatusBadRequest
	case "rate_limited", "refresh_too_early":
		return http.StatusTooManyRequests
	case "deadline_exceeded":
		return http.StatusGatewayTimeout
	case "internal", "seal_refused", "overloaded", "shutting_down", "storage_unavailable", "execution_interrupted":
		return http.StatusServiceUnavailable
	}
	if strings.HasSuffix(code, "_not_found") {
		return http.StatusNotFound
	}
	return http.StatusConflict
}

func oauthFailure(e *ValetkeyError, code, description string) {
	e.Code, e.Message = "token_"+code, description
	e.Cause = "The token endpoint refused the request for an access token."
	e.Remedies = []Remedy{{Action: "check_credentials", Text: "Check the client id and secret that this client was made with."}}
	if code == "invalid_client" {
		e.Code = "invalid_client_credentials"
		e.Cause = "No enabled API client has this id and secret."
		e.Remedies[0].Text = "Check client_id and client_secret (VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET), or make a new API client with `valetkey client create`."
	}
	if e.Message == "" {
		e.Message = "No access token was issued: " + code + "."
	}
}

// bareFailure describes an answer that does not come from the API: a proxy in between, or another server.
func bareFailure(e *ValetkeyError, base string) {
	e.Code = "http_" + strconv.Itoa(e.HTTPStatus)
	e.Message = strings.TrimSpace(fmt.Sprintf("The server answered %d %s", e.HTTPStatus, http.StatusText(e.HTTPStatus))) + ", without an explanation."
	e.Cause = "Something in front of the Valetkey server answered, or the URL is not one."
	text := "Check that " + base + " is the address of a Valetkey server: " + base + "/healthz must answer 200."
	if e.HTTPStatus >= 500 {
		text = "Try again in a moment; look at the log of the server and of what stands in front of it."
	}
	e.Remedies = []Remedy{{Action: "check_network", Text: text}}
}

// unreadable is a success that cannot be read.
func unreadable(got *answer, message string) error {
	return &ServerError{&ValetkeyError{
		Code: CodeResponseInvalid, Message: message, HTTPStatus: got.status, RequestID: got.header.Get("X-Request-Id"),
		Cause:    "Something in front of the Valetkey server answered, or the server is of another version than this SDK.",
		Remedies: []Remedy{{Action: "check_network", Text: "Check the URL and what stands between here and the server; compare the versions."}},
	}}
}

func invalidArgument(message, field string) error {
	e := &ValetkeyError{
		Code: CodeInvalidArgument, Message: message, Cause: "The call was not sent: it could not have worked.",
		Remedies: []Remedy{{Action: "fix_request", Text: "Correct the arguments of the call."}},
	}
	if field != "" {
		e.Fields = []FieldViolation{{Field: field, Message: message}}
	}
	return &InvalidRequestError{e}
}

// ended is the error of an attempt that brought no answer.
func (c *core) ended(ctx context.Context, err error, call *call) error {
	if baseOf(err) != nil {
		return err
	}
	if ctx.Err() != nil {
		return c.outOfTime(ctx, call)
	}
	var dns *net.DNSError
	var operation *net.OpError
	dialing := errors.As(err, &operation) && (operation.Op == "dial" || operation.Op == "proxyconnect")
	e := &ValetkeyError{err: err, repetition: repeatCarefully}
	if dialing {
		e.repetition = repeatFreely
	}
	remedy := func(action, text string) { e.Remedies = append(e.Remedies, Remedy{Action: action, Text: text}) }
	switch {
	case errors.As(err, &dns):
		e.Code, e.repetition = CodeDNSFailed, repeatFreely
		e.Message = "The name of the server could not be resolved: " + c.base + "."
		e.Cause = "DNS: " + dns.Err + "."
		remedy("check_network", "Check the host name in env_url (VALETKEY_URL) and the name servers of this machine.")
	case isTLS(err):
		e.Code, e.repetition = CodeTLSFailed, repeatNever
		e.Message = "No trusted TLS connection to " + c.base + "."
		e.Cause = "TLS: " + err.Error() + "."
		remedy("check_network", "For a private certificate set WithCAFile or VALETKEY_CA_FILE to its authority's certificate; a development server writes it to ca.pem in its data folder.")
		remedy("check_network", "Else check that the host name is the certificate's, that the certificate has not expired, and this machine's clock.")
	case dialing && (errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "refused")):
		e.Code = CodeRefused
		e.Message = "Nothing answers at " + c.base + ": the connection was refused."
		e.Cause = "The server is not running, listens on another port, or a firewall refuses."
		remedy("check_network", "Check that the server runs, and host and port in env_url (VALETKEY_URL).")
	case isTimeout(err) && !dialing:
		// A time-out of the caller's own http.Client.
		return timedOut("The answer did not come within the time-out of the HTTP client.", err, call)
	default:
		e.Code = CodeConnectionFailed
		e.Message = "The connection to " + c.base + " broke or could not be made."
		e.Cause = "Network: " + err.Error() + "."
		remedy("check_network", "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY) between here and the server.")
		if call != nil && !call.repeatable && e.repetition == repeatCarefully {
			remedy("retry", "Check whether the call had its effect before you repeat it.")
		}
	}
	return &ConnectionError{e}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func isTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) ||
		errors.As(err, &host) || errors.As(err, &invalid) || errors.Is(err, http.ErrSchemeMismatch) ||
		strings.Contains(err.Error(), "tls: ")
}

// outOfTime is the error of a context that has ended.
func (c *core) outOfTime(ctx context.Context, call *call) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &ValetkeyError{
			Code: CodeCancelled, Message: "The call was cancelled.", Cause: "Its context was cancelled.",
			Remedies: []Remedy{{Action: "retry", Text: "Check whether the call had its effect before you repeat it."}},
			err:      ctx.Err(),
		}
	}
	if errors.Is(context.Cause(ctx), errCallTimeout) {
		return timedOut("The call took longer than its time-out of "+seconds(c.timeout)+".", context.DeadlineExceeded, call)
	}
	return timedOut("The deadline of the call's context passed.", context.DeadlineExceeded, call)
}

func timedOut(message string, err error, call *call) error {
	e := &ValetkeyError{
		Code: CodeTimeout, Message: message, err: err,
		Cause:    "The server, the network or the provider behind the server is slow.",
		Remedies: []Remedy{{Action: "retry", Text: "Raise the time-out (WithTimeout) or the context's deadline; for slow tools use ExecuteToolAsync."}},
	}
	if call != nil && call.method != http.MethodGet {
		e.Remedies = append(e.Remedies, Remedy{Action: "retry", Text: "Before you repeat the call, check whether it had its effect: ListExecutions shows tool calls."})
	}
	return &TimeoutError{e}
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
