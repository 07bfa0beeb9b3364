package valetkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// errCallTimeout is the cause of a context that ended because of [WithTimeout].
var errCallTimeout = errors.New("the call's time-out passed")

// call is one request to the server, as often as it is sent.
type call struct {
	method      string
	path        string // percent-encoded, begins with a slash
	query       url.Values
	header      http.Header
	body        []byte
	contentType string
	// repeatable: sending it again does no harm.
	repeatable bool
	// anonymous: without a bearer token.
	anonymous bool
	// proxied: the answer may be the provider's.
	proxied bool
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) executionID() string { return a.header.Get("X-Execution-Id") }

// do sends a call within the client's time-out, again where that helps and does no harm.
func (c *core) do(ctx context.Context, call *call) (*answer, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	ctx, cancel := c.begin(ctx)
	defer cancel()
	deadline, _ := ctx.Value(endKey{}).(time.Time)
	return c.repeat(ctx, call, deadline)
}

// endKey finds, in a context, when a call must have ended.
type endKey struct{}

// begin puts all requests that are made with the context under one time-out of the client, which begins now.
func (c *core) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, begun := ctx.Value(endKey{}).(time.Time); begun || c.timeout <= 0 {
		return ctx, func() {}
	}
	return c.within(ctx, c.timeout)
}

// within is begin with a time-out other than the client's.
func (c *core) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithTimeoutCause(ctx, timeout, errCallTimeout)
	return context.WithValue(bounded, endKey{}, c.now().Add(timeout)), cancel
}

func (c *core) repeat(ctx context.Context, call *call, deadline time.Time) (*answer, error) {
	renewed := false
	repeats := 0
	for attempt := 1; ; attempt++ {
		token := ""
		if !call.anonymous {
			var err error
			if token, err = c.auth.bearer(ctx, deadline); err != nil {
				return nil, err
			}
		}
		got, err := c.attempt(ctx, call, token, attempt)
		theirs := call.proxied && got != nil && got.executionID() != ""
		if err == nil {
			if failed := c.failure(call, got); failed != nil {
				err = failed
			} else {
				return got, nil
			}
		}
		// What was refused for its token was not done: any call may be sent again.
		if got != nil && got.status == http.StatusUnauthorized && !theirs && !call.anonymous {
			if c.auth.refused(token) && !renewed {
				renewed = true
				continue
			}
		}
		wait, again := c.backoff(call, err, repeats)
		if !again || c.outlasts(ctx, deadline, wait) {
			if theirs {
				return got, nil
			}
			return nil, err
		}
		c.logRepeat(ctx, call, wait, err)
		if slept := c.sleep(ctx, wait); slept != nil {
			return nil, c.ended(ctx, slept, call)
		}
		repeats++
	}
}

// outlasts says whether a wait would end after the call's time is over.
func (c *core) outlasts(ctx context.Context, deadline time.Time, wait time.Duration) bool {
	if !deadline.IsZero() && c.now().Add(wait).After(deadline) {
		return true
	}
	end, bounded := ctx.Deadline()
	return bounded && time.Until(end) < wait && !errors.Is(context.Cause(ctx), errCallTimeout)
}

// attempt sends a call once.
func (c *core) attempt(ctx context.Context, call *call, token string, number int) (*answer, error) {
	target := c.base + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	var body io.Reader
	if call.body != nil {
		body = bytes.NewReader(call.body)
	}
	request, err := http.NewRequestWithContext(ctx, call.method, target, body)
	if err != nil {
		return nil, invalidArgument("The request cannot be made: its method or path is not valid.", "method")
	}
	for name, values := range call.header {
		request.Header[name] = slices.Clone(values)
	}
	if call.contentType != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", call.contentType)
	}
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json")
	}
	request.Header.Set("User-Agent", c.userAgent)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	c.logRequest(ctx, call, number)
	began := time.Now()
	got, err := c.exchange(request)
	if err != nil {
		err = c.ended(ctx, err, call)
	}
	c.logAnswer(ctx, call, got, err, time.Since(began))
	return got, err
}

func (c *core) exchange(request *http.Request) (*answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		// The wrapper repeats method and URL, and a proxied URL may hold a key.
		var wrapper *url.Error
		if errors.As(err, &wrapper) {
			err = wrapper.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	got := &answer{status: response.StatusCode, header: response.Header, body: body}
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, unreadable(got, fmt.Sprintf("The answer is larger than %d MiB.", maxAnswer>>20))
	}
	return got, nil
}

// send makes a call of the API and reads its answer as T. A body that is not nil is sent as JSON.
func send[T any](ctx context.Context, c *core, call *call, body any) (*T, error) {
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, invalidArgument("The request cannot be written as JSON: "+err.Error(), "")
		}
		call.body, call.contentType = encoded, "application/json"
	}
	got, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(got.body, value); err != nil {
		return nil, unreadable(got, "The answer is not the JSON that was expected.")
	}
	return value, nil
}

func get[T any](ctx context.Context, c *core, path string, query url.Values) (*T, error) {
	return send[T](ctx, c, &call{method: http.MethodGet, path: path, query: query, repeatable: true}, nil)
}

// segment is a name or an id as one segment of a path.
func segment(what, value string) (string, error) {
	if value == "" || value == "." || value == ".." {
		return "", invalidArgument(fmt.Sprintf("%s must not be empty, \".\" or \"..\".", what), what)
	}
	return escape(value, unreserved), nil
}

func unreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '.' || b == '_' || b == '~'
}

func escape(text string, keep func(byte) bool) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(text)+8)
	for i := range len(text) {
		if b := text[i]; keep(b) {
			out = append(out, b)
		} else {
			out = append(out, '%', digits[b>>4], digits[b&15])
		}
	}
	return string(out)
}

// values collects what is given of a query.
func values(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}
