package valetkey

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// ProxyRequest is a request to a provider's API with an account's credential, which the caller never sees. Say whose
// account by ConnectedAccountID, or by Identifier and ConnectionName.
type ProxyRequest struct {
	// Method is the HTTP method. Default: GET.
	Method string
	// Path is below the connector's API base URL: /gmail/v1/users/me/messages. Escapes in it stay as they are.
	Path string
	// Query are the parameters.
	Query url.Values
	// Header are further headers; Authorization is not the caller's to set.
	Header http.Header
	// JSON, if not nil, is sent as the JSON body.
	JSON any
	// Body, if not nil, is sent as it is; set Content-Type in Header. Not together with JSON.
	Body []byte
	// ConnectedAccountID is the account: ca_….
	ConnectedAccountID string
	// Identifier is the caller's own id of the user.
	Identifier string
	// ConnectionName is the name of the connection.
	ConnectionName string
	// AccountName says which of several accounts that the user has on the connection.
	AccountName string
	// AgentRunID is the caller's own id of an agent run, kept with the execution.
	AgentRunID string
}

// ProxyResponse is the provider's answer, whatever its status.
type ProxyResponse struct {
	// Status is the provider's HTTP status.
	Status int
	// Header are the headers of the answer.
	Header http.Header
	// Body is the body as it came.
	Body []byte
	// ExecutionID is the record of the call: ex_….
	ExecutionID string
}

// Decode reads the body as JSON into a value of your own.
func (r *ProxyResponse) Decode(into any) error { return json.Unmarshal(r.Body, into) }

// Request sends a request to a provider's API. Answers of the provider are given as they are, errors too; GET and HEAD
// are repeated where that helps, everything else is sent once.
//
// Errors: those of [Actions.ExecuteTool].
func (a *Actions) Request(ctx context.Context, request ProxyRequest) (*ProxyResponse, error) {
	account := AccountRef{request.ConnectedAccountID, request.Identifier, request.ConnectionName, request.AccountName}
	if err := account.check(); err != nil {
		return nil, err
	}
	path, err := proxiedPath(request.Path)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, values := range request.Header {
		name = http.CanonicalHeaderKey(name)
		if name == "Authorization" {
			return nil, invalidArgument("The header Authorization is not the caller's to set: the account's credential goes there.", "headers")
		}
		header[name] = append(header[name], values...)
	}
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	if account.ConnectedAccountID == "" && !(printable(account.Identifier) && printable(account.ConnectionName) && printable(account.AccountName)) {
		found, err := a.find(ctx, account)
		if err != nil {
			return nil, err
		}
		account = AccountID(found.ID)
	}
	for name, value := range map[string]string{
		"connected_account_id": account.ConnectedAccountID, "identifier": account.Identifier,
		"connection_name": account.ConnectionName, "account_name": account.AccountName, "agent_run_id": request.AgentRunID,
	} {
		if value != "" {
			header[name] = []string{value}
		}
	}
	proxied := &call{method: strings.ToUpper(request.Method), path: path, query: request.Query, header: header, body: request.Body, proxied: true}
	if proxied.method == "" {
		proxied.method = http.MethodGet
	}
	proxied.repeatable = proxied.method == http.MethodGet || proxied.method == http.MethodHead
	if request.JSON != nil {
		if request.Body != nil {
			return nil, invalidArgument("JSON and Body are both given.", "json")
		}
		if proxied.body, err = json.Marshal(request.JSON); err != nil {
			return nil, invalidArgument("The body cannot be written as JSON: "+err.Error(), "json")
		}
		proxied.contentType = "application/json"
	}
	if header.Get("Accept") == "" {
		header.Set("Accept", "application/json, */*;q=0.9")
	}
	got, err := a.core.do(ctx, proxied)
	if err != nil {
		return nil, err
	}
	return &ProxyResponse{Status: got.status, Header: got.header, Body: got.body, ExecutionID: got.executionID()}, nil
}

// printable says whether a header can carry a text as it is.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return text == strings.TrimSpace(text)
}

// proxiedPath is the path below /proxy/. What would leave it, or be read differently on the way, is refused.
func proxiedPath(path string) (string, error) {
	refuse := func(what string) (string, error) {
		return "", invalidArgument("The path of a proxied request "+what+".", "path")
	}
	if path == "" {
		return refuse("is empty")
	}
	for i := range len(path) {
		if b := path[i]; b < ' ' || b == 0x7f || b == '?' || b == '#' || b == '\\' {
			return refuse("holds a control character, `?`, `#` or `\\`; parameters go into Query")
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		if plain == "." || plain == ".." {
			return refuse("has a segment `.` or `..`")
		}
	}
	var out strings.Builder
	out.WriteString("/proxy/")
	path = strings.TrimPrefix(path, "/")
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) && hexDigit(path[i+1]) && hexDigit(path[i+2]) {
			out.WriteString(path[i : i+3])
			i += 2
			continue
		}
		out.WriteString(escape(path[i:i+1], func(b byte) bool {
			return unreserved(b) || strings.IndexByte("/:@!$&'()*+,;=", b) >= 0
		}))
	}
	return out.String(), nil
}

func hexDigit(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}
