package valetkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// WebhookEvent is what a delivery to your webhook says. See [VerifyWebhook].
type WebhookEvent struct {
	// ID is the same each time that this event is delivered: keep the ids that you have dealt with.
	ID string `json:"id"`
	// Type is account.revoked, connection.client_refused, execution.finished, webhook.test, …
	Type string `json:"type"`
	// Timestamp is when it happened.
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Environment is where it happened.
	Environment string `json:"environment,omitempty"`
	// Data is what it is about; its fields depend on Type. Decode it into a value of your own.
	Data json.RawMessage `json:"data"`
}

// WebhookVerificationError: a request to your webhook is not genuine, not whole or not of now. Answer it with 400 and do
// nothing. Code is one of the CodeWebhook… constants.
type WebhookVerificationError struct{ *ValetkeyError }

// Unwrap gives the [ValetkeyError].
func (e *WebhookVerificationError) Unwrap() error { return e.ValetkeyError }

// The codes of [WebhookVerificationError].
const (
	// CodeWebhookSecretInvalid: your own secret is none.
	CodeWebhookSecretInvalid = "webhook_secret_invalid"
	// CodeWebhookHeaderMissing: a header of Standard Webhooks is not there.
	CodeWebhookHeaderMissing = "webhook_header_missing"
	// CodeWebhookHeaderInvalid: the time is not whole seconds.
	CodeWebhookHeaderInvalid = "webhook_header_invalid"
	// CodeWebhookTooOld: it was sent too long ago.
	CodeWebhookTooOld = "webhook_timestamp_too_old"
	// CodeWebhookTooNew: it says that it was sent in the future.
	CodeWebhookTooNew = "webhook_timestamp_too_new"
	// CodeWebhookSignatureInvalid: no signature fits.
	CodeWebhookSignatureInvalid = "webhook_signature_invalid"
	// CodeWebhookPayloadInvalid: it is signed, but not a JSON object.
	CodeWebhookPayloadInvalid = "webhook_payload_invalid"
)

// VerifyOption says how [VerifyWebhook] takes the time.
type VerifyOption func(*verification)

type verification struct {
	tolerance time.Duration
	now       time.Time
}

// VerifyTolerance is how far the time of sending may be from now, before or after. Default: 5 minutes.
func VerifyTolerance(tolerance time.Duration) VerifyOption {
	return func(v *verification) { v.tolerance = tolerance }
}

// VerifyAt is the time that is taken for now. Default: the system's clock.
func VerifyAt(now time.Time) VerifyOption { return func(v *verification) { v.now = now } }

// VerifyWebhook verifies a request to your webhook (Standard Webhooks 1.0) and gives the event in it.
//
// secret is whsec_…, as it was given when the webhook was made or its secret renewed. payload is the body as it came,
// before anything has parsed it: the signature is over its bytes.
//
// Errors: [WebhookVerificationError] if the request is not to be trusted.
func VerifyWebhook(secret string, header http.Header, payload []byte, options ...VerifyOption) (*WebhookEvent, error) {
	v := verification{tolerance: 5 * time.Minute}
	for _, option := range options {
		option(&v)
	}
	if v.now.IsZero() {
		v.now = time.Now()
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"))
	if err != nil || len(key) == 0 {
		return nil, refused(CodeWebhookSecretInvalid, "The webhook's secret is none.", "A secret is whsec_ and base64.",
			"Take it over whole, as it was shown when the webhook was made.")
	}
	var values [3]string
	for i, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if values[i] = headerOf(header, name); values[i] == "" {
			return nil, refused(CodeWebhookHeaderMissing, "The request has no header "+name+".",
				"It does not come from Valetkey, or something in between took the header away.",
				"Hand over all headers of the request; let what is in front of your app pass them.")
		}
	}
	id, sent, signatures := values[0], values[1], values[2]
	if err := v.check(sent); err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + sent + "."))
	mac.Write(payload)
	if !signed(signatures, mac.Sum(nil)) {
		return nil, refused(CodeWebhookSignatureInvalid, "No signature of the webhook fits.",
			"The body was altered on its way or by a parser here, or it was signed with another secret.",
			"Verify the body's bytes as they came; compare the secret with the webhook's.")
	}
	var shape map[string]json.RawMessage
	event := &WebhookEvent{}
	if json.Unmarshal(payload, &shape) != nil || shape == nil || json.Unmarshal(payload, event) != nil {
		return nil, refused(CodeWebhookPayloadInvalid, "The webhook's body is not the JSON object of an event.",
			"It is signed with the secret, but it is no event.", "Check what else sends with this secret.")
	}
	if event.ID == "" {
		event.ID = id
	}
	return event, nil
}

func refused(code, message, cause, todo string) error {
	return &WebhookVerificationError{&ValetkeyError{
		Code: code, Message: message, Cause: cause, Remedies: []Remedy{{Action: "fix_request", Text: todo}},
	}}
}

// headerOf finds a header in maps too that were not made by http.Header's methods.
func headerOf(header http.Header, name string) string {
	if value := header.Get(name); value != "" {
		return value
	}
	for given, values := range header {
		if strings.EqualFold(given, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

var wholeSeconds = regexp.MustCompile(`^[0-9]{1,12}$`)

func (v verification) check(sent string) error {
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || !wholeSeconds.MatchString(sent) {
		return refused(CodeWebhookHeaderInvalid, "The header webhook-timestamp is no time.",
			"It must be whole seconds since 1970.", "Hand the header over as it came.")
	}
	// In milliseconds: a Duration ends after 292 years.
	age := v.now.UnixMilli() - seconds*1000
	code, word := CodeWebhookTooOld, "ago"
	if age < 0 {
		age, code, word = -age, CodeWebhookTooNew, "from now"
	}
	if age <= v.tolerance.Milliseconds() {
		return nil
	}
	return refused(code, fmt.Sprintf("The webhook was sent %d s %s; %g s are allowed.", age/1000, word, v.tolerance.Seconds()),
		"It was held up or recorded and sent again, or a clock is wrong.",
		"Check this machine's clock; a delivery that comes again has a time of its own.")
}

// signed says whether one of the signatures fits. Every one is compared, so that time tells nothing.
func signed(signatures string, wanted []byte) bool {
	fits := false
	for _, part := range strings.Split(signatures, " ") {
		text, ours := strings.CutPrefix(part, "v1,")
		given, err := base64.StdEncoding.DecodeString(text)
		if ours && err == nil && hmac.Equal(given, wanted) {
			fits = true
		}
	}
	return fits
}
