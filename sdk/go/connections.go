package valetkey

import (
	"context"
	"net/http"
	"time"
)

// Connections are configured connectors. See [ValetkeyClient.Connections].
type Connections struct{ core *core }

// Connection is a configured connector. Its client secret is never shown.
type Connection struct {
	// ID is conn_….
	ID string `json:"id"`
	// Name is unique within the environment.
	Name string `json:"name"`
	// Connector is the connector's name.
	Connector string `json:"connector"`
	// Provider is the connector's official upper-case name.
	Provider string `json:"provider"`
	// DisplayName is the connector's name for people.
	DisplayName string `json:"display_name"`
	// AuthType is how its accounts are authorized: OAUTH, API_KEY, …
	AuthType string `json:"auth_type"`
	// ClientID is the OAuth client at the provider; may be empty.
	ClientID string `json:"client_id,omitempty"`
	// HasClientSecret says whether a client secret is stored.
	HasClientSecret bool `json:"has_client_secret"`
	// ClientSecretExpiresAt is when the client secret ends at the provider; nil if it does not, or nobody said so.
	ClientSecretExpiresAt *time.Time `json:"client_secret_expires_at"`
	// UseSharedCredentials says whether the operator-wide OAuth client is used.
	UseSharedCredentials bool `json:"use_shared_credentials"`
	// Scopes are those asked for; empty means the connector's defaults.
	Scopes []string `json:"scopes"`
	// Overrides are other base URLs than the connector's.
	Overrides Overrides `json:"overrides"`
	// Variables are values for the connector's URL templates.
	Variables map[string]string `json:"variables"`
	// IdentityPolicy says what to do when a user authorizes again with another account at the provider: flag or refuse.
	IdentityPolicy string `json:"identity_policy"`
	// CallTimeoutMS is the longest that a call may take, in milliseconds; nil leaves it to connector and server.
	CallTimeoutMS *int `json:"call_timeout_ms"`
	// Enabled says whether it is enabled.
	Enabled bool `json:"enabled"`
	// RedirectURI is what to register at the provider, exactly.
	RedirectURI string `json:"redirect_uri"`
	// Fault is set while the provider refuses the connection's own configuration.
	Fault *ConnectionFault `json:"fault"`
	// CreatedAt is when it was made.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// UpdatedAt is when it last changed.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Overrides are base URLs that replace the connector's own; empty ones do not.
type Overrides struct {
	// APIBaseURL is the base URL of the API; the credential goes nowhere else.
	APIBaseURL string `json:"api_base_url,omitempty"`
	// AuthorizeURL is the authorization endpoint.
	AuthorizeURL string `json:"authorize_url,omitempty"`
	// TokenURL is the token endpoint.
	TokenURL string `json:"token_url,omitempty"`
	// RevokeURL is the revocation endpoint.
	RevokeURL string `json:"revoke_url,omitempty"`
	// UserinfoURL is the userinfo endpoint.
	UserinfoURL string `json:"userinfo_url,omitempty"`
}

// ConnectionFault says why the provider refuses a connection's configuration.
type ConnectionFault struct {
	// Code is of the catalogue: invalid_client.
	Code string `json:"code"`
	// Message says what it means.
	Message string `json:"message"`
	// Since is when it began.
	Since time.Time `json:"since,omitzero"`
}

// NewConnection is a connection to create.
type NewConnection struct {
	// Connector is the connector, by its own or its official name. Required.
	Connector string
	// Name: letters, digits, `_`, `:`, space and `-`. Default: made up from the connector's name.
	Name string
	// ClientID is the OAuth client at the provider.
	ClientID string
	// ClientSecret is the OAuth client's secret.
	ClientSecret Secret
	// ClientSecretExpiresAt is when that secret ends at the provider; the server tells of it in time. Default: it does
	// not, or nobody knows.
	ClientSecretExpiresAt time.Time
	// Scopes are those to ask for. Default: the connector's.
	Scopes []string
	// UseSharedCredentials uses the operator-wide OAuth client instead of an own one.
	UseSharedCredentials *bool
	// Overrides are other base URLs than the connector's.
	Overrides *Overrides
	// Variables are values for the connector's URL templates, such as a tenant.
	Variables map[string]string
	// IdentityPolicy says what to do when a user authorizes again with another account at the provider: flag or refuse.
	// Default: the server's.
	IdentityPolicy string
	// CallTimeoutMS is the longest that a call may take, in milliseconds. Default: what connector and server allow.
	CallTimeoutMS int
	// Enabled. Default: true.
	Enabled *bool
}

// ConnectionChanges is a change of a connection; what is left out stays.
type ConnectionChanges struct {
	// Name is another name.
	Name Change[string]
	// ClientID is another OAuth client.
	ClientID Change[string]
	// ClientSecret is another client secret.
	ClientSecret Change[Secret]
	// ClientSecretExpiresAt is when the secret ends at the provider; [Clear] it where it does not. A new ClientSecret
	// forgets the end of the old one.
	ClientSecretExpiresAt Change[time.Time]
	// Scopes are other scopes.
	Scopes Change[[]string]
	// UseSharedCredentials says whether to use the operator-wide OAuth client.
	UseSharedCredentials Change[bool]
	// Overrides replaces all other base URLs.
	Overrides Change[Overrides]
	// Variables replaces all values for URL templates.
	Variables Change[map[string]string]
	// IdentityPolicy says what to do when a user authorizes again with another account at the provider: flag or refuse.
	IdentityPolicy Change[string]
	// CallTimeoutMS is the longest that a call may take, in milliseconds.
	CallTimeoutMS Change[int]
	// Enabled says whether it is enabled.
	Enabled Change[bool]
}

// ConnectionTest is what a test of a connection found.
type ConnectionTest struct {
	// OK says whether everything that could be checked is in order.
	OK bool `json:"ok"`
	// Checked is what was checked.
	Checked []ConnectionCheck `json:"checked"`
	// NotChecked is what could not be checked from the server.
	NotChecked []UncheckedItem `json:"not_checked"`
}

// ConnectionCheck is one thing that was checked.
type ConnectionCheck struct {
	// Item is what: client_credentials, token_endpoint, …
	Item string `json:"item"`
	// OK says whether it is in order.
	OK bool `json:"ok"`
	// Detail is what was found, in words.
	Detail string `json:"detail"`
	// Code is of the catalogue, if it is not in order.
	Code string `json:"code,omitempty"`
}

// UncheckedItem is one thing that could not be checked.
type UncheckedItem struct {
	// Item is what.
	Item string `json:"item"`
	// Reason says why not, and how to find out.
	Reason string `json:"reason"`
}

// Connector is the definition of a third-party app.
type Connector struct {
	// Slug is its name: gmail.
	Slug string `json:"slug"`
	// Provider is its official upper-case name.
	Provider string `json:"provider"`
	// DisplayName is its name for people.
	DisplayName string `json:"display_name"`
	// Description is what it is.
	Description string `json:"description"`
	// AuthType is how its accounts are authorized.
	AuthType string `json:"auth_type"`
	// Scopes are those that a connection asks for unless told otherwise.
	Scopes []string `json:"scopes"`
	// Fields are those of a static credential.
	Fields []ConnectorField `json:"fields"`
	// Variables are those of its URL templates, to be set on the connection.
	Variables []ConnectorField `json:"variables"`
	// Tools are the names of its tools.
	Tools []string `json:"tools"`
	// SharedCredentials says whether the operator has set a shared OAuth client.
	SharedCredentials bool `json:"shared_credentials"`
}

// ConnectorField is a field to fill in.
type ConnectorField struct {
	// Name is its name in requests.
	Name string `json:"name"`
	// Label is its name for people.
	Label string `json:"label"`
	// Help says where to find the value; may be empty.
	Help string `json:"help,omitempty"`
	// Secret says whether it is a secret.
	Secret bool `json:"secret"`
	// Required says whether it must be given.
	Required bool `json:"required"`
}

// ConnectionFilter says which connections to list; every field given must fit.
type ConnectionFilter struct {
	// Connector is the connector.
	Connector string
	// Query is contained in the name, whatever the case.
	Query string
	// PageSize is how many connections are fetched at once: 1 to 100. Default: 20.
	PageSize int
}

const connectionsPath = "/v1/connect/connections"

func connectionPath(connection, below string) (string, error) {
	segment, err := segment("connection", connection)
	return connectionsPath + "/" + segment + below, err
}

// Create makes a connection.
//
// Errors: [ConflictError] (connection_already_exists), [NotFoundError] (connector_not_found).
func (c *Connections) Create(ctx context.Context, connection NewConnection) (*Connection, error) {
	body := map[string]any{"connector": connection.Connector}
	give(body, "name", connection.Name)
	give(body, "client_id", connection.ClientID)
	give(body, "client_secret", string(connection.ClientSecret))
	if !connection.ClientSecretExpiresAt.IsZero() {
		body["client_secret_expires_at"] = connection.ClientSecretExpiresAt
	}
	give(body, "identity_policy", connection.IdentityPolicy)
	give(body, "call_timeout_ms", connection.CallTimeoutMS)
	if connection.Scopes != nil {
		body["scopes"] = connection.Scopes
	}
	if connection.UseSharedCredentials != nil {
		body["use_shared_credentials"] = *connection.UseSharedCredentials
	}
	if connection.Overrides != nil {
		body["overrides"] = connection.Overrides
	}
	if connection.Variables != nil {
		body["variables"] = connection.Variables
	}
	if connection.Enabled != nil {
		body["enabled"] = *connection.Enabled
	}
	return send[Connection](ctx, c.core, &call{method: http.MethodPost, path: connectionsPath}, body)
}

// Get gives a connection by its name or id.
//
// Errors: [NotFoundError] (connection_not_found).
func (c *Connections) Get(ctx context.Context, connection string) (*Connection, error) {
	path, err := connectionPath(connection, "")
	if err != nil {
		return nil, err
	}
	return get[Connection](ctx, c.core, path, nil)
}

// List lists connections, newest first.
func (c *Connections) List(ctx context.Context, filter ConnectionFilter) List[*Connection] {
	return pages[Connection](ctx, c.core, connectionsPath,
		values("connector", filter.Connector, "query", filter.Query, "page_size", size(filter.PageSize)), nil)
}

// Update changes a connection, named by its name or id.
func (c *Connections) Update(ctx context.Context, connection string, changes ConnectionChanges) (*Connection, error) {
	path, err := connectionPath(connection, "")
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	put(body, "name", changes.Name)
	put(body, "client_id", changes.ClientID)
	put(body, "client_secret", changes.ClientSecret)
	put(body, "client_secret_expires_at", changes.ClientSecretExpiresAt)
	put(body, "scopes", changes.Scopes)
	put(body, "use_shared_credentials", changes.UseSharedCredentials)
	put(body, "overrides", changes.Overrides)
	put(body, "variables", changes.Variables)
	put(body, "identity_policy", changes.IdentityPolicy)
	put(body, "call_timeout_ms", changes.CallTimeoutMS)
	put(body, "enabled", changes.Enabled)
	return send[Connection](ctx, c.core, &call{method: http.MethodPatch, path: path}, body)
}

// Delete deletes a connection that has no accounts any more.
//
// Errors: [ConflictError] (connection_in_use).
func (c *Connections) Delete(ctx context.Context, connection string) error {
	path, err := connectionPath(connection, "")
	if err != nil {
		return err
	}
	_, err = c.core.do(ctx, &call{method: http.MethodDelete, path: path})
	return err
}

// Test asks the provider about a connection's configuration, as far as that can be asked.
func (c *Connections) Test(ctx context.Context, connection string) (*ConnectionTest, error) {
	path, err := connectionPath(connection, "/test")
	if err != nil {
		return nil, err
	}
	return send[ConnectionTest](ctx, c.core, &call{method: http.MethodPost, path: path}, nil)
}

// ListEvents lists a connection's history, newest first.
func (c *Connections) ListEvents(ctx context.Context, connection string, filter EventFilter) List[*Event] {
	path, err := connectionPath(connection, "/events")
	return pages[Event](ctx, c.core, path, filter.query(), err)
}

// ListConnectors lists what can be connected, by name.
func (c *Connections) ListConnectors(ctx context.Context) ([]Connector, error) {
	all, err := get[struct {
		Items []Connector `json:"items"`
	}](ctx, c.core, "/v1/connect/connectors", nil)
	if err != nil {
		return nil, err
	}
	return all.Items, nil
}

// GetConnector gives a connector by its name.
//
// Errors: [NotFoundError] (connector_not_found).
func (c *Connections) GetConnector(ctx context.Context, name string) (*Connector, error) {
	segment, err := segment("name", name)
	if err != nil {
		return nil, err
	}
	return get[Connector](ctx, c.core, "/v1/connect/connectors/"+segment, nil)
}
