package valetkey

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// DiagnosisRequest says what is to be diagnosed: an account by ConnectedAccountID, or by Identifier and
// ConnectionName; a call by ExecutionID; or a connection by ConnectionName alone.
type DiagnosisRequest struct {
	// ConnectedAccountID is the account: ca_….
	ConnectedAccountID string
	// Identifier is the caller's own id of the user.
	Identifier string
	// ConnectionName is the name of the connection.
	ConnectionName string
	// AccountName says which of several accounts that the user has on the connection.
	AccountName string
	// ExecutionID is the call: ex_….
	ExecutionID string
	// Probe says whether to ask the provider as well, with a call that changes nothing. Default: the server's.
	Probe *bool
	// RegisteredRedirectURIs are those that the provider's console shows; a difference is found then.
	RegisteredRedirectURIs []string
}

// Diagnosis answers "why does it not work".
type Diagnosis struct {
	// Subject is what was looked at.
	Subject map[string]any `json:"subject"`
	// Verdict is healthy, degraded or broken.
	Verdict string `json:"verdict"`
	// Summary says it in prose.
	Summary string `json:"summary"`
	// Findings are what is wrong, the weightiest first.
	Findings []Finding `json:"findings"`
	// Steps are what was looked at.
	Steps []DiagnosisStep `json:"steps"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// Code is of the catalogue.
	Code string `json:"code"`
	// Severity is what it means for the subject: healthy, degraded or broken.
	Severity string `json:"severity,omitempty"`
	// Confidence is certain, likely or possible.
	Confidence string `json:"confidence"`
	// Actor is who must act: end_user, developer, provider_admin, operator or nobody.
	Actor string `json:"actor"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Cause says why.
	Cause string `json:"cause"`
	// Evidence is what it is concluded from.
	Evidence []Evidence `json:"evidence"`
	// Remedies say what to do, in order.
	Remedies []Remedy `json:"remedies"`
	// Docs is the page that explains the code.
	Docs string `json:"docs,omitempty"`
}

// Evidence is one thing that a finding is concluded from.
type Evidence struct {
	// Kind is event, execution, probe, …
	Kind string `json:"kind"`
	// Ref is its id.
	Ref string `json:"ref,omitempty"`
	// At is when it was, in RFC 3339.
	At string `json:"at,omitempty"`
	// Detail is what it says.
	Detail string `json:"detail,omitempty"`
}

// DiagnosisStep is one thing that was looked at.
type DiagnosisStep struct {
	// Name is what.
	Name string `json:"name"`
	// Outcome is how it went.
	Outcome string `json:"outcome"`
	// Detail is what was seen.
	Detail string `json:"detail,omitempty"`
}

// Diagnose says why an account, a call or a connection does not work, and what to do.
func (a *Actions) Diagnose(ctx context.Context, request DiagnosisRequest) (*Diagnosis, error) {
	account := AccountRef{request.ConnectedAccountID, request.Identifier, request.ConnectionName, request.AccountName}
	if request.ExecutionID == "" && account == (AccountRef{}) {
		return nil, invalidArgument("Nothing to diagnose is named: give execution_id, connected_account_id, or identifier and connection_name.", "execution_id")
	}
	if request.ExecutionID != "" && account != (AccountRef{}) {
		return nil, invalidArgument("Two things to diagnose are named: give execution_id, or an account.", "execution_id")
	}
	body := map[string]any{}
	if request.RegisteredRedirectURIs != nil {
		body["registered_redirect_uris"] = request.RegisteredRedirectURIs
	}
	if request.ConnectedAccountID != "" && len(body) == 0 {
		path, err := a.path(ctx, account, "/diagnosis")
		if err != nil {
			return nil, err
		}
		var query url.Values
		if request.Probe != nil {
			query = url.Values{"probe": {strconv.FormatBool(*request.Probe)}}
		}
		return get[Diagnosis](ctx, a.core, path, query)
	}
	if request.ExecutionID != "" {
		body["execution_id"] = request.ExecutionID
	} else {
		if err := account.check(); err != nil && account != AccountOf("", account.ConnectionName) {
			return nil, err
		}
		give(body, "account_id", account.ConnectedAccountID)
		give(body, "identifier", account.Identifier)
		give(body, "connection_name", account.ConnectionName)
		give(body, "account_name", account.AccountName)
	}
	if request.Probe != nil {
		body["probe"] = *request.Probe
	}
	return send[Diagnosis](ctx, a.core, &call{method: http.MethodPost, path: "/v1/connect/diagnoses", repeatable: true}, body)
}
