package consumer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock stands still but for what moves it.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	waits []float64
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

func (c *clock) sleep(ctx context.Context, wait time.Duration) error {
	c.mu.Lock()
	c.waits = append(c.waits, float64(wait)/float64(time.Millisecond))
	c.mu.Unlock()
	c.advance(wait)
	return ctx.Err()
}

func (c *clock) slept() []float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits
}

// script is a server that plays the exchanges of a case, over TLS.
type script struct {
	t         *testing.T
	clock     *clock
	server    *httptest.Server
	stranger  *httptest.Server // with a certificate that nobody trusts
	exchanges []exchange
	mu        sync.Mutex
	next      int
	bound     map[string]string
}

func newScript(t *testing.T, exchanges []exchange, clock *clock) *script {
	s := &script{t: t, clock: clock, exchanges: exchanges, bound: map[string]string{}}
	serve := func(certificates ...tls.Certificate) *httptest.Server {
		server := httptest.NewUnstartedServer(s)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{Certificates: certificates}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	s.server = serve()
	for _, exchange := range exchanges {
		if exchange.Fault == "tls" && s.stranger == nil {
			s.stranger = serve(strangersCertificate(t))
		}
	}
	return s
}

// client is an HTTP client that finds the script behind any name, and each exchange on a connection of its own.
func (s *script) client() *http.Client {
	trusted := s.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	dialer := &net.Dialer{}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// httptest's certificate is for example.com.
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			switch s.fault() {
			case "refused":
				s.passed()
				return dialer.DialContext(ctx, network, closedPort(s.t))
			case "dns":
				s.passed()
				return dialer.DialContext(ctx, network, "no-such-host.invalid:443")
			case "tls":
				s.passed()
				return dialer.DialContext(ctx, network, s.stranger.Listener.Addr().String())
			}
			return dialer.DialContext(ctx, network, s.server.Listener.Addr().String())
		},
	}}
}

// strangersCertificate is for the right name, but nobody vouches for it.
func strangersCertificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// closedPort is an address at which nothing listens any more.
func closedPort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *script) fault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next < len(s.exchanges) {
		return s.exchanges[s.next].Fault
	}
	return ""
}

func (s *script) passed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
}

func (s *script) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != len(s.exchanges) {
		s.t.Errorf("%d requests arrived, expected %d", s.next, len(s.exchanges))
	}
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("the request cannot be read: %v", err)
	}
	s.mu.Lock()
	if s.next >= len(s.exchanges) {
		s.next++
		s.mu.Unlock()
		s.t.Errorf("one request too many: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	now := s.exchanges[s.next]
	s.next++
	s.check(now, r, body)
	s.mu.Unlock()

	switch now.Fault {
	case "cut":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			s.t.Error(err)
			return
		}
		conn.Close()
		return
	case "timeout":
		<-r.Context().Done()
		// To return would answer with an empty 200, which the client can still read while it closes the connection.
		panic(http.ErrAbortHandler)
	}
	s.clock.advance(time.Duration(now.TakesMS * float64(time.Millisecond)))
	answer := []byte(now.Response.Text)
	if now.Response.JSON != nil {
		answer = now.Response.JSON
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range now.Response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(now.Response.Status)
	if len(answer) > 0 {
		_, _ = w.Write(answer)
	}
}

func (s *script) check(now exchange, r *http.Request, body []byte) {
	expected := now.Request
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if r.Method != expected.Method || path != expected.Path {
		s.t.Errorf("request %d is %s %s, expected %s %s", s.next, r.Method, path, expected.Method, expected.Path)
	}
	s.fields("query", expected.Query, query)
	headers := map[string]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	for name, want := range expected.Headers {
		got, there := headers[name]
		if !matches(want, got, there, s.bound) {
			s.t.Errorf("request %d has the header %s: %q, expected %v", s.next, name, got, want)
		}
	}
	switch {
	case expected.JSON != nil:
		var got any
		if err := json.Unmarshal(body, &got); err != nil || !exactly(expected.JSON, got, s.bound) {
			s.t.Errorf("request %d has the body %s, expected %v", s.next, body, expected.JSON)
		}
	case expected.Form != nil:
		s.fields("form", expected.Form, string(body))
	case len(body) > 0:
		s.t.Errorf("request %d has the body %q, expected none", s.next, body)
	}
}

// fields compares form-encoded text with the fields expected, none more and none less.
func (s *script) fields(what string, expected map[string]any, encoded string) {
	got, err := url.ParseQuery(encoded)
	if err != nil {
		s.t.Errorf("request %d has the %s %q: %v", s.next, what, encoded, err)
	}
	for name, values := range got {
		want, named := expected[name]
		if list, several := want.([]any); several {
			all := make([]any, len(values))
			for i, value := range values {
				all[i] = value
			}
			if !reflect.DeepEqual(all, list) {
				s.t.Errorf("request %d has %s in the %s: %v, expected %v", s.next, name, what, values, want)
			}
		} else if !named || len(values) != 1 || !matches(want, values[0], true, s.bound) {
			s.t.Errorf("request %d has %s in the %s: %v, expected %v", s.next, name, what, values, want)
		}
	}
	for name, want := range expected {
		if _, there := got[name]; !there && !matches(want, "", false, s.bound) {
			s.t.Errorf("request %d lacks %s in the %s", s.next, name, what)
		}
	}
}
