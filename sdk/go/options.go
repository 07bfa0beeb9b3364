package valetkey

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"
)

// Option sets one thing about a client; see [NewValetkeyClient].
type Option func(*settings)

// settings are what the options and the environment say, before they are checked.
type settings struct {
	envURL        string
	clientID      string
	clientSecret  Secret
	apiToken      Secret
	caFile        string
	rootCAs       *x509.CertPool
	proxyURL      string
	httpClient    *http.Client
	timeout       time.Duration
	maxRetries    int
	maxRetryAfter time.Duration
	logger        *slog.Logger
	debug         bool
	userAgent     string
	sleep         func(context.Context, time.Duration) error
	random        func() float64
	now           func() time.Time
}

// WithEnvURL names the server: https://valetkey.example.com. Default: the variable VALETKEY_URL.
func WithEnvURL(url string) Option { return func(s *settings) { s.envURL = url } }

// WithClientID is the id of the API client whose access tokens are used. Default: VALETKEY_CLIENT_ID.
func WithClientID(id string) Option { return func(s *settings) { s.clientID = id } }

// WithClientSecret is the secret of the API client. Default: VALETKEY_CLIENT_SECRET.
func WithClientSecret(secret string) Option {
	return func(s *settings) { s.clientSecret = Secret(secret) }
}

// WithAPIToken uses a static API token (vk_…) instead of an API client's access tokens. Default: VALETKEY_API_TOKEN,
// where neither a client id nor a client secret is given.
func WithAPIToken(token string) Option { return func(s *settings) { s.apiToken = Secret(token) } }

// WithCAFile names a file of certificates in PEM to trust beside the system's. Default: VALETKEY_CA_FILE.
func WithCAFile(path string) Option { return func(s *settings) { s.caFile = path } }

// WithRootCAs replaces the certificates that are trusted. A CA file is then added to a copy of them.
func WithRootCAs(pool *x509.CertPool) Option { return func(s *settings) { s.rootCAs = pool } }

// WithProxy names an HTTP proxy: http://proxy.example.com:3128. Default: the variables HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY. "none" uses no proxy whatever they say.
func WithProxy(url string) Option { return func(s *settings) { s.proxyURL = url } }

// WithHTTPClient sends through a client of your own. Certificates and proxy are then its business; its Timeout holds
// for every single attempt. Redirects are never followed, so that the credential goes nowhere else, and its cookie jar
// is not used.
func WithHTTPClient(client *http.Client) Option {
	return func(s *settings) { s.httpClient = client }
}

// WithTimeout bounds each call in all, retries and waits included. Default: 60 seconds; 0 sets no bound but the
// context's.
func WithTimeout(timeout time.Duration) Option { return func(s *settings) { s.timeout = timeout } }

// WithMaxRetries says how often a call that may be repeated is sent again. Default: 3; 0 never repeats.
func WithMaxRetries(retries int) Option { return func(s *settings) { s.maxRetries = retries } }

// WithMaxRetryAfter is the longest wait before a repetition that a Retry-After of the server is followed for; told to
// wait longer, the call fails at once with the error that says how long. Default: 30 seconds.
func WithMaxRetryAfter(wait time.Duration) Option {
	return func(s *settings) { s.maxRetryAfter = wait }
}

// WithLogger logs every request and answer to this logger at level debug: method, path, status, duration and ids,
// never a secret and never a body.
func WithLogger(logger *slog.Logger) Option { return func(s *settings) { s.logger = logger } }

// WithDebug logs to standard error at level debug, unless [WithLogger] names a logger.
func WithDebug(debug bool) Option { return func(s *settings) { s.debug = debug } }

// WithUserAgent adds a name of your app to the SDK's in the User-Agent header: shop/1.2.
func WithUserAgent(name string) Option { return func(s *settings) { s.userAgent = name } }

// WithSleep replaces how the client waits before a repetition, so that tests of retries take no time. It must return
// the context's error if the context ends first.
func WithSleep(sleep func(ctx context.Context, wait time.Duration) error) Option {
	return func(s *settings) { s.sleep = sleep }
}

// WithRandom replaces the source of jitter, for tests: numbers from 0 (inclusive) to 1 (exclusive).
func WithRandom(random func() float64) Option { return func(s *settings) { s.random = random } }

// WithClock replaces the clock that says when an access token is due for renewal, for tests.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }
