package valetkey

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstWait = 500 * time.Millisecond
	longWait  = 8 * time.Second
)

// repetition is what an error knows about sending its call again.
type repetition int

const (
	// repeatNever: it would fail again.
	repeatNever repetition = iota
	// repeatCarefully: the call may have had an effect.
	repeatCarefully
	// repeatFreely: nothing was done.
	repeatFreely
)

// backoff says whether a call that failed is sent again, and after which wait: full jitter, on top of what the server
// asked for.
func (c *core) backoff(call *call, err error, repeats int) (time.Duration, bool) {
	base := baseOf(err)
	if base == nil || repeats >= c.maxRetries {
		return 0, false
	}
	if base.repetition == repeatNever || base.repetition == repeatCarefully && !call.repeatable {
		return 0, false
	}
	if base.RetryAfter > c.maxRetryAfter {
		return 0, false
	}
	ceiling := longWait
	if repeats < 5 {
		ceiling = min(ceiling, firstWait<<repeats)
	}
	return base.RetryAfter + time.Duration(c.random()*float64(ceiling)), true
}

// repetitionOf follows the code, then the status. `retry` is what the error itself says, if it does.
func repetitionOf(code, retry string, status int) repetition {
	switch code {
	case "overloaded", "shutting_down":
		return repeatFreely
	case "upstream_proxy_auth_required", "upstream_response_too_large", "upstream_redirected":
		return repeatNever
	case "idempotency_in_progress":
		// The first sending of the same call still runs: asked again, the server gives its answer.
		return repeatCarefully
	}
	if retry == "never" || strings.HasPrefix(code, "upstream_tls_") {
		return repeatNever
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return repeatCarefully
	}
	return repeatNever
}

// retryAfter reads the header (RFC 9110 §10.2.3): seconds, or a date, which is taken against the answer's own Date so
// that a clock that is wrong here does no harm. 0 if it says nothing sensible.
func (c *core) retryAfter(header http.Header) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now := c.now()
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0)
}

// baseOf finds the root of an error of this package.
func baseOf(err error) *ValetkeyError {
	var base *ValetkeyError
	if errors.As(err, &base) {
		return base
	}
	return nil
}
