package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

// message is what arrived at an endpoint.
type message struct {
	header http.Header
	body   []byte
}

// receiver is an endpoint of an app.
type receiver struct {
	t      *testing.T
	mutex  sync.Mutex
	seen   []message
	status int
	url    string
}

func receive(t *testing.T) *receiver {
	r := &receiver{t: t, status: http.StatusOK}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.seen = append(r.seen, message{request.Header, body})
		w.WriteHeader(r.status)
	}))
	t.Cleanup(endpoint.Close)
	r.url = endpoint.URL + "/hooks"
	return r
}

func (r *receiver) answer(status int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.status = status
}

func (r *receiver) last() message {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.seen[len(r.seen)-1]
}

// told waits for the nth event of a type, and gives it with the bodies of all of them.
func (r *receiver) told(secret valetkey.Secret, kind string, nth int) (*valetkey.WebhookEvent, [][]byte) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		r.mutex.Lock()
		seen := slices.Clone(r.seen)
		r.mutex.Unlock()
		var found *valetkey.WebhookEvent
		var bodies [][]byte
		for _, one := range seen {
			event, err := valetkey.VerifyWebhook(string(secret), one.header, one.body)
			if err != nil {
				r.t.Fatal(err)
			}
			if event.Type == kind {
				if bodies = append(bodies, one.body); len(bodies) == nth+1 {
					found = event
				}
			}
		}
		if found != nil {
			return found, bodies
		}
	}
	r.t.Fatalf("%s number %d does not arrive", kind, nth)
	return nil, nil
}

func data(t *testing.T, event *valetkey.WebhookEvent) map[string]any {
	t.Helper()
	var found map[string]any
	if err := json.Unmarshal(event.Data, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func codeOf(err error) string {
	var failure *valetkey.ValetkeyError
	if !errors.As(err, &failure) {
		return ""
	}
	return failure.Code
}

func TestAppIsToldAndVerifiesWhatItIsTold(t *testing.T) {
	s := start(t)
	r := receive(t)
	ctx := context.Background()
	client := s.client()
	hooks := client.Webhooks
	types := []string{"account.activated", "execution.finished"}
	made, err := hooks.Create(ctx, valetkey.NewWebhook{URL: r.url, Description: "Tells the app", EventTypes: types})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := made.Webhook.ID, made.Secret
	if !strings.HasPrefix(string(secret), "whsec_") || made.OldSecretValidUntil != nil ||
		!slices.Equal(made.Webhook.EventTypes, types) || !made.Webhook.Enabled || made.Webhook.Status != "healthy" {
		t.Fatalf("%+v", made)
	}

	tested, err := hooks.Test(ctx, id)
	if err != nil || tested.Type != "webhook.test" || tested.Outcome != "delivered" || tested.Attempts != 1 ||
		tested.ResponseStatus == nil || *tested.ResponseStatus != 200 || tested.Error != "" || tested.NextAttemptAt != nil {
		t.Fatalf("%+v %v", tested, err)
	}
	event, _ := r.told(secret, "webhook.test", 0)
	if event.ID != tested.ID || data(t, event)["webhook_id"] != id {
		t.Errorf("%+v", event)
	}
	first := r.last()
	_, err = valetkey.VerifyWebhook(string(secret), first.header, append(slices.Clone(first.body), ' '))
	requireAs[*valetkey.WebhookVerificationError](t, err)

	s.connect(client, "hooked_1", "grace")
	activated, before := r.told(secret, "account.activated", 0)
	if told := data(t, activated); told["identifier"] != "hooked_1" || told["status"] != "ACTIVE" {
		t.Errorf("%v", told)
	}
	started, err := client.Actions.ExecuteToolAsync(ctx, profile("hooked_1"))
	if err != nil {
		t.Fatal(err)
	}
	finished, _ := r.told(secret, "execution.finished", 0)
	brought, _ := data(t, finished)["data"].(map[string]any)
	if data(t, finished)["id"] != started.ExecutionID || brought["email"] != "grace@example.com" {
		t.Errorf("%s", finished.Data)
	}
	var kinds []string
	for end := time.Now().Add(30 * time.Second); len(kinds) != 3 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		deliveries, err := hooks.Deliveries(ctx, id, valetkey.DeliveryFilter{Outcome: "delivered", PageSize: 1}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		kinds = nil
		for _, delivery := range deliveries {
			kinds = append(kinds, delivery.Type)
		}
	}
	if slices.Sort(kinds); !slices.Equal(kinds, append(slices.Clone(types), "webhook.test")) {
		t.Errorf("%v", kinds)
	}
	if webhook, err := hooks.Get(ctx, id); err != nil || webhook.LastDeliveryAt == nil {
		t.Errorf("%+v %v", webhook, err)
	}

	// The same message once more: its bytes are the same.
	again, err := hooks.Redeliver(ctx, id, activated.ID)
	if err != nil || again.ID != activated.ID || again.Outcome != "pending" {
		t.Errorf("%+v %v", again, err)
	}
	if _, bodies := r.told(secret, "account.activated", 1); len(bodies) != 2 || !bytes.Equal(bodies[0], before[0]) || !bytes.Equal(bodies[1], before[0]) {
		t.Errorf("%s", bodies)
	}

	rotated, err := hooks.RotateSecret(ctx, id)
	if err != nil || rotated.OldSecretValidUntil == nil {
		t.Fatalf("%+v %v", rotated, err)
	}
	r.answer(http.StatusServiceUnavailable)
	failed, err := hooks.Test(ctx, id)
	if err != nil || failed.Outcome != "failed" || failed.ResponseStatus == nil || *failed.ResponseStatus != 503 || failed.Error == "" {
		t.Fatalf("%+v %v", failed, err)
	}
	for _, valid := range []valetkey.Secret{secret, rotated.Secret} {
		last := r.last()
		if event, err := valetkey.VerifyWebhook(string(valid), last.header, last.body); err != nil || event.ID != failed.ID {
			t.Errorf("%+v %v", event, err)
		}
	}
	if all, err := hooks.Deliveries(ctx, id, valetkey.DeliveryFilter{Outcome: "failed"}).Collect(); err != nil || len(all) != 1 || all[0].ID != failed.ID {
		t.Errorf("%v %v", all, err)
	}

	changed, err := hooks.Update(ctx, id, valetkey.WebhookChanges{Description: valetkey.Clear[string](), Enabled: valetkey.Set(false)})
	if err != nil || changed.Description != "" || changed.Status != "disabled" || changed.DisabledReason != "operator" {
		t.Errorf("%+v %v", changed, err)
	}
	listed, err := hooks.List(ctx, 1).Collect()
	if err != nil || !slices.ContainsFunc(listed, func(one *valetkey.Webhook) bool { return one.ID == id }) {
		t.Errorf("%v %v", listed, err)
	}
	if _, err = hooks.Redeliver(ctx, id, "dl_none"); !valetkey.IsNotFound(err) || codeOf(err) != "delivery_not_found" {
		t.Errorf("%v", err)
	}
	if err = hooks.Delete(ctx, id); err != nil {
		t.Error(err)
	}
	if _, err = hooks.Get(ctx, id); !valetkey.IsNotFound(err) || codeOf(err) != "webhook_not_found" {
		t.Errorf("%v", err)
	}
	_, err = hooks.Create(ctx, valetkey.NewWebhook{URL: "ftp://app.example/hooks"})
	requireAs[*valetkey.InvalidRequestError](t, err)
	_, err = hooks.Create(ctx, valetkey.NewWebhook{URL: r.url, EventTypes: []string{"account.renamed"}})
	requireAs[*valetkey.InvalidRequestError](t, err)
}
