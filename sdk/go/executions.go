package valetkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ExecutionStatus is how an execution stands. A server of tomorrow may send others than these.
type ExecutionStatus string

const (
	// ExecutionRunning: it goes on.
	ExecutionRunning ExecutionStatus = "RUNNING"
	// ExecutionSucceeded: it brought an answer.
	ExecutionSucceeded ExecutionStatus = "SUCCEEDED"
	// ExecutionFailed: it did not.
	ExecutionFailed ExecutionStatus = "FAILED"
	// ExecutionUnknown: the server ended before the outcome was known.
	ExecutionUnknown ExecutionStatus = "UNKNOWN"
)

// Execution is the record of one tool or proxied call.
type Execution struct {
	// ID is ex_….
	ID string `json:"id"`
	// Status is how it stands.
	Status ExecutionStatus `json:"status"`
	// ToolName is the tool's own name; empty for a proxied call.
	ToolName string `json:"tool_name,omitempty"`
	// Connector is the connector.
	Connector string `json:"connector"`
	// ConnectionID is conn_….
	ConnectionID string `json:"connection_id"`
	// ConnectedAccountID is ca_….
	ConnectedAccountID string `json:"connected_account_id"`
	// Identifier is the account's identifier.
	Identifier string `json:"identifier"`
	// ClientID is the API client that called.
	ClientID string `json:"client_id"`
	// Source is the door the call came through: rest, grpc, compat_rest, proxy, mcp.
	Source string `json:"source"`
	// AgentRunID is the caller's own id of an agent run; may be empty.
	AgentRunID string `json:"agent_run_id,omitempty"`
	// RequestID is the request that it was part of.
	RequestID string `json:"request_id"`
	// StartedAt is when it began.
	StartedAt time.Time `json:"started_at,omitzero"`
	// DurationUS is how long it took, in microseconds; nil while it runs.
	DurationUS *int64 `json:"duration_us"`
	// UpstreamRequest is the method and path that were sent to the provider, without the query; may be empty.
	UpstreamRequest string `json:"upstream_request,omitempty"`
	// UpstreamStatus is the provider's HTTP status; nil if it did not answer.
	UpstreamStatus *int `json:"upstream_status"`
	// UpstreamRequestID, of a tool call that failed, is the provider's name for the request, which its support asks for; may
	// be empty.
	UpstreamRequestID string `json:"upstream_request_id,omitempty"`
	// UpstreamBody, of a tool call that failed, is the beginning of the provider's answer, at most 2048 bytes, without secrets;
	// may be empty.
	UpstreamBody string `json:"upstream_body,omitempty"`
	// ErrorCode says why it failed, as a code of the catalogue; may be empty.
	ErrorCode string `json:"error_code,omitempty"`
	// ErrorMessage is the error as the caller got it; may be empty.
	ErrorMessage string `json:"error_message,omitempty"`
	// Data is the answer of a tool that ran in the background; else nil.
	Data any `json:"data"`
	// Error is the error of a tool that ran in the background; else nil.
	Error map[string]any `json:"error"`
	// Diagnosis, of a failed call that was asked for alone, is what a diagnosis says in short; else nil.
	Diagnosis *ShortDiagnosis `json:"diagnosis"`
}

// ExecutionFilter says which executions to list; every field given must fit.
type ExecutionFilter struct {
	// ConnectedAccountID is the account.
	ConnectedAccountID string
	// ConnectionID is the connection: conn_….
	ConnectionID string
	// ToolName is the tool.
	ToolName string
	// Status is the status.
	Status ExecutionStatus
	// PageSize is how many executions are fetched at once: 1 to 100. Default: 20.
	PageSize int
}

const executionsPath = "/v1/connect/executions"

// GetExecution gives the record of a call.
//
// Errors: [NotFoundError] (execution_not_found).
func (a *Actions) GetExecution(ctx context.Context, executionID string) (*Execution, error) {
	segment, err := segment("execution_id", executionID)
	if err != nil {
		return nil, err
	}
	return get[Execution](ctx, a.core, executionsPath+"/"+segment, nil)
}

// ListExecutions lists the records of calls, newest first.
func (a *Actions) ListExecutions(ctx context.Context, filter ExecutionFilter) List[*Execution] {
	return pages[Execution](ctx, a.core, executionsPath, values(
		"connected_account_id", filter.ConnectedAccountID, "connection_id", filter.ConnectionID,
		"tool_name", filter.ToolName, "status", string(filter.Status), "page_size", size(filter.PageSize),
	), nil)
}

// DefaultWait is how long [Actions.WaitForExecution] waits unless told otherwise.
const DefaultWait = 5 * time.Minute

// WaitForExecution asks for an execution until it has ended. A failed execution is no error: see its Status and Error.
// timeout bounds the wait; 0 means [DefaultWait].
//
// Errors: [TimeoutError] with the ExecutionID if it still runs then.
func (a *Actions) WaitForExecution(ctx context.Context, executionID string, timeout time.Duration) (*Execution, error) {
	if timeout <= 0 {
		timeout = DefaultWait
	}
	end := a.core.now().Add(timeout)
	stillRunning := &TimeoutError{&ValetkeyError{
		Code:        CodeTimeout,
		Message:     fmt.Sprintf("The execution %s was still running after %s.", executionID, seconds(timeout)),
		Cause:       "The tool takes longer than the time-out of the wait.",
		Remedies:    []Remedy{{Action: "wait", Text: "Wait again for the same execution; it goes on."}},
		ExecutionID: executionID,
		err:         context.DeadlineExceeded,
	}}
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		execution, err := a.ask(ctx, executionID, end.Sub(a.core.now()))
		if errors.Is(err, errWaitOver) {
			return nil, stillRunning
		}
		if err != nil || execution.Status != ExecutionRunning {
			return execution, err
		}
		left := end.Sub(a.core.now())
		if left <= 0 {
			return nil, stillRunning
		}
		if err := a.core.sleep(ctx, min(wait, left)); err != nil {
			return nil, a.core.ended(ctx, err, &call{method: http.MethodGet})
		}
	}
}

// errWaitOver says that a question had no answer when the wait for an execution was over.
var errWaitOver = errors.New("the wait is over")

// ask asks for an execution once; the question ends with the wait. The last one may still be asked when that is over.
func (a *Actions) ask(ctx context.Context, executionID string, left time.Duration) (*Execution, error) {
	if left <= 0 || a.core.timeout > 0 && a.core.timeout < left {
		return a.GetExecution(ctx, executionID)
	}
	bounded, cancel := a.core.within(ctx, left)
	defer cancel()
	execution, err := a.GetExecution(bounded, executionID)
	if ctx.Err() == nil && errors.Is(context.Cause(bounded), errCallTimeout) && codeIs(err, CodeTimeout) {
		return nil, errWaitOver
	}
	return execution, err
}
