package valetkey

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Version is the version of this SDK.
const Version = "0.1.0"

// ValetkeyClient is a client of one Valetkey server. It is safe for use by many goroutines; keep one.
type ValetkeyClient struct {
	// Actions are connected accounts, authorization links, tools, executions, diagnoses and proxied requests.
	Actions *Actions
	// Connections are the configured connectors, and the connectors themselves.
	Connections *Connections
	// Webhooks are addresses of your app that are told of events.
	Webhooks *Webhooks

	core *core
}

// NewValetkeyClient makes a client. What the options leave out is taken from the environment: VALETKEY_URL,
// VALETKEY_CLIENT_ID and VALETKEY_CLIENT_SECRET, or VALETKEY_API_TOKEN, and VALETKEY_CA_FILE.
//
// It opens no connection. A missing or wrong setting is reported by [ValetkeyClient.Err] and as a [ConfigurationError]
// of every call.
func NewValetkeyClient(options ...Option) *ValetkeyClient {
	s := settings{
		timeout:       60 * time.Second,
		maxRetries:    3,
		maxRetryAfter: 30 * time.Second,
		sleep:         sleepInEarnest,
		random:        mathrand.Float64,
		now:           time.Now,
	}
	for _, option := range options {
		option(&s)
	}
	core := newCore(s)
	return &ValetkeyClient{Actions: &Actions{core}, Connections: &Connections{core}, Webhooks: &Webhooks{core}, core: core}
}

// Err is the [ConfigurationError] that every call would return, or nil if the settings are complete.
func (c *ValetkeyClient) Err() error { return c.core.fault }

// CloseIdleConnections closes connections that are not in use. A client needs no closing; this frees them earlier.
func (c *ValetkeyClient) CloseIdleConnections() { c.core.http.CloseIdleConnections() }

// String names the server, and no secret.
func (c *ValetkeyClient) String() string { return "ValetkeyClient(" + c.core.base + ")" }

// GoString is the same as String.
func (c *ValetkeyClient) GoString() string { return c.String() }

// core is what all parts of a client share.
type core struct {
	base          string
	http          *http.Client
	auth          authorizer
	log           *slog.Logger
	userAgent     string
	timeout       time.Duration
	maxRetries    int
	maxRetryAfter time.Duration
	sleep         func(context.Context, time.Duration) error
	random        func() float64
	now           func() time.Time
	fault         error
}

func newCore(s settings) *core {
	c := &core{
		userAgent:     strings.TrimSpace("valetkey-go/" + Version + " " + s.userAgent),
		timeout:       s.timeout,
		maxRetries:    max(s.maxRetries, 0),
		maxRetryAfter: s.maxRetryAfter,
		sleep:         s.sleep,
		random:        s.random,
		now:           s.now,
		log:           newLogger(s),
		http:          &http.Client{},
	}
	var problems []misconfiguration
	c.base = c.takeURL(s, &problems)
	c.takeCredentials(s, &problems)
	c.takeHTTPClient(s, &problems)
	if len(problems) > 0 {
		c.fault = misconfigured(problems)
	}
	return c
}

// or is the option, or else the variable of the environment.
func or(option, variable string) string {
	if option != "" {
		return option
	}
	return os.Getenv(variable)
}

func (c *core) takeURL(s settings, problems *[]misconfiguration) string {
	text := or(s.envURL, "VALETKEY_URL")
	if text == "" {
		*problems = append(*problems, misconfiguration{
			"no server is named", "Set WithEnvURL or the variable VALETKEY_URL to the server's address: https://valetkey.example.com.",
		})
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http") ||
		parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		// The text is not repeated: it may hold a password.
		*problems = append(*problems, misconfiguration{
			"the server's URL is not an http(s) address without user, query and fragment",
			"Set env_url (WithEnvURL or VALETKEY_URL) to an address such as https://valetkey.example.com.",
		})
		return ""
	}
	return strings.TrimRight(parsed.String(), "/")
}

// takeCredentials follows the rule of all SDKs: options go before the environment; of the latter the API token goes
// before client credentials.
func (c *core) takeCredentials(s settings, problems *[]misconfiguration) {
	token, id, secret := string(s.apiToken), s.clientID, string(s.clientSecret)
	given := token != "" || id != "" || secret != ""
	if !given {
		token = os.Getenv("VALETKEY_API_TOKEN")
	}
	if token == "" {
		id, secret = or(id, "VALETKEY_CLIENT_ID"), or(secret, "VALETKEY_CLIENT_SECRET")
	}
	var problem misconfiguration
	switch {
	case token != "" && (id != "" || secret != ""):
		problem = misconfiguration{"api_token and client_id or client_secret are both given", "Give either WithAPIToken, or WithClientID and WithClientSecret."}
	case token != "":
		c.auth = staticToken(token)
		return
	case id != "" && secret != "":
		c.auth = newClientCredentials(c, id, secret)
		return
	case id == "" && secret == "":
		problem = misconfiguration{"no credentials are given", "Set WithClientID and WithClientSecret (VALETKEY_CLIENT_ID and VALETKEY_CLIENT_SECRET), or WithAPIToken (VALETKEY_API_TOKEN)."}
	case secret == "":
		problem = misconfiguration{"client_id is given without client_secret", "Set WithClientSecret or VALETKEY_CLIENT_SECRET too."}
	default:
		problem = misconfiguration{"client_secret is given without client_id", "Set WithClientID or VALETKEY_CLIENT_ID too."}
	}
	*problems = append(*problems, problem)
}

func (c *core) takeHTTPClient(s settings, problems *[]misconfiguration) {
	if s.httpClient != nil {
		own := *s.httpClient
		// It may keep cookies that providers send with proxied answers, of all users.
		own.Jar = nil
		c.http = &own
	} else {
		transport := &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        100,
			MaxIdleConnsPerHost: 32,
			// The server ends connections that were idle for 30 s.
			IdleConnTimeout:        20 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: 1 << 20,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.rootCAs},
		}
		if path := or(s.caFile, "VALETKEY_CA_FILE"); path != "" {
			pool, problem := trust(s.rootCAs, path)
			if problem != nil {
				*problems = append(*problems, *problem)
			}
			transport.TLSClientConfig.RootCAs = pool
		}
		if s.proxyURL == "none" {
			transport.Proxy = nil
		} else if s.proxyURL != "" {
			proxy, err := url.Parse(s.proxyURL)
			if err != nil || proxy.Host == "" {
				*problems = append(*problems, misconfiguration{"the proxy's URL cannot be read", "Set WithProxy to an address such as http://proxy.example.com:3128, or to none."})
			}
			transport.Proxy = http.ProxyURL(proxy)
		}
		c.http = &http.Client{Transport: transport}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// trust is the pool (the system's if there is none) with the certificates of a file.
func trust(pool *x509.CertPool, path string) (*x509.CertPool, *misconfiguration) {
	if pool != nil {
		pool = pool.Clone()
	} else if system, err := x509.SystemCertPool(); err == nil {
		pool = system
	} else {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return pool, &misconfiguration{"the CA file cannot be read: " + err.Error(), "Set WithCAFile or VALETKEY_CA_FILE to a file of certificates in PEM that this process may read."}
	}
	if !pool.AppendCertsFromPEM(pem) {
		return pool, &misconfiguration{"the CA file " + path + " holds no certificate", "Set WithCAFile or VALETKEY_CA_FILE to a file of certificates in PEM (-----BEGIN CERTIFICATE-----)."}
	}
	return pool, nil
}

// misconfiguration is one setting that is wrong, and what to do about it.
type misconfiguration struct{ what, todo string }

func misconfigured(problems []misconfiguration) error {
	e := &ValetkeyError{Code: CodeMisconfigured, Cause: "A client needs a server and credentials, given to its constructor or in the environment."}
	var all []string
	for _, problem := range problems {
		all = append(all, problem.what)
		e.Remedies = append(e.Remedies, Remedy{Action: "check_credentials", Text: problem.todo})
	}
	e.Message = "The client is not set up: " + strings.Join(all, "; ") + "."
	return &ConfigurationError{e}
}

func sleepInEarnest(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// freshKey is an Idempotency-Key that nobody else has.
func freshKey() string {
	var bytes [16]byte
	if _, err := rand.Read(bytes[:]); err != nil {
		panic("valetkey: the system has no randomness: " + err.Error())
	}
	return hex.EncodeToString(bytes[:])
}
