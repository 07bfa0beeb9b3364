package valetkey

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// ToolCall is a call of a tool. Say whose account it is for by ConnectedAccountID, or by Identifier with or without
// ConnectionName.
type ToolCall struct {
	// ToolName is the tool, by its own name or an alias. Required.
	ToolName string
	// ToolInput is what the tool's input schema asks for. Default: {}.
	ToolInput map[string]any
	// ConnectedAccountID is the account: ca_….
	ConnectedAccountID string
	// Identifier is the caller's own id of the user.
	Identifier string
	// ConnectionName is the name of the connection; without it, the one of the tool's connector that has an account of
	// this identifier.
	ConnectionName string
	// AccountName says which of several accounts that the user has on the connection. Default: the one without a name,
	// else the only one.
	AccountName string
	// OrganizationID is the caller's own id of the user's organization.
	OrganizationID string
	// UserID is a further id of the caller's.
	UserID string
	// AgentRunID is the caller's own id of an agent run, kept with the execution.
	AgentRunID string
	// Timeout is the longest that the call may take at the server; rounded to milliseconds. How long to wait for the
	// server is the client's [WithTimeout], or the context's deadline.
	Timeout time.Duration
	// MaxAge, for a tool that is Cacheable, is how old an answer may be that was given before; to the second. Default:
	// the provider is asked.
	MaxAge time.Duration
	// IdempotencyKey makes sure that a call is done once: the same key and the same call give the same answer. Default:
	// a fresh one, which covers the repeats within this call; give one to cover those of your own.
	IdempotencyKey string
}

// ToolResult is what a tool call brought.
type ToolResult struct {
	// ExecutionID is the record of the call: ex_….
	ExecutionID string `json:"execution_id"`
	// ConnectedAccountID is the account that was used.
	ConnectedAccountID string `json:"connected_account_id"`
	// ToolName is the tool's own name.
	ToolName string `json:"tool_name"`
	// Data is the tool's answer, an object as a rule: map[string]any, with numbers as float64 as encoding/json gives
	// them. Use Decode for a type of your own, and for whole numbers above 2^53.
	Data any `json:"data"`
	// Cached says whether the answer was given before and the provider was not asked; see MaxAge of [ToolCall].
	Cached bool `json:"cached,omitempty"`
	// Age is how old such an answer is, in seconds.
	Age int `json:"age,omitempty"`

	raw json.RawMessage
}

// Decode reads the tool's answer into a value of your own, as json.Unmarshal does.
func (r *ToolResult) Decode(into any) error { return json.Unmarshal(r.raw, into) }

// UnmarshalJSON keeps the tool's answer as it came, beside reading it.
func (r *ToolResult) UnmarshalJSON(text []byte) error {
	type bare ToolResult
	var fields struct {
		bare
		Raw json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*r = ToolResult(fields.bare)
	r.raw = fields.Raw
	if r.raw == nil {
		r.raw = json.RawMessage("null")
	}
	return json.Unmarshal(r.raw, &r.Data)
}

// StartedExecution is a tool call that goes on in the background.
type StartedExecution struct {
	// ExecutionID is its record: ex_…; see [Actions.WaitForExecution].
	ExecutionID string `json:"execution_id"`
	// Status is RUNNING.
	Status ExecutionStatus `json:"status"`
}

// Tool is a tool of a connector.
type Tool struct {
	// Name is its name: gmail_get_profile.
	Name string `json:"name"`
	// Connector is its connector.
	Connector string `json:"connector"`
	// Provider is the connector's official upper-case name.
	Provider string `json:"provider"`
	// Definition holds name, description, input_schema and annotations, to hand to a model as they are.
	Definition map[string]any `json:"definition"`
	// Cacheable says whether it accepts a MaxAge.
	Cacheable bool `json:"cacheable,omitempty"`
}

// FoundTool is a tool that fits a search.
type FoundTool struct {
	// Tool is the tool.
	Tool Tool `json:"tool"`
	// Description is what it does.
	Description string `json:"description"`
	// Score is how well it fits, from 0 to 1.
	Score float64 `json:"score"`
	// Connections are those of its connector; empty when no user was named.
	Connections []ConnectionReadiness `json:"connections"`
}

// ConnectionReadiness is how a tool stands with one connection.
type ConnectionReadiness struct {
	// ConnectionName is the name of the connection.
	ConnectionName string `json:"connection_name"`
	// State is READY, NEEDS_CONNECTION or NEEDS_REAUTH.
	State string `json:"state"`
	// ConnectedAccountID is the user's account on it, if there is one.
	ConnectedAccountID string `json:"connected_account_id,omitempty"`
	// AccountName tells that account apart from others of the user on the connection; may be empty.
	AccountName string `json:"account_name,omitempty"`
}

// ToolFilter says which tools to list; every field given must fit.
type ToolFilter struct {
	// Connector is the connector.
	Connector string
	// ConnectionName is a connection of the connector.
	ConnectionName string
	// Identifier is a user who has an account for it.
	Identifier string
	// Query are words that must occur.
	Query string
	// PageSize is how many tools are fetched at once: 1 to 100. Default: 20.
	PageSize int
}

// ToolSearch is what is looked for.
type ToolSearch struct {
	// Query is what the tool shall do, in words. Required.
	Query string
	// Identifier, if given, asks how each tool stands with this user's connections.
	Identifier string
	// Limit is how many tools at most: 1 to 100. Default: 10.
	Limit int
}

const (
	toolsPath   = "/v1/connect/tools"
	executePath = toolsPath + "/execute"
)

// ExecuteTool calls a tool and waits for its answer. It is repeated where that helps, under one Idempotency-Key.
//
// Errors: [AccountNotActiveError] with an AuthorizationLink to send to the user, [InsufficientScopeError],
// [InvalidRequestError] (tool_input_invalid) with Fields, [ToolError] for what the provider refused or failed,
// [TimeoutError]; see also [ValetkeyError].
func (a *Actions) ExecuteTool(ctx context.Context, tool ToolCall) (*ToolResult, error) {
	return execute[ToolResult](ctx, a.core, tool, "")
}

// ExecuteToolAsync starts a tool and does not wait; [Actions.WaitForExecution] does.
func (a *Actions) ExecuteToolAsync(ctx context.Context, tool ToolCall) (*StartedExecution, error) {
	return execute[StartedExecution](ctx, a.core, tool, "async")
}

// BatchResult is what one call of a batch brought: one of the two.
type BatchResult struct {
	// Result is what the tool brought; nil if it brought nothing.
	Result *ToolResult
	// Err says why it brought nothing: an error of the type that [Actions.ExecuteTool] would have returned.
	Err error
}

// ExecuteTools calls up to 50 tools in one request; the server makes a few at a time. One that fails takes no other
// along: there is one result for each call, in their order. Each call carries an idempotency key of its own, so that the
// whole is repeated where that helps.
//
// Errors: [InvalidRequestError] if there are too many calls, or none; those of single calls are in their results.
func (a *Actions) ExecuteTools(ctx context.Context, calls []ToolCall) ([]BatchResult, error) {
	return batch(ctx, a.core, calls, "", func(result *ToolResult, err error) BatchResult { return BatchResult{result, err} })
}

// BatchStart is what became of one call of a batch that goes on in the background: one of the two.
type BatchStart struct {
	// Started is the call that goes on; see [Actions.WaitForExecution].
	Started *StartedExecution
	// Err says why it was not taken on: an error of the type that [Actions.ExecuteToolAsync] would have returned.
	Err error
}

// ExecuteToolsAsync starts up to 50 tools and waits for none of them; [Actions.WaitForExecution] does. For the rest it
// is as [Actions.ExecuteTools]; such calls take no MaxAge.
//
// Errors: [InvalidRequestError] if there are too many calls, or none; those of single calls are in their results.
func (a *Actions) ExecuteToolsAsync(ctx context.Context, calls []ToolCall) ([]BatchStart, error) {
	return batch(ctx, a.core, calls, "async", func(started *StartedExecution, err error) BatchStart { return BatchStart{started, err} })
}

// batch sends many calls in one request; item makes what is given of each one's success or error.
func batch[T, R any](ctx context.Context, c *core, calls []ToolCall, mode string, item func(*T, error) R) ([]R, error) {
	bodies := make([]map[string]any, len(calls))
	for i, tool := range calls {
		body, key, err := tool.wire()
		if err != nil {
			return nil, err
		}
		give(body, "idempotency_key", key)
		bodies[i] = body
	}
	sent := &call{method: http.MethodPost, path: executePath + "/batch", repeatable: true}
	body := map[string]any{"calls": bodies}
	give(body, "mode", mode)
	got, err := send[struct {
		Results []json.RawMessage `json:"results"`
	}](ctx, c, sent, body)
	if err != nil {
		return nil, err
	}
	if len(got.Results) != len(calls) {
		return nil, unreadable(&answer{status: http.StatusOK}, "The answer does not have a result for each call.")
	}
	results := make([]R, len(calls))
	for i, raw := range got.Results {
		results[i] = item(batchItem[T](raw))
	}
	return results, nil
}

func batchItem[T any](raw json.RawMessage) (*T, error) {
	if err := itemFailure(raw); err != nil {
		return nil, err
	}
	value := new(T)
	if json.Unmarshal(raw, value) != nil {
		return nil, unreadable(&answer{status: http.StatusOK}, "The result of a call is not the JSON that was expected.")
	}
	return value, nil
}

// wire is what is sent of a call, and its key.
func (tool ToolCall) wire() (body map[string]any, key string, err error) {
	switch {
	case tool.ToolName == "":
		return nil, "", invalidArgument("tool_name is required.", "tool_name")
	case tool.ConnectedAccountID != "":
		if err := (AccountRef{tool.ConnectedAccountID, tool.Identifier, tool.ConnectionName, tool.AccountName}).check(); err != nil {
			return nil, "", err
		}
	}
	body = map[string]any{"tool_name": tool.ToolName, "tool_input": tool.ToolInput}
	if tool.ToolInput == nil {
		body["tool_input"] = map[string]any{}
	}
	give(body, "connected_account_id", tool.ConnectedAccountID)
	give(body, "identifier", tool.Identifier)
	give(body, "connection_name", tool.ConnectionName)
	give(body, "account_name", tool.AccountName)
	give(body, "organization_id", tool.OrganizationID)
	give(body, "user_id", tool.UserID)
	give(body, "agent_run_id", tool.AgentRunID)
	give(body, "timeout_ms", tool.Timeout.Milliseconds())
	give(body, "max_age", int64(tool.MaxAge/time.Second))
	// A call that may be answered from before needs no key: only tools that change nothing can be.
	if key = tool.IdempotencyKey; key == "" && tool.MaxAge == 0 {
		key = freshKey()
	}
	return body, key, nil
}

func execute[T any](ctx context.Context, c *core, tool ToolCall, mode string) (*T, error) {
	body, key, err := tool.wire()
	if err != nil {
		return nil, err
	}
	give(body, "mode", mode)
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return send[T](ctx, c, &call{method: http.MethodPost, path: executePath, repeatable: true, header: header}, body)
}

// ListTools lists tools, by connector.
func (a *Actions) ListTools(ctx context.Context, filter ToolFilter) List[*Tool] {
	return pages[Tool](ctx, a.core, toolsPath, values(
		"connector", filter.Connector, "connection_name", filter.ConnectionName, "identifier", filter.Identifier,
		"query", filter.Query, "page_size", size(filter.PageSize),
	), nil)
}

// SearchTools finds the tools that fit a task in words, best first.
func (a *Actions) SearchTools(ctx context.Context, search ToolSearch) ([]FoundTool, error) {
	body := map[string]any{"query": search.Query}
	give(body, "identifier", search.Identifier)
	give(body, "limit", search.Limit)
	found, err := send[struct {
		Items []FoundTool `json:"items"`
	}](ctx, a.core, &call{method: http.MethodPost, path: toolsPath + "/search", repeatable: true}, body)
	if err != nil {
		return nil, err
	}
	return found.Items, nil
}

// GetTool gives a tool by its name.
//
// Errors: [NotFoundError] (tool_not_found).
func (a *Actions) GetTool(ctx context.Context, name string) (*Tool, error) {
	segment, err := segment("name", name)
	if err != nil {
		return nil, err
	}
	return get[Tool](ctx, a.core, toolsPath+"/"+segment, nil)
}
