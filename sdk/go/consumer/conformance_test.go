// Package consumer uses the SDK as its users do: from the module's zip.
package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

type suite struct {
	Cases []testCase `json:"cases"`
}

type testCase struct {
	Name      string            `json:"name"`
	Client    map[string]any    `json:"client"`
	Env       map[string]string `json:"env"`
	Random    *float64          `json:"random"`
	Steps     []step            `json:"steps"`
	Exchanges []exchange        `json:"exchanges"`
	SleepsMS  []float64         `json:"sleeps_ms"`
}

type step struct {
	AdvanceMS float64     `json:"advance_ms"`
	Call      string      `json:"call"`
	Args      args        `json:"args"`
	Expect    expectation `json:"expect"`
}

type expectation struct {
	Value json.RawMessage `json:"value"`
	Items json.RawMessage `json:"items"`
	Take  int             `json:"take"`
	Error *expectedError  `json:"error"`
}

type expectedError struct {
	Class     string         `json:"class"`
	Is        []string       `json:"is"`
	Fields    map[string]any `json:"fields"`
	Text      []string       `json:"text"`
	TextLacks []string       `json:"text_lacks"`
}

type exchange struct {
	Request struct {
		Method  string         `json:"method"`
		Path    string         `json:"path"`
		Query   map[string]any `json:"query"`
		Headers map[string]any `json:"headers"`
		JSON    any            `json:"json"`
		Form    map[string]any `json:"form"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		JSON    json.RawMessage   `json:"json"`
		Text    string            `json:"text"`
	} `json:"response"`
	Fault   string  `json:"fault"`
	TakesMS float64 `json:"takes_ms"`
}

var variables = []string{
	"VALETKEY_URL", "VALETKEY_API_TOKEN", "VALETKEY_CLIENT_ID", "VALETKEY_CLIENT_SECRET", "VALETKEY_CA_FILE",
}

// The folder of the cases, which the script that runs this sets.
func cases(t *testing.T) []testCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("VALETKEY_CONFORMANCE"), "cases", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in VALETKEY_CONFORMANCE=%q (%v)", os.Getenv("VALETKEY_CONFORMANCE"), err)
	}
	var all []testCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var one suite
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, one.Cases...)
	}
	return all
}

func TestConformance(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) { play(t, c) })
	}
}

func play(t *testing.T, c testCase) {
	for _, name := range variables {
		t.Setenv(name, "") // restores it afterwards
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range c.Env {
		t.Setenv(name, value)
	}
	clock := newClock()
	script := newScript(t, c.Exchanges, clock)
	var logged bytes.Buffer
	client := valetkey.NewValetkeyClient(append(options(t, c), []valetkey.Option{
		valetkey.WithHTTPClient(script.client()),
		valetkey.WithClock(clock.now),
		valetkey.WithSleep(clock.sleep),
		valetkey.WithRandom(func() float64 {
			if c.Random != nil {
				return *c.Random
			}
			return 0.5
		}),
		valetkey.WithLogger(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}...)...)

	for i, s := range c.Steps {
		at := fmt.Sprintf("step %d (%s)", i+1, s.Call)
		if s.Call == "" {
			clock.advance(time.Duration(s.AdvanceMS * float64(time.Millisecond)))
			continue
		}
		value, err := invoke(context.Background(), client, s)
		switch {
		case s.Expect.Error != nil:
			checkError(t, at, s.Expect.Error, err)
		case err != nil:
			t.Fatalf("%s: %v", at, err)
		case s.Expect.Items != nil:
			checkValue(t, at, s.Expect.Items, value)
		default:
			checkValue(t, at, s.Expect.Value, value)
		}
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v %s", err, err, err), "canary") {
			t.Errorf("%s: the error's text holds a secret: %v", at, err)
		}
	}
	script.done()
	slept := clock.slept()
	if len(slept) != len(c.SleepsMS) {
		t.Fatalf("slept %v ms, expected %v", slept, c.SleepsMS)
	}
	for i, expected := range c.SleepsMS {
		if got := slept[i]; got < expected-1 || got > expected+1 {
			t.Errorf("slept %v ms, expected %v", slept, c.SleepsMS)
		}
	}
	if strings.Contains(logged.String(), "canary") {
		t.Errorf("the log holds a secret:\n%s", logged.String())
	}
	if len(c.Exchanges) > 0 && !strings.Contains(logged.String(), `"msg":"request"`) {
		t.Error("requests were not logged")
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", client, client, client), "canary") {
		t.Error("the client prints a secret")
	}
}

func options(t *testing.T, c testCase) []valetkey.Option {
	given := c.Client
	if given == nil {
		given = map[string]any{"api_token": "vk_canary_token"}
	}
	var all []valetkey.Option
	if _, named := given["env_url"]; !named {
		all = append(all, valetkey.WithEnvURL("https://valetkey.test"))
	}
	for name, value := range given {
		text, _ := value.(string)
		number, _ := value.(float64)
		wait := time.Duration(number * float64(time.Millisecond))
		switch name {
		case "env_url":
			all = append(all, valetkey.WithEnvURL(text))
		case "api_token":
			all = append(all, valetkey.WithAPIToken(text))
		case "client_id":
			all = append(all, valetkey.WithClientID(text))
		case "client_secret":
			all = append(all, valetkey.WithClientSecret(text))
		case "timeout_ms":
			all = append(all, valetkey.WithTimeout(wait))
		case "max_retries":
			all = append(all, valetkey.WithMaxRetries(int(number)))
		case "max_retry_after_ms":
			all = append(all, valetkey.WithMaxRetryAfter(wait))
		default:
			t.Fatalf("the runner does not know the option %s", name)
		}
	}
	return all
}
