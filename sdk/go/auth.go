package valetkey

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// authorizer gives the bearer token of requests.
type authorizer interface {
	// bearer gives a token that should work.
	bearer(ctx context.Context, deadline time.Time) (string, error)
	// refused drops a token that was answered with 401; true if another one can be had.
	refused(token string) bool
}

type staticToken Secret

func (t staticToken) bearer(context.Context, time.Time) (string, error) { return string(t), nil }
func (staticToken) refused(string) bool                                 { return false }

// clientCredentials gets access tokens by the client credentials grant (RFC 6749 §4.4) and keeps them.
type clientCredentials struct {
	core   *core
	id     string
	secret Secret

	// turn is held by the one who asks for a token; the others wait for it, or for their contexts.
	turn chan struct{}

	mu    sync.Mutex
	token string
	until time.Time
}

func newClientCredentials(c *core, id, secret string) *clientCredentials {
	return &clientCredentials{core: c, id: id, secret: Secret(secret), turn: make(chan struct{}, 1)}
}

func (a *clientCredentials) kept() (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.token, a.token != "" && a.core.now().Before(a.until)
}

func (a *clientCredentials) bearer(ctx context.Context, deadline time.Time) (string, error) {
	if token, ok := a.kept(); ok {
		return token, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", a.core.ended(ctx, ctx.Err(), nil)
	}
	if token, ok := a.kept(); ok {
		return token, nil
	}
	return a.obtain(ctx, deadline)
}

func (a *clientCredentials) refused(token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token = ""
	}
	return true
}

func (a *clientCredentials) obtain(ctx context.Context, deadline time.Time) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.id}, "client_secret": {string(a.secret)}}
	got, err := a.core.repeat(ctx, &call{
		method:      http.MethodPost,
		path:        "/oauth/token",
		body:        []byte(form.Encode()),
		contentType: "application/x-www-form-urlencoded",
		repeatable:  true,
		anonymous:   true,
	}, deadline)
	if err != nil {
		return "", err
	}
	var body struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if json.Unmarshal(got.body, &body) != nil || body.AccessToken == "" {
		return "", unreadable(got, "The token endpoint's answer holds no access token.")
	}
	if body.ExpiresIn <= 0 {
		body.ExpiresIn = 300
	}
	// Renewed when a tenth of its life is left, but at most a minute early.
	life := time.Duration(min(body.ExpiresIn, 365*24*3600) * float64(time.Second))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token, a.until = body.AccessToken, a.core.now().Add(life-min(life/10, time.Minute))
	return a.token, nil
}
