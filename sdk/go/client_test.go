package valetkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serverOf is a client of a handler, with a token.
func serverOf(t *testing.T, handler http.HandlerFunc, options ...Option) *ValetkeyClient {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return NewValetkeyClient(append([]Option{WithEnvURL(server.URL), WithAPIToken("vk_canary"), WithProxy("none")}, options...)...)
}

func TestAccessTokenIsObtainedOnceForManyCallers(t *testing.T) {
	var tokens atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/token" {
			tokens.Add(1)
			time.Sleep(20 * time.Millisecond) // long enough that the others come while it is asked for
			fmt.Fprint(w, `{"access_token": "at", "expires_in": 3600}`)
			return
		}
		if r.Header.Get("Authorization") != "Bearer at" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, `{"name": "t"}`)
	}))
	defer server.Close()
	client := NewValetkeyClient(WithEnvURL(server.URL), WithClientID("id"), WithClientSecret("secret"), WithProxy("none"))
	var group sync.WaitGroup
	for range 50 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := client.Actions.GetTool(context.Background(), "t"); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if tokens.Load() != 1 {
		t.Errorf("%d tokens were asked for", tokens.Load())
	}
}

func TestCallerThatWaitsForATokenCanLeave(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	client := NewValetkeyClient(WithEnvURL(server.URL), WithClientID("id"), WithClientSecret("secret"), WithProxy("none"))
	first, leaveFirst := context.WithCancel(context.Background())
	defer leaveFirst()
	go func() { _, _ = client.Actions.GetTool(first, "t") }()
	second, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Actions.GetTool(second, "t")
	var late *TimeoutError
	if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestDiagnosisPrintsNoLink(t *testing.T) {
	diagnosis := Diagnosis{Findings: []Finding{{Remedies: []Remedy{{Action: "reauthorize", Text: "Send it.", URL: "https://valetkey.test/connect/canary"}}}}}
	printed := fmt.Sprintf("%v %+v %#v", diagnosis, diagnosis, diagnosis)
	if strings.Contains(printed, "canary") || !strings.Contains(printed, "Send it.") {
		t.Error(printed)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	connection := NewConnection{Connector: "c", ClientSecret: "canary"}
	credential := Credential{OAuth: &OAuthTokens{AccessToken: "canary"}, Fields: map[string]Secret{"key": "canary"}}
	client := NewValetkeyClient(WithEnvURL("https://x.test"), WithClientID("id"), WithClientSecret("canary"))
	asJSON, err := json.Marshal([]any{connection, credential, client})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "a", connection, "b", credential.Fields, "c", client, "d", connection.ClientSecret)
	for _, text := range []string{
		string(asJSON), logged.String(), fmt.Sprintf("%v %+v %#v", connection, connection, connection),
		fmt.Sprintf("%v %+v %#v", credential.Fields, *credential.OAuth, *credential.OAuth), fmt.Sprintf("%v %+v %#v", client, client, client),
	} {
		if strings.Contains(text, "canary") {
			t.Errorf("prints a secret: %s", text)
		}
	}
}

func TestCAFileThatIsNoneIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, filepath.Join(t.TempDir(), "nowhere.pem")} {
		client := NewValetkeyClient(WithEnvURL("https://x.test"), WithAPIToken("vk_canary"), WithCAFile(path))
		var misconfigured *ConfigurationError
		if err := client.Err(); !errors.As(err, &misconfigured) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}

func TestProxyIsUsed(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		fmt.Fprint(w, `{"name": "t"}`)
	}))
	defer proxy.Close()
	client := NewValetkeyClient(WithEnvURL("http://valetkey.test"), WithAPIToken("vk_canary"), WithProxy(proxy.URL))
	if _, err := client.Actions.GetTool(context.Background(), "t"); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != "http://valetkey.test/v1/connect/tools/t" {
		t.Errorf("the proxy was asked for %v", asked.Load())
	}
}

func TestProxyThatRefusesIsAConnectionError(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer proxy.Close()
	client := NewValetkeyClient(WithEnvURL("https://valetkey.test"), WithAPIToken("vk_canary"), WithProxy(proxy.URL), WithMaxRetries(0))
	_, err := client.Actions.GetTool(context.Background(), "t")
	var failed *ConnectionError
	if !errors.As(err, &failed) || failed.Code != CodeConnectionFailed {
		t.Errorf("%v", err)
	}
}

func TestServerThatNamesTheSamePageForEverIsLeft(t *testing.T) {
	client := serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items": [{"name": "t"}], "next_page_token": "again"}`)
	})
	tools, err := client.Actions.ListTools(context.Background(), ToolFilter{}).Collect()
	var broken *ServerError
	if len(tools) != 2 || !errors.As(err, &broken) {
		t.Errorf("%d tools, %v", len(tools), err)
	}
}

func TestLargeNumbersSurviveDecode(t *testing.T) {
	client := serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"execution_id": "ex_1", "data": {"id": 9007199254740993}}`)
	})
	result, err := client.Actions.ExecuteTool(context.Background(), ToolCall{ToolName: "t", Identifier: "u"})
	if err != nil {
		t.Fatal(err)
	}
	var data struct{ ID int64 }
	if err := result.Decode(&data); err != nil || data.ID != 9007199254740993 {
		t.Errorf("%+v %v", data, err)
	}
}

func TestDeadlineOfTheContextEndsWaits(t *testing.T) {
	client := serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	_, err := client.Actions.GetTool(ctx, "t")
	var failed *ServerError
	if !errors.As(err, &failed) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestCancelledWaitEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	client := serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
		time.AfterFunc(50*time.Millisecond, cancel)
	})
	began := time.Now()
	_, err := client.Actions.GetTool(ctx, "t")
	if !errors.Is(err, context.Canceled) || baseOf(err).Code != CodeCancelled || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestClientOfTheCallerAddsNoCookies(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Cookie"))
		if r.Header.Get("Authorization") != "Bearer vk_1" {
			t.Errorf("Authorization: %q", r.Header.Get("Authorization"))
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "one-users"})
		fmt.Fprint(w, `{"name": "t"}`)
	}))
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Client{Jar: jar}
	client := NewValetkeyClient(WithEnvURL(server.URL), WithAPIToken("vk_1"), WithHTTPClient(own))
	for range 2 {
		if _, err := client.Actions.GetTool(context.Background(), "t"); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(seen, "") != "" || len(seen) != 2 {
		t.Errorf("cookies: %q", seen)
	}
	if own.Jar == nil {
		t.Error("the caller's client was changed")
	}
}
