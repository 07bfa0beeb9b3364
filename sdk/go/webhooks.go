package valetkey

import (
	"context"
	"net/http"
	"time"
)

// Webhooks are addresses of your app that are told of events. See [ValetkeyClient.Webhooks]; [VerifyWebhook] verifies what
// they receive.
type Webhooks struct{ core *core }

// Webhook is an address of your app that is told of events.
type Webhook struct {
	// ID is wh_….
	ID string `json:"id"`
	// URL is the address that is told.
	URL string `json:"url"`
	// Description is in your own words; may be empty.
	Description string `json:"description,omitempty"`
	// EventTypes are the events that it is told of; empty means all.
	EventTypes []string `json:"event_types"`
	// Enabled says whether it is told.
	Enabled bool `json:"enabled"`
	// Status is healthy, failing (the last delivery failed and is tried again) or disabled.
	Status string `json:"status"`
	// CreatedAt is when it was made.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// UpdatedAt is when it last changed.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// FailingSince is since when every delivery fails; nil if none does.
	FailingSince *time.Time `json:"failing_since"`
	// LastDeliveryAt is when it last took a delivery; nil if never.
	LastDeliveryAt *time.Time `json:"last_delivery_at"`
	// LastError is what the last failed delivery failed with; may be empty.
	LastError string `json:"last_error,omitempty"`
	// DisabledReason says why it is disabled; may be empty.
	DisabledReason string `json:"disabled_reason,omitempty"`
}

// WebhookSecret is a webhook with its secret, which is shown this once.
type WebhookSecret struct {
	// Webhook is the webhook.
	Webhook Webhook `json:"webhook"`
	// Secret is whsec_…, for [VerifyWebhook].
	Secret Secret `json:"secret"`
	// OldSecretValidUntil is until when deliveries are signed with the secret before too; nil for a new webhook.
	OldSecretValidUntil *time.Time `json:"old_secret_valid_until"`
}

// WebhookDelivery is one event on its way to a webhook.
type WebhookDelivery struct {
	// ID is what it goes out with each time, as webhook-id.
	ID string `json:"id"`
	// Type is the event's.
	Type string `json:"type"`
	// Outcome is pending, delivered or failed.
	Outcome string `json:"outcome"`
	// Attempts is how often it was sent.
	Attempts int `json:"attempts"`
	// CreatedAt is when the event happened.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// NextAttemptAt is when it is sent again; nil if it is not.
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	// ResponseStatus is the HTTP status that your app answered last; nil if it did not answer.
	ResponseStatus *int `json:"response_status"`
	// Error says why the last try failed; may be empty.
	Error string `json:"error,omitempty"`
}

// NewWebhook is a webhook to create.
type NewWebhook struct {
	// URL is an HTTPS address of your app. Required.
	URL string
	// Description is in your own words.
	Description string
	// EventTypes are such as account.revoked. Default: all.
	EventTypes []string
	// Enabled. Default: true.
	Enabled *bool
}

// WebhookChanges is a change of a webhook; what is left out stays.
type WebhookChanges struct {
	// URL is another address.
	URL Change[string]
	// Description is in other words.
	Description Change[string]
	// EventTypes are other events; [Clear] them for all.
	EventTypes Change[[]string]
	// Enabled says whether it is told.
	Enabled Change[bool]
}

const webhooksPath = "/v1/connect/webhooks"

func webhookPath(webhookID, below string) (string, error) {
	segment, err := segment("webhook_id", webhookID)
	return webhooksPath + "/" + segment + below, err
}

// Create makes a webhook. Keep its secret: it is not shown again.
//
// Errors: [InvalidRequestError] if the address cannot be used.
func (w *Webhooks) Create(ctx context.Context, webhook NewWebhook) (*WebhookSecret, error) {
	body := map[string]any{"url": webhook.URL}
	give(body, "description", webhook.Description)
	if webhook.EventTypes != nil {
		body["event_types"] = webhook.EventTypes
	}
	if webhook.Enabled != nil {
		body["enabled"] = *webhook.Enabled
	}
	return send[WebhookSecret](ctx, w.core, &call{method: http.MethodPost, path: webhooksPath}, body)
}

// List lists webhooks; pageSize is how many are fetched at once, 0 leaves it to the server.
func (w *Webhooks) List(ctx context.Context, pageSize int) List[*Webhook] {
	return pages[Webhook](ctx, w.core, webhooksPath, values("page_size", size(pageSize)), nil)
}

// Get gives a webhook by its id.
//
// Errors: [NotFoundError] (webhook_not_found).
func (w *Webhooks) Get(ctx context.Context, webhookID string) (*Webhook, error) {
	path, err := webhookPath(webhookID, "")
	if err != nil {
		return nil, err
	}
	return get[Webhook](ctx, w.core, path, nil)
}

// Update changes a webhook.
//
// Errors: [NotFoundError] (webhook_not_found).
func (w *Webhooks) Update(ctx context.Context, webhookID string, changes WebhookChanges) (*Webhook, error) {
	path, err := webhookPath(webhookID, "")
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	put(body, "url", changes.URL)
	put(body, "description", changes.Description)
	put(body, "event_types", changes.EventTypes)
	put(body, "enabled", changes.Enabled)
	return send[Webhook](ctx, w.core, &call{method: http.MethodPatch, path: path}, body)
}

// Delete deletes a webhook, with what is still on its way to it.
//
// Errors: [NotFoundError] (webhook_not_found).
func (w *Webhooks) Delete(ctx context.Context, webhookID string) error {
	path, err := webhookPath(webhookID, "")
	if err != nil {
		return err
	}
	_, err = w.core.do(ctx, &call{method: http.MethodDelete, path: path})
	return err
}

// RotateSecret gives a webhook another secret. Until OldSecretValidUntil deliveries are signed with both.
//
// Errors: [NotFoundError] (webhook_not_found).
func (w *Webhooks) RotateSecret(ctx context.Context, webhookID string) (*WebhookSecret, error) {
	path, err := webhookPath(webhookID, "/rotate-secret")
	if err != nil {
		return nil, err
	}
	return send[WebhookSecret](ctx, w.core, &call{method: http.MethodPost, path: path}, nil)
}

// Test sends a webhook.test event now and says what your app answered.
//
// Errors: [NotFoundError] (webhook_not_found).
func (w *Webhooks) Test(ctx context.Context, webhookID string) (*WebhookDelivery, error) {
	path, err := webhookPath(webhookID, "/test")
	if err != nil {
		return nil, err
	}
	return send[WebhookDelivery](ctx, w.core, &call{method: http.MethodPost, path: path}, nil)
}

// DeliveryFilter says which deliveries to list.
type DeliveryFilter struct {
	// Outcome is pending, delivered or failed.
	Outcome string
	// PageSize is how many deliveries are fetched at once. Default: the server's.
	PageSize int
}

// Deliveries lists what went out to a webhook, newest first.
func (w *Webhooks) Deliveries(ctx context.Context, webhookID string, filter DeliveryFilter) List[*WebhookDelivery] {
	path, err := webhookPath(webhookID, "/deliveries")
	return pages[WebhookDelivery](ctx, w.core, path, values("outcome", filter.Outcome, "page_size", size(filter.PageSize)), err)
}

// Redeliver sends a delivery once more, with the same id and body.
//
// Errors: [NotFoundError] if there is none, or not any more.
func (w *Webhooks) Redeliver(ctx context.Context, webhookID, deliveryID string) (*WebhookDelivery, error) {
	delivery, err := segment("delivery_id", deliveryID)
	if err != nil {
		return nil, err
	}
	path, err := webhookPath(webhookID, "/deliveries/"+delivery+"/redeliver")
	if err != nil {
		return nil, err
	}
	return send[WebhookDelivery](ctx, w.core, &call{method: http.MethodPost, path: path}, nil)
}
