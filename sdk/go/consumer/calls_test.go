package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

// args are the arguments of a call; what is not there was not given.
type args map[string]json.RawMessage

func read[T any](a args, name string) (value T) {
	if raw, given := a[name]; given {
		if err := json.Unmarshal(raw, &value); err != nil {
			panic(fmt.Sprintf("argument %s: %v", name, err))
		}
	}
	return value
}

func (a args) text(name string) string           { return read[string](a, name) }
func (a args) number(name string) int            { return read[int](a, name) }
func (a args) flag(name string) *bool            { return read[*bool](a, name) }
func (a args) object(name string) map[string]any { return read[map[string]any](a, name) }
func (a args) list(name string) []string         { return read[[]string](a, name) }
func change[T any](a args, name string) (c valetkey.Change[T]) {
	raw, given := a[name]
	switch {
	case !given:
		return c
	case string(raw) == "null":
		return valetkey.Clear[T]()
	}
	return valetkey.Set(read[T](a, name))
}

func (a args) account() valetkey.AccountRef {
	return valetkey.AccountRef{
		ConnectedAccountID: a.text("connected_account_id"), Identifier: a.text("identifier"), ConnectionName: a.text("connection_name"),
		AccountName: a.text("account_name"),
	}
}

func (a args) events() valetkey.EventFilter {
	return valetkey.EventFilter{
		Kind: a.text("kind"), Code: a.text("code"), Since: read[time.Time](a, "since"), Until: read[time.Time](a, "until"),
		PageSize: a.number("page_size"),
	}
}

func (a args) ending() []valetkey.EndOption {
	if _, given := a["siblings"]; !given {
		return nil
	}
	return []valetkey.EndOption{valetkey.Siblings(a.text("siblings"))}
}

func (a args) credential() *valetkey.Credential {
	if _, given := a["credential"]; !given {
		return nil
	}
	wire := read[struct {
		OAuth *struct {
			AccessToken  string    `json:"access_token"`
			RefreshToken string    `json:"refresh_token"`
			ExpiresAt    time.Time `json:"expires_at"`
			Scopes       []string  `json:"scopes"`
			Domain       string    `json:"domain"`
		} `json:"oauth"`
		Fields map[string]string `json:"fields"`
	}](a, "credential")
	credential := &valetkey.Credential{}
	if o := wire.OAuth; o != nil {
		credential.OAuth = &valetkey.OAuthTokens{
			AccessToken: valetkey.Secret(o.AccessToken), RefreshToken: valetkey.Secret(o.RefreshToken),
			ExpiresAt: o.ExpiresAt, Scopes: o.Scopes, Domain: o.Domain,
		}
	}
	if wire.Fields != nil {
		credential.Fields = map[string]valetkey.Secret{}
		for name, value := range wire.Fields {
			credential.Fields[name] = valetkey.Secret(value)
		}
	}
	return credential
}

func (a args) tool() valetkey.ToolCall {
	return valetkey.ToolCall{
		ToolName: a.text("tool_name"), ToolInput: a.object("tool_input"), ConnectedAccountID: a.text("connected_account_id"),
		Identifier: a.text("identifier"), ConnectionName: a.text("connection_name"), OrganizationID: a.text("organization_id"),
		UserID: a.text("user_id"), AgentRunID: a.text("agent_run_id"), IdempotencyKey: a.text("idempotency_key"),
		AccountName: a.text("account_name"), Timeout: time.Duration(a.number("timeout_ms")) * time.Millisecond,
		MaxAge: time.Duration(a.number("max_age")) * time.Second,
	}
}

func (a args) tools() (calls []valetkey.ToolCall) {
	for _, one := range read[[]args](a, "calls") {
		calls = append(calls, one.tool())
	}
	return calls
}

// batch is what a batch brings as the cases say it.
func batch[R any](results []R, err error) (any, error) {
	all := []any{}
	for _, item := range results {
		var one valetkey.BatchResult
		switch item := any(item).(type) {
		case valetkey.BatchResult:
			one = item
			if item.Err == nil {
				all = append(all, map[string]any{"result": item.Result})
			}
		case valetkey.BatchStart:
			one.Err = item.Err
			if item.Err == nil {
				all = append(all, map[string]any{"started": item.Started})
			}
		}
		if one.Err == nil {
			continue
		}
		var base *valetkey.ValetkeyError
		if !errors.As(one.Err, &base) {
			return nil, one.Err
		}
		name := fmt.Sprintf("%T", one.Err)
		all = append(all, map[string]any{"error": map[string]any{
			"class": name[strings.LastIndex(name, ".")+1:], "code": base.Code, "message": base.Message,
			"execution_id": base.ExecutionID, "fields": base.Fields, "http_status": unlessZero(base.HTTPStatus),
		}})
	}
	return all, err
}

// verify verifies a webhook with the headers as net/http has them, and as they came.
func (a args) verify() (any, error) {
	options := []valetkey.VerifyOption{valetkey.VerifyAt(read[time.Time](a, "now"))}
	if _, given := a["tolerance_s"]; given {
		options = append(options, valetkey.VerifyTolerance(time.Duration(a.number("tolerance_s"))*time.Second))
	}
	canonical, raw := http.Header{}, http.Header{}
	for name, value := range read[map[string]string](a, "headers") {
		canonical.Set(name, value)
		raw[name] = []string{value}
	}
	event, err := valetkey.VerifyWebhook(a.text("secret"), canonical, []byte(a.text("payload")), options...)
	again, other := valetkey.VerifyWebhook(a.text("secret"), raw, []byte(a.text("payload")), options...)
	if !reflect.DeepEqual(event, again) || fmt.Sprint(err) != fmt.Sprint(other) {
		return nil, fmt.Errorf("the headers' case makes a difference: %v, %v; %w, %w", event, again, err, other)
	}
	return event, err
}

// shown is a webhook's secret in the clear, which does not print by itself.
func shown(made *valetkey.WebhookSecret, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if text := fmt.Sprintf("%v %+v %#v", made, made, made); strings.Contains(text, "canary") {
		return nil, errors.New("the secret of a webhook prints")
	}
	return map[string]any{"webhook": made.Webhook, "secret": string(made.Secret), "old_secret_valid_until": made.OldSecretValidUntil}, nil
}

func unlessZero(number int) any {
	if number == 0 {
		return nil
	}
	return number
}

func (a args) link() (options []valetkey.LinkOption) {
	if scopes := a.list("scopes"); scopes != nil {
		options = append(options, valetkey.LinkScopes(scopes...))
	}
	if scopes := a.list("add_scopes"); scopes != nil {
		options = append(options, valetkey.LinkAddScopes(scopes...))
	}
	for name, option := range map[string]func(string) valetkey.LinkOption{
		"state": valetkey.LinkState, "user_verify_url": valetkey.LinkUserVerifyURL,
		"organization_id": valetkey.LinkOrganizationID, "user_id": valetkey.LinkUserID,
	} {
		if text := a.text(name); text != "" {
			options = append(options, option(text))
		}
	}
	return options
}

func (a args) proxied() valetkey.ProxyRequest {
	request := valetkey.ProxyRequest{
		Method: a.text("method"), Path: a.text("path"), ConnectedAccountID: a.text("connected_account_id"),
		Identifier: a.text("identifier"), ConnectionName: a.text("connection_name"), JSON: read[any](a, "json"),
		AccountName: a.text("account_name"), AgentRunID: a.text("agent_run_id"), Query: url.Values{}, Header: http.Header{},
	}
	for name, value := range a.object("query") {
		if list, several := value.([]any); several {
			for _, one := range list {
				request.Query.Add(name, one.(string))
			}
		} else {
			request.Query.Set(name, value.(string))
		}
	}
	for name, value := range read[map[string]string](a, "headers") {
		request.Header.Set(name, value)
	}
	return request
}

func collect[T any](list valetkey.List[T], take int) (any, error) {
	all := []T{}
	for item, err := range list {
		if err != nil {
			return all, err
		}
		all = append(all, item)
		if take > 0 && len(all) == take {
			break
		}
	}
	return all, nil
}

func invoke(ctx context.Context, client *valetkey.ValetkeyClient, s step) (any, error) {
	a, actions, connections := s.Args, client.Actions, client.Connections
	natural := a.text("connected_account_id") == "" && a.text("account_name") == ""
	identifier, connection := a.text("identifier"), a.text("connection_name")
	switch s.Call {
	case "get_connected_account":
		if natural {
			return actions.GetConnectedAccount(ctx, identifier, connection)
		}
		return actions.GetConnectedAccountBy(ctx, a.account())
	case "refresh_connected_account":
		if natural {
			return actions.RefreshConnectedAccount(ctx, identifier, connection)
		}
		return actions.RefreshConnectedAccountBy(ctx, a.account())
	case "disconnect_connected_account":
		if natural {
			return actions.DisconnectConnectedAccount(ctx, identifier, connection, a.ending()...)
		}
		return actions.DisconnectConnectedAccountBy(ctx, a.account(), a.ending()...)
	case "delete_connected_account":
		if natural {
			return nil, actions.DeleteConnectedAccount(ctx, identifier, connection, a.ending()...)
		}
		return nil, actions.DeleteConnectedAccountBy(ctx, a.account(), a.ending()...)
	case "get_or_create_connected_account", "create_connected_account":
		account := valetkey.NewAccount{
			Identifier: identifier, ConnectionName: connection, OrganizationID: a.text("organization_id"), UserID: a.text("user_id"),
			APIConfig: a.object("api_config"), Credential: a.credential(), SkipProbe: a.flag("skip_probe"),
			AccountName: a.text("account_name"),
		}
		if s.Call == "create_connected_account" {
			return actions.CreateConnectedAccount(ctx, account)
		}
		return actions.GetOrCreateConnectedAccount(ctx, account)
	case "update_connected_account":
		changes := valetkey.AccountChanges{
			OrganizationID: change[string](a, "organization_id"), UserID: change[string](a, "user_id"),
			APIConfig: change[map[string]any](a, "api_config"), Credential: a.credential(), SkipProbe: a.flag("skip_probe"),
		}
		if natural {
			return actions.UpdateConnectedAccount(ctx, identifier, connection, changes)
		}
		return actions.UpdateConnectedAccountBy(ctx, a.account(), changes)
	case "list_connected_accounts":
		return collect(actions.ListConnectedAccounts(ctx, valetkey.AccountFilter{
			Identifier: identifier, ConnectionName: connection, Connector: a.text("connector"),
			Status: valetkey.AccountStatus(a.text("status")), OrganizationID: a.text("organization_id"),
			UserID: a.text("user_id"), Query: a.text("query"), PageSize: a.number("page_size"),
			AccountName: a.text("account_name"),
		}), s.Expect.Take)
	case "list_account_events":
		return collect(actions.ListAccountEvents(ctx, a.account(), a.events()), s.Expect.Take)
	case "get_authorization_link":
		if natural {
			return actions.GetAuthorizationLink(ctx, connection, identifier, a.link()...)
		}
		return actions.GetAuthorizationLinkBy(ctx, a.account(), a.link()...)
	case "verify_connected_account_user":
		return actions.VerifyConnectedAccountUser(ctx, a.text("auth_request_id"), identifier)
	case "execute_tool":
		return actions.ExecuteTool(ctx, a.tool())
	case "execute_tools":
		return batch(actions.ExecuteTools(ctx, a.tools()))
	case "execute_tools_async":
		return batch(actions.ExecuteToolsAsync(ctx, a.tools()))
	case "execute_tool_async":
		return actions.ExecuteToolAsync(ctx, a.tool())
	case "request":
		answer, err := actions.Request(ctx, a.proxied())
		if err != nil {
			return nil, err
		}
		var body any
		if answer.Decode(&body) != nil {
			body = nil
		}
		return map[string]any{"status": answer.Status, "execution_id": answer.ExecutionID, "json": body}, nil
	case "list_tools":
		return collect(actions.ListTools(ctx, valetkey.ToolFilter{
			Connector: a.text("connector"), ConnectionName: connection, Identifier: identifier,
			Query: a.text("query"), PageSize: a.number("page_size"),
		}), s.Expect.Take)
	case "search_tools":
		return actions.SearchTools(ctx, valetkey.ToolSearch{Query: a.text("query"), Identifier: identifier, Limit: a.number("limit")})
	case "get_tool":
		return actions.GetTool(ctx, a.text("name"))
	case "get_execution":
		return actions.GetExecution(ctx, a.text("execution_id"))
	case "list_executions":
		return collect(actions.ListExecutions(ctx, valetkey.ExecutionFilter{
			ConnectedAccountID: a.text("connected_account_id"), ConnectionID: a.text("connection_id"), ToolName: a.text("tool_name"),
			Status: valetkey.ExecutionStatus(a.text("status")), PageSize: a.number("page_size"),
		}), s.Expect.Take)
	case "wait_for_execution":
		return actions.WaitForExecution(ctx, a.text("execution_id"), time.Duration(a.number("timeout_ms"))*time.Millisecond)
	case "diagnose":
		return actions.Diagnose(ctx, valetkey.DiagnosisRequest{
			ConnectedAccountID: a.text("connected_account_id"), Identifier: identifier, ConnectionName: connection,
			AccountName: a.text("account_name"), ExecutionID: a.text("execution_id"), Probe: a.flag("probe"),
			RegisteredRedirectURIs: a.list("registered_redirect_uris"),
		})
	case "create_webhook":
		made, err := client.Webhooks.Create(ctx, valetkey.NewWebhook{
			URL: a.text("url"), Description: a.text("description"), EventTypes: a.list("event_types"), Enabled: a.flag("enabled"),
		})
		return shown(made, err)
	case "list_webhooks":
		return collect(client.Webhooks.List(ctx, a.number("page_size")), s.Expect.Take)
	case "get_webhook":
		return client.Webhooks.Get(ctx, a.text("webhook_id"))
	case "update_webhook":
		return client.Webhooks.Update(ctx, a.text("webhook_id"), valetkey.WebhookChanges{
			URL: change[string](a, "url"), Description: change[string](a, "description"),
			EventTypes: change[[]string](a, "event_types"), Enabled: change[bool](a, "enabled"),
		})
	case "delete_webhook":
		return nil, client.Webhooks.Delete(ctx, a.text("webhook_id"))
	case "rotate_webhook_secret":
		return shown(client.Webhooks.RotateSecret(ctx, a.text("webhook_id")))
	case "test_webhook":
		return client.Webhooks.Test(ctx, a.text("webhook_id"))
	case "list_webhook_deliveries":
		return collect(client.Webhooks.Deliveries(ctx, a.text("webhook_id"), valetkey.DeliveryFilter{
			Outcome: a.text("outcome"), PageSize: a.number("page_size"),
		}), s.Expect.Take)
	case "redeliver_webhook":
		return client.Webhooks.Redeliver(ctx, a.text("webhook_id"), a.text("delivery_id"))
	case "verify_webhook":
		return a.verify()
	case "create_connection":
		return connections.Create(ctx, valetkey.NewConnection{
			Connector: a.text("connector"), Name: a.text("name"), ClientID: a.text("client_id"),
			ClientSecret: valetkey.Secret(a.text("client_secret")), ClientSecretExpiresAt: read[time.Time](a, "client_secret_expires_at"), Scopes: a.list("scopes"),
			UseSharedCredentials: a.flag("use_shared_credentials"), Overrides: read[*valetkey.Overrides](a, "overrides"),
			Variables: read[map[string]string](a, "variables"), Enabled: a.flag("enabled"),
			IdentityPolicy: a.text("identity_policy"), CallTimeoutMS: a.number("call_timeout_ms"),
		})
	case "get_connection":
		return connections.Get(ctx, a.text("connection"))
	case "test_connection":
		return connections.Test(ctx, a.text("connection"))
	case "delete_connection":
		return nil, connections.Delete(ctx, a.text("connection"))
	case "update_connection":
		return connections.Update(ctx, a.text("connection"), valetkey.ConnectionChanges{
			Name: change[string](a, "name"), ClientID: change[string](a, "client_id"),
			ClientSecret: change[valetkey.Secret](a, "client_secret"), ClientSecretExpiresAt: change[time.Time](a, "client_secret_expires_at"), Scopes: change[[]string](a, "scopes"),
			UseSharedCredentials: change[bool](a, "use_shared_credentials"), Overrides: change[valetkey.Overrides](a, "overrides"),
			Variables: change[map[string]string](a, "variables"), Enabled: change[bool](a, "enabled"),
			IdentityPolicy: change[string](a, "identity_policy"), CallTimeoutMS: change[int](a, "call_timeout_ms"),
		})
	case "list_connections":
		return collect(connections.List(ctx, valetkey.ConnectionFilter{
			Connector: a.text("connector"), Query: a.text("query"), PageSize: a.number("page_size"),
		}), s.Expect.Take)
	case "list_connection_events":
		return collect(connections.ListEvents(ctx, a.text("connection"), a.events()), s.Expect.Take)
	case "list_connectors":
		return connections.ListConnectors(ctx)
	case "get_connector":
		return connections.GetConnector(ctx, a.text("name"))
	}
	panic("the runner does not know the call " + s.Call)
}
