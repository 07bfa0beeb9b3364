package consumer

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

// matches compares a string with an expected one or a matcher.
func matches(expected any, got string, there bool, bound map[string]string) bool {
	matcher, is := expected.(map[string]any)
	if !is {
		return there && expected == got
	}
	for kind, argument := range matcher {
		label, _ := argument.(string)
		switch kind {
		case "$match":
			return there && regexp.MustCompile(label).MatchString(got)
		case "$any":
			return there
		case "$absent":
			return !there
		case "$bind":
			bound[label] = got
			return got != ""
		case "$same":
			return there && got == bound[label]
		case "$differs":
			return got != "" && got != bound[label]
		}
	}
	return false
}

// exactly compares JSON, no field more and none less; where a string is expected a matcher may stand.
func exactly(expected, got any, bound map[string]string) bool {
	switch want := expected.(type) {
	case map[string]any:
		if len(want) == 1 {
			for kind := range want {
				if strings.HasPrefix(kind, "$") {
					text, is := got.(string)
					return matches(want, text, is, bound)
				}
			}
		}
		have, is := got.(map[string]any)
		if !is || len(have) != len(want) {
			return false
		}
		for key, value := range want {
			one, there := have[key]
			if !there || !exactly(value, one, bound) {
				return false
			}
		}
		return true
	case []any:
		have, is := got.([]any)
		if !is || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !exactly(want[i], have[i], bound) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(expected, got)
}

// same compares values: objects match if every key named matches, times as instants.
func same(expected, got any) bool {
	switch want := expected.(type) {
	case map[string]any:
		if _, any := want["$any"]; any {
			return got != nil
		}
		have, is := got.(map[string]any)
		if !is {
			return got == nil && len(want) == 0 // a nil map is an empty one
		}
		for key, value := range want {
			if !same(value, have[key]) {
				return false
			}
		}
		return true
	case []any:
		have, is := got.([]any)
		if !is {
			return got == nil && len(want) == 0 // a nil slice is an empty one
		}
		if len(have) != len(want) {
			return false
		}
		for i := range want {
			if !same(want[i], have[i]) {
				return false
			}
		}
		return true
	case string:
		have, is := got.(string)
		if is && have != want {
			a, errA := time.Parse(time.RFC3339Nano, want)
			b, errB := time.Parse(time.RFC3339Nano, have)
			return errA == nil && errB == nil && a.Equal(b)
		}
		return is
	}
	return reflect.DeepEqual(expected, got)
}

func generic(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func checkValue(t *testing.T, at string, expected json.RawMessage, value any) {
	t.Helper()
	var want any
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if got := generic(t, value); !same(want, got) {
		t.Errorf("%s gives\n  %v, expected\n  %v", at, got, want)
	}
}

func checkError(t *testing.T, at string, expected *expectedError, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s succeeds, expected %s", at, expected.Class)
	}
	var classes []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		name := fmt.Sprintf("%T", e)
		classes = append(classes, name[strings.LastIndex(name, ".")+1:])
	}
	if classes[0] != expected.Class {
		t.Errorf("%s fails with %s, expected %s: %v", at, classes[0], expected.Class, err)
	}
	for _, class := range append(slices.Clone(expected.Is), "ValetkeyError") {
		if !slices.Contains(classes, class) {
			t.Errorf("%s fails with %v, which lacks %s", at, classes, class)
		}
	}
	var base *valetkey.ValetkeyError
	if !errors.As(err, &base) {
		t.Fatalf("%s fails with %T", at, err)
	}
	got := attributes(t, base, err)
	for name, want := range expected.Fields {
		have, known := got[name]
		if !known {
			t.Fatalf("the runner does not know the attribute %s", name)
		}
		if !same(want, have) {
			t.Errorf("%s: %s is %v, expected %v", at, name, have, want)
		}
	}
	for _, piece := range expected.Text {
		if !strings.Contains(err.Error(), piece) {
			t.Errorf("%s: %q lacks %q", at, err, piece)
		}
	}
	for _, piece := range expected.TextLacks {
		if strings.Contains(err.Error(), piece) {
			t.Errorf("%s: %q holds %q", at, err, piece)
		}
	}
}

func attributes(t *testing.T, e *valetkey.ValetkeyError, err error) map[string]any {
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	got := map[string]any{
		"code": orNull(e.Code), "message": orNull(e.Message), "cause": orNull(e.Cause), "docs": orNull(e.Docs),
		"request_id": orNull(e.RequestID), "account_id": orNull(e.AccountID), "connection_id": orNull(e.ConnectionID),
		"execution_id": orNull(e.ExecutionID), "authorization_link": orNull(e.AuthorizationLink()),
		"remedies": generic(t, e.Remedies), "fields": generic(t, e.Fields), "provider": generic(t, e.Provider),
		"diagnosis":      generic(t, e.Diagnosis),
		"retry_after_ms": nil, "http_status": nil, "account_status": nil,
	}
	if e.RetryAfter > 0 {
		got["retry_after_ms"] = float64(e.RetryAfter.Milliseconds())
	}
	if e.HTTPStatus > 0 {
		got["http_status"] = float64(e.HTTPStatus)
	}
	var inactive *valetkey.AccountNotActiveError
	if errors.As(err, &inactive) {
		got["account_status"] = string(inactive.Status)
	}
	return got
}
