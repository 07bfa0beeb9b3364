package valetkey

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"
)

// newLogger is the logger of a client: the one given, one to standard error, or none.
func newLogger(s settings) *slog.Logger {
	switch {
	case s.logger != nil:
		return s.logger.With("logger", "valetkey")
	case s.debug:
		handler := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
		return slog.New(handler).With("logger", "valetkey")
	default:
		return slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	}
}

// What is logged about requests and answers is listed here field by field: never a header, never a body, and of a
// proxied request not even the query, since providers take keys there.

func (c *core) logRequest(ctx context.Context, call *call, attempt int) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	fields := []any{"method", call.method, "path", call.path, "attempt", attempt, "body_bytes", len(call.body)}
	if !call.proxied && len(call.query) > 0 {
		fields = append(fields, "query", call.query.Encode())
	}
	c.log.DebugContext(ctx, "request", fields...)
}

func (c *core) logAnswer(ctx context.Context, call *call, got *answer, err error, took time.Duration) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	fields := []any{"method", call.method, "path", call.path, "duration_ms", took.Milliseconds()}
	if got != nil {
		fields = append(fields, "status", got.status, "body_bytes", len(got.body))
		fields = append(fields, ids(got.header)...)
	}
	if base := baseOf(err); base != nil {
		fields = append(fields, "code", base.Code)
	}
	c.log.DebugContext(ctx, "answer", fields...)
}

func (c *core) logRepeat(ctx context.Context, call *call, wait time.Duration, err error) {
	code := ""
	if base := baseOf(err); base != nil {
		code = base.Code
	}
	c.log.DebugContext(ctx, "repeats", "method", call.method, "path", call.path, "wait_ms", wait.Milliseconds(), "code", code)
}

func ids(header http.Header) []any {
	var fields []any
	for _, name := range []struct{ header, field string }{{"X-Request-Id", "request_id"}, {"X-Execution-Id", "execution_id"}} {
		if value := header.Get(name.header); value != "" {
			fields = append(fields, name.field, value)
		}
	}
	return fields
}
