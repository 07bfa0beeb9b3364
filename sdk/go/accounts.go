package valetkey

import (
	"net/url"
	"time"
)

// AccountStatus is how a connected account stands. A server of tomorrow may send others than these.
type AccountStatus string

const (
	// StatusPending: the user has not authorized yet.
	StatusPending AccountStatus = "PENDING"
	// StatusPendingVerification: authorized, but the app has not confirmed yet who the user is.
	StatusPendingVerification AccountStatus = "PENDING_VERIFICATION"
	// StatusActive: it works.
	StatusActive AccountStatus = "ACTIVE"
	// StatusExpired: the credential ran out and could not be renewed.
	StatusExpired AccountStatus = "EXPIRED"
	// StatusRevoked: access was taken away at the provider.
	StatusRevoked AccountStatus = "REVOKED"
	// StatusError: authorizing failed for a reason that is not the user's.
	StatusError AccountStatus = "ERROR"
	// StatusDisconnected: it was disconnected here.
	StatusDisconnected AccountStatus = "DISCONNECTED"
)

// ConnectedAccount is one user's account at a provider. Its credential is never shown.
type ConnectedAccount struct {
	// ID is ca_….
	ID string `json:"id"`
	// Status is how it stands.
	Status AccountStatus `json:"status"`
	// ConnectionName is the name of its connection, such as gmail.
	ConnectionName string `json:"connection_name"`
	// ConnectionID is conn_….
	ConnectionID string `json:"connection_id"`
	// Connector is the connector's name.
	Connector string `json:"connector"`
	// Provider is the connector's official upper-case name, such as GMAIL.
	Provider string `json:"provider"`
	// Identifier is the caller's own id of the user.
	Identifier string `json:"identifier"`
	// OrganizationID is the caller's own id of the user's organization; may be empty.
	OrganizationID string `json:"organization_id,omitempty"`
	// UserID is a further id of the caller's; may be empty.
	UserID string `json:"user_id,omitempty"`
	// AuthType is OAUTH, OAUTH_CLIENT_CREDENTIALS, API_KEY, BASIC, BEARER or NONE.
	AuthType string `json:"auth_type"`
	// Scopes are those granted at the provider.
	Scopes []string `json:"scopes"`
	// Label is the e-mail address or user name at the provider, if known.
	Label string `json:"label,omitempty"`
	// Place is the site, company or workspace at the provider that it works in; nil where accounts have none.
	Place *Place `json:"place"`
	// APIConfig are free settings that are kept with the account.
	APIConfig map[string]any `json:"api_config"`
	// Cause says why it does not work, as a code of the catalogue; empty if it does.
	Cause string `json:"cause,omitempty"`
	// TokenExpiresAt is when the access token stops working; nil if unknown or never.
	TokenExpiresAt *time.Time `json:"token_expires_at"`
	// LastUsedAt is when it was last used for a call, to the minute; nil if never.
	LastUsedAt *time.Time `json:"last_used_at"`
	// AccountName tells it apart from other accounts of the user on the connection; empty for the unnamed one.
	AccountName string `json:"account_name,omitempty"`
	// RefreshAt is when its credential is renewed next without anybody asking; nil if never.
	RefreshAt *time.Time `json:"refresh_at"`
	// Degraded is set while renewals fail in passing; the account works as long as its access token lives.
	Degraded *Degraded `json:"degraded"`
	// CreatedAt is when it was made.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// UpdatedAt is when it last changed.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Place is a site, company or workspace at the provider.
type Place struct {
	// ID is the provider's id of it.
	ID string `json:"id"`
	// Name is its name; may be empty.
	Name string `json:"name,omitempty"`
	// URL is its address for people; may be empty.
	URL string `json:"url,omitempty"`
}

// Degraded says that renewals of an account's credential fail in passing.
type Degraded struct {
	// Code is what the last one failed with, as a code of the catalogue.
	Code string `json:"code"`
	// Since is since when they fail.
	Since time.Time `json:"since,omitzero"`
	// Failures is how many failed in a row.
	Failures int `json:"failures"`
	// RetryAt: the provider is not asked again before.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// AskedFor says whether the provider named that time.
	AskedFor bool `json:"asked_for"`
}

// Revocation is what became of a grant at the provider.
type Revocation struct {
	// Outcome is revoked_and_verified, revoked, not_offered, kept_for_siblings, failed_will_retry or given_up.
	Outcome string `json:"outcome"`
	// Tokens are the kinds of tokens that the provider took back.
	Tokens []string `json:"tokens"`
	// Siblings are the accounts for whose sake the grant was kept.
	Siblings []string `json:"siblings"`
	// Code is what a try failed with, as a code of the catalogue; may be empty.
	Code string `json:"code,omitempty"`
	// Detail is the case in words, if there is more to say.
	Detail string `json:"detail,omitempty"`
	// RetryAt is when it is tried again; nil if it is not.
	RetryAt *time.Time `json:"retry_at"`
}

// DisconnectedAccount is an account that was disconnected.
type DisconnectedAccount struct {
	ConnectedAccount
	// Revocation is what became of the grant at the provider; nil if there was none.
	Revocation *Revocation `json:"revocation"`
}

// AccountRef says which account: by ConnectedAccountID, or by Identifier and ConnectionName.
type AccountRef struct {
	// ConnectedAccountID is the account's id: ca_….
	ConnectedAccountID string
	// Identifier is the caller's own id of the user.
	Identifier string
	// ConnectionName is the name (or id) of the connection.
	ConnectionName string
	// AccountName says which of several accounts that the user has on the connection. Empty: the one without a name,
	// else the only one; else the call fails with a [ConflictError] (ambiguous_account).
	AccountName string
}

// AccountID refers to an account by its id.
func AccountID(id string) AccountRef { return AccountRef{ConnectedAccountID: id} }

// AccountOf refers to a user's account on a connection.
func AccountOf(identifier, connectionName string) AccountRef {
	return AccountRef{Identifier: identifier, ConnectionName: connectionName}
}

// AccountNamed refers to one of several accounts that a user has on a connection.
func AccountNamed(identifier, connectionName, accountName string) AccountRef {
	return AccountRef{Identifier: identifier, ConnectionName: connectionName, AccountName: accountName}
}

// check finds what is missing or too much.
func (r AccountRef) check() error {
	switch {
	case r.ConnectedAccountID != "" && r != AccountID(r.ConnectedAccountID):
		return invalidArgument("The account is named in two ways: give connected_account_id, or identifier and connection_name.", "connected_account_id")
	case r.ConnectedAccountID != "":
		return nil
	case r.Identifier == "" && r.ConnectionName == "":
		return invalidArgument("No account is named: give connected_account_id, or identifier and connection_name.", "connected_account_id")
	case r.Identifier == "":
		return invalidArgument("The account is half named: identifier is missing beside connection_name.", "identifier")
	case r.ConnectionName == "":
		return invalidArgument("The account is half named: connection_name is missing beside identifier.", "connection_name")
	}
	return nil
}

// Change is a change of one optional value: the zero value leaves it, [Set] gives another, [Clear] removes it.
type Change[T any] struct {
	given bool
	value *T
}

// Set gives a value.
func Set[T any](value T) Change[T] { return Change[T]{given: true, value: &value} }

// Clear removes the value.
func Clear[T any]() Change[T] { return Change[T]{given: true} }

// put writes a change into a request, as the value or null.
func put[T any](body map[string]any, name string, change Change[T]) {
	if !change.given {
		return
	}
	if change.value == nil {
		body[name] = nil
	} else {
		body[name] = plain(*change.value)
	}
}

// give writes a value into a request unless it is the zero value.
func give[T comparable](body map[string]any, name string, value T) {
	var zero T
	if value != zero {
		body[name] = value
	}
}

// plain is what is sent: secrets in the clear, everything else as it is.
func plain(value any) any {
	switch value := value.(type) {
	case Secret:
		return string(value)
	case Credential:
		return value.wire()
	}
	return value
}

// NewAccount is an account to create.
type NewAccount struct {
	// Identifier is the caller's own id of the user. Required.
	Identifier string
	// ConnectionName is the name (or id) of the connection. Required.
	ConnectionName string
	// AccountName tells it apart from other accounts of the user on the connection. Default: none, as for most.
	AccountName string
	// OrganizationID is the caller's own id of the user's organization.
	OrganizationID string
	// UserID is a further id of the caller's.
	UserID string
	// APIConfig are free settings to keep with the account.
	APIConfig map[string]any
	// Credential is imported; without one the account waits for its user.
	Credential *Credential
	// SkipProbe, if true, stores imported fields without trying them out.
	SkipProbe *bool
}

// AccountChanges is a change of an account; what is left out stays.
type AccountChanges struct {
	// OrganizationID is the caller's own id of the user's organization.
	OrganizationID Change[string]
	// UserID is a further id of the caller's.
	UserID Change[string]
	// APIConfig replaces all free settings.
	APIConfig Change[map[string]any]
	// Credential replaces the credential; the account is ACTIVE afterwards.
	Credential *Credential
	// SkipProbe, if true, stores imported fields without trying them out.
	SkipProbe *bool
}

// Credential is a credential to import: tokens of an OAuth grant made elsewhere, or the fields that the connector asks
// for. One of the two.
type Credential struct {
	// OAuth are tokens of an OAuth grant.
	OAuth *OAuthTokens
	// Fields are those of an API key, basic or bearer credential, by the connector's field names.
	Fields map[string]Secret
}

// OAuthTokens are tokens of an OAuth grant.
type OAuthTokens struct {
	// AccessToken is required.
	AccessToken Secret
	// RefreshToken, if there is one.
	RefreshToken Secret
	// ExpiresAt is when the access token stops working, if known.
	ExpiresAt time.Time
	// Scopes are those that the grant has.
	Scopes []string
	// Domain is the user's domain at the provider, where the connector's URLs need it.
	Domain string
}

func (c Credential) wire() map[string]any {
	body := map[string]any{}
	if c.OAuth != nil {
		oauth := map[string]any{"access_token": string(c.OAuth.AccessToken)}
		give(oauth, "refresh_token", string(c.OAuth.RefreshToken))
		give(oauth, "domain", c.OAuth.Domain)
		if !c.OAuth.ExpiresAt.IsZero() {
			oauth["expires_at"] = c.OAuth.ExpiresAt.UTC()
		}
		if c.OAuth.Scopes != nil {
			oauth["scopes"] = c.OAuth.Scopes
		}
		body["oauth"] = oauth
	}
	if c.Fields != nil {
		fields := map[string]string{}
		for name, value := range c.Fields {
			fields[name] = string(value)
		}
		body["fields"] = fields
	}
	return body
}

// AccountFilter says which accounts to list; every field given must fit.
type AccountFilter struct {
	// Identifier is exactly this one.
	Identifier string
	// ConnectionName is the name (or id) of the connection.
	ConnectionName string
	// AccountName is exactly this one.
	AccountName string
	// Connector is the connector of the connection.
	Connector string
	// Status is the status.
	Status AccountStatus
	// OrganizationID is the organization.
	OrganizationID string
	// UserID is the user.
	UserID string
	// Query is contained in identifier, label, id, organization or user id, whatever the case.
	Query string
	// PageSize is how many accounts are fetched at once: 1 to 100. Default: 20.
	PageSize int
}

// AuthorizationLink is a link to send to a user. It works once, in the browser that goes on with it.
type AuthorizationLink struct {
	// Link is the address to open. Who holds it can connect an account: treat it as a secret.
	Link string `json:"link"`
	// ExpiresAt is when it stops working.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Account is the account that it is for.
	Account ConnectedAccount `json:"account"`
}

// VerifiedUser is a confirmed user.
type VerifiedUser struct {
	// Account is the account, now ACTIVE.
	Account ConnectedAccount `json:"account"`
	// PostUserVerifyRedirectURL is where to send the user's browser next.
	PostUserVerifyRedirectURL string `json:"post_user_verify_redirect_url"`
}

// Event is one entry of the history of an account or a connection.
type Event struct {
	// ID is ev_….
	ID string `json:"id"`
	// At is when it happened.
	At time.Time `json:"at,omitzero"`
	// Kind is what happened: account.activated.
	Kind string `json:"kind"`
	// Actor is who did it: client:…, token:…, end_user or system.
	Actor string `json:"actor"`
	// Code is the cause, as a code of the catalogue; may be empty.
	Code string `json:"code,omitempty"`
	// AccountID is the account it is about; may be empty.
	AccountID string `json:"account_id,omitempty"`
	// ConnectionID is the connection it is about; may be empty.
	ConnectionID string `json:"connection_id,omitempty"`
	// Data is evidence and detail; never a secret.
	Data map[string]any `json:"data"`
}

// EventFilter says which entries of a history to list; every field given must fit.
type EventFilter struct {
	// Kind is what happened: account.expired; several with commas between.
	Kind string
	// Code is the cause, as a code of the catalogue.
	Code string
	// Since: at or after this instant.
	Since time.Time
	// Until: before this instant.
	Until time.Time
	// PageSize is how many events are fetched at once: 1 to 100. Default: 20.
	PageSize int
}

func (f EventFilter) query() url.Values {
	return values("kind", f.Kind, "code", f.Code, "since", instant(f.Since), "until", instant(f.Until), "page_size", size(f.PageSize))
}

// instant is a point in time as sent (RFC 3339), or nothing.
func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
