package consumer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

// server is a real `valetkey dev` with its simulator.
type server struct {
	t       *testing.T
	env     map[string]string
	roots   *x509.CertPool
	control *http.Client
	sim     string
}

// start runs the binary that VALETKEY_BIN names; the script that runs these tests always sets it.
func start(t *testing.T, extra ...string) *server {
	t.Helper()
	binary := os.Getenv("VALETKEY_BIN")
	if binary == "" {
		t.Skip("VALETKEY_BIN names no valetkey binary")
	}
	folder := t.TempDir()
	envFile := filepath.Join(folder, "env")
	output, err := os.Create(filepath.Join(folder, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, append([]string{
		"dev", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(folder, "data"), "--env-file", envFile,
	}, extra...)...)
	command.Stdout, command.Stderr, command.Dir = output, output, folder
	// The server takes every variable VALETKEY_… for a setting and refuses those of these tests.
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "VALETKEY_") })
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			text, _ := os.ReadFile(output.Name())
			t.Logf("the server said:\n%s", tail(text, 4000))
		}
		output.Close()
	})
	s := &server{t: t, env: map[string]string{}}
	var text []byte
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if text, err = os.ReadFile(envFile); err == nil {
			break
		}
		select {
		case <-ended:
			t.Fatal("the server ends at once")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the server does not write its environment file")
		}
	}
	for line := range strings.Lines(string(text)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is {
			s.env[name] = strings.Trim(value, `'"`)
		}
	}
	pem, err := os.ReadFile(s.env["VALETKEY_CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(pem)
	s.control = s.browser()
	sandbox, err := s.client().Connections.Get(context.Background(), "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	s.sim, _, _ = strings.Cut(sandbox.Overrides.AuthorizeURL, "/oauth/")
	return s
}

func tail(text []byte, most int) []byte { return text[max(0, len(text)-most):] }

// client is one with client credentials that trusts the server's certificate.
func (s *server) client(more ...valetkey.Option) *valetkey.ValetkeyClient {
	return valetkey.NewValetkeyClient(append([]valetkey.Option{
		valetkey.WithEnvURL(s.env["VALETKEY_URL"]), valetkey.WithClientID(s.env["VALETKEY_CLIENT_ID"]),
		valetkey.WithClientSecret(s.env["VALETKEY_CLIENT_SECRET"]), valetkey.WithCAFile(s.env["VALETKEY_CA_FILE"]),
		valetkey.WithProxy("none"),
	}, more...)...)
}

// browser is an end user's: cookies, no scripts, redirects step by step.
func (s *server) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{
		Jar:           jar,
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`<input([^>]*)>`)
	attribute = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
)

func attributesOf(tag string) map[string]string {
	all := map[string]string{}
	for _, match := range attribute.FindAllStringSubmatch(tag, -1) {
		all[match[1]] = html.UnescapeString(match[2])
	}
	return all
}

// open fetches a page and gives its first form: where it goes and what it would send.
func open(t *testing.T, browser *http.Client, address string) (string, url.Values) {
	t.Helper()
	answer, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %v: %s", answer.StatusCode, err, page)
	}
	form := formTag.FindStringSubmatch(string(page))
	if form == nil {
		t.Fatalf("no form in %s", page)
	}
	target, err := answer.Request.URL.Parse(attributesOf(form[1])["action"])
	if err != nil {
		t.Fatal(err)
	}
	fields := url.Values{}
	for _, match := range inputTag.FindAllStringSubmatch(form[2], -1) {
		input := attributesOf(match[1])
		_, checked := input["checked"]
		if kind := input["type"]; (kind == "radio" || kind == "checkbox") && !checked {
			continue
		}
		fields.Set(input["name"], input["value"])
	}
	return target.String(), fields
}

func submit(t *testing.T, browser *http.Client, target string, fields url.Values) string {
	t.Helper()
	answer, err := browser.PostForm(target, fields)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if location := answer.Header.Get("Location"); location != "" {
		return location
	}
	body, _ := io.ReadAll(answer.Body)
	t.Fatalf("no redirect but %d: %s", answer.StatusCode, body)
	return ""
}

// authorize does what a user does with a link: Continue, choose the account, Allow.
func (s *server) authorize(link, user string) {
	s.t.Helper()
	browser := s.browser()
	target, fields := open(s.t, browser, link)
	target, fields = open(s.t, browser, submit(s.t, browser, target, fields))
	fields.Set("user", user)
	fields.Set("decision", "allow")
	answer, err := browser.Get(submit(s.t, browser, target, fields))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if page, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		s.t.Fatalf("the authorization ends with %d: %s", answer.StatusCode, page)
	}
}

// simulate tells the simulator to misbehave.
func (s *server) simulate(path string, body map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.control.Post(s.sim+"/_sim/"+path, "application/json", bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		s.t.Fatalf("the simulator answers %d: %s", answer.StatusCode, said)
	}
}

func requireAs[T error](t *testing.T, err error) T {
	t.Helper()
	var found T
	if !errors.As(err, &found) {
		t.Fatalf("is %T, expected %s: %v", err, fmt.Sprintf("%T", found), err)
	}
	return found
}
