package valetkey

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// Actions are what an agent's backend does for its users. See [ValetkeyClient.Actions].
type Actions struct{ core *core }

const accountsPath = "/v1/connect/accounts"

// GetConnectedAccount gives a user's account on a connection.
//
// Errors: [NotFoundError] (account_not_found) if there is none; see also [ValetkeyError].
func (a *Actions) GetConnectedAccount(ctx context.Context, identifier, connectionName string) (*ConnectedAccount, error) {
	return a.GetConnectedAccountBy(ctx, AccountOf(identifier, connectionName))
}

// GetConnectedAccountBy is GetConnectedAccount for an [AccountRef]; by id it costs one request as well.
func (a *Actions) GetConnectedAccountBy(ctx context.Context, account AccountRef) (*ConnectedAccount, error) {
	if err := account.check(); err != nil {
		return nil, err
	}
	if account.ConnectedAccountID == "" {
		return a.find(ctx, account)
	}
	path, err := a.path(ctx, account, "")
	if err != nil {
		return nil, err
	}
	return get[ConnectedAccount](ctx, a.core, path, nil)
}

// find looks an account up by its natural key: without a name the unnamed one, else the only one.
func (a *Actions) find(ctx context.Context, account AccountRef) (*ConnectedAccount, error) {
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	query := values("identifier", account.Identifier, "connection_name", account.ConnectionName, "account_name", account.AccountName)
	var named []*ConnectedAccount
	for found, err := range pages[ConnectedAccount](ctx, a.core, accountsPath, query, nil) {
		if err != nil {
			return nil, err
		}
		if found.AccountName == account.AccountName {
			return found, nil
		}
		named = append(named, found)
	}
	switch {
	case account.AccountName != "" || len(named) == 0:
		return nil, notFound(account)
	case len(named) > 1:
		return nil, &ConflictError{&ValetkeyError{
			Code:       "ambiguous_account",
			Message:    "More than one account fits.",
			Cause:      strconv.Quote(account.Identifier) + " has several named accounts on the connection " + strconv.Quote(account.ConnectionName) + " and none without a name.",
			Remedies:   []Remedy{{Action: "fix_request", Text: "Name the account with account_name (AccountNamed), or give connected_account_id."}},
			HTTPStatus: http.StatusConflict,
		}}
	}
	return named[0], nil
}

func notFound(account AccountRef) error {
	return &NotFoundError{&ValetkeyError{
		Code:       "account_not_found",
		Message:    "There is no connected account of " + strconv.Quote(account.Identifier) + " on the connection " + strconv.Quote(account.ConnectionName) + ".",
		Cause:      "No account of this environment has this identifier (and name, if one was given) on this connection.",
		Remedies:   []Remedy{{Action: "authorize", Text: "Create the account and send its user an authorization link (GetAuthorizationLink does both)."}},
		HTTPStatus: http.StatusNotFound,
	}}
}

// path is below an account's; the account is found first where its id is not given.
func (a *Actions) path(ctx context.Context, account AccountRef, below string) (string, error) {
	if err := account.check(); err != nil {
		return "", err
	}
	id := account.ConnectedAccountID
	if id == "" {
		found, err := a.find(ctx, account)
		if err != nil {
			return "", err
		}
		id = found.ID
	}
	segment, err := segment("connected_account_id", id)
	return accountsPath + "/" + segment + below, err
}

// GetOrCreateConnectedAccount gives the account of a user on a connection, and makes it if there is none.
func (a *Actions) GetOrCreateConnectedAccount(ctx context.Context, account NewAccount) (*ConnectedAccount, error) {
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	ref := AccountNamed(account.Identifier, account.ConnectionName, account.AccountName)
	found, err := a.GetConnectedAccountBy(ctx, ref)
	if !codeIs(err, "account_not_found") {
		return found, err
	}
	created, err := a.CreateConnectedAccount(ctx, account)
	if codeIs(err, "account_already_exists") {
		// Somebody else was faster.
		return a.GetConnectedAccountBy(ctx, ref)
	}
	return created, err
}

func codeIs(err error, code string) bool {
	base := baseOf(err)
	return base != nil && base.Code == code
}

// CreateConnectedAccount makes an account. Without a credential it is PENDING: send its user an authorization link.
//
// Errors: [ConflictError] (account_already_exists).
func (a *Actions) CreateConnectedAccount(ctx context.Context, account NewAccount) (*ConnectedAccount, error) {
	if err := AccountOf(account.Identifier, account.ConnectionName).check(); err != nil {
		return nil, err
	}
	body := map[string]any{"identifier": account.Identifier, "connection_name": account.ConnectionName}
	give(body, "account_name", account.AccountName)
	give(body, "organization_id", account.OrganizationID)
	give(body, "user_id", account.UserID)
	if account.APIConfig != nil {
		body["api_config"] = account.APIConfig
	}
	giveCredential(body, account.Credential, account.SkipProbe)
	return send[ConnectedAccount](ctx, a.core, &call{method: http.MethodPost, path: accountsPath}, body)
}

func giveCredential(body map[string]any, credential *Credential, skipProbe *bool) {
	if credential != nil {
		body["credential"] = credential.wire()
	}
	if skipProbe != nil {
		body["skip_probe"] = *skipProbe
	}
}

// UpdateConnectedAccount changes a user's account on a connection.
func (a *Actions) UpdateConnectedAccount(ctx context.Context, identifier, connectionName string, changes AccountChanges) (*ConnectedAccount, error) {
	return a.UpdateConnectedAccountBy(ctx, AccountOf(identifier, connectionName), changes)
}

// UpdateConnectedAccountBy is UpdateConnectedAccount for an [AccountRef].
func (a *Actions) UpdateConnectedAccountBy(ctx context.Context, account AccountRef, changes AccountChanges) (*ConnectedAccount, error) {
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	path, err := a.path(ctx, account, "")
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	put(body, "organization_id", changes.OrganizationID)
	put(body, "user_id", changes.UserID)
	put(body, "api_config", changes.APIConfig)
	giveCredential(body, changes.Credential, changes.SkipProbe)
	return send[ConnectedAccount](ctx, a.core, &call{method: http.MethodPatch, path: path}, body)
}

// ListConnectedAccounts lists accounts, newest first.
func (a *Actions) ListConnectedAccounts(ctx context.Context, filter AccountFilter) List[*ConnectedAccount] {
	return pages[ConnectedAccount](ctx, a.core, accountsPath, values(
		"identifier", filter.Identifier, "connection_name", filter.ConnectionName, "account_name", filter.AccountName,
		"connector", filter.Connector,
		"status", string(filter.Status), "organization_id", filter.OrganizationID, "user_id", filter.UserID,
		"query", filter.Query, "page_size", size(filter.PageSize),
	), nil)
}

func size(pageSize int) string {
	if pageSize == 0 {
		return ""
	}
	return strconv.Itoa(pageSize)
}

// ListAccountEvents lists an account's history, newest first.
func (a *Actions) ListAccountEvents(ctx context.Context, account AccountRef, filter EventFilter) List[*Event] {
	return func(yield func(*Event, error) bool) {
		path, err := a.path(ctx, account, "/events")
		pages[Event](ctx, a.core, path, filter.query(), err)(yield)
	}
}

// RefreshConnectedAccount renews the credential of a user's account now.
//
// Errors: [ConflictError] (refresh_refused, refresh_not_possible); its AuthorizationLink is ready to send to the user.
func (a *Actions) RefreshConnectedAccount(ctx context.Context, identifier, connectionName string) (*ConnectedAccount, error) {
	return a.RefreshConnectedAccountBy(ctx, AccountOf(identifier, connectionName))
}

// RefreshConnectedAccountBy is RefreshConnectedAccount for an [AccountRef].
func (a *Actions) RefreshConnectedAccountBy(ctx context.Context, account AccountRef) (*ConnectedAccount, error) {
	return post[ConnectedAccount](ctx, a, account, "/refresh", nil)
}

// EndOption says more about the end of an account's access.
type EndOption func(*ending)

type ending struct{ siblings string }

// Siblings says what shall become of other accounts that the revocation would end too: "revoke" or "keep".
func Siblings(what string) EndOption { return func(e *ending) { e.siblings = what } }

func endingOf(options []EndOption) (e ending) {
	for _, option := range options {
		option(&e)
	}
	return e
}

// DisconnectConnectedAccount erases the credential of a user's account, here and where possible at the provider. The
// account stays and can be authorized again.
//
// Errors: [ConflictError] (revocation_reaches_siblings) if the revocation would end other accounts too and no option
// says what shall become of them.
func (a *Actions) DisconnectConnectedAccount(ctx context.Context, identifier, connectionName string, options ...EndOption) (*DisconnectedAccount, error) {
	return a.DisconnectConnectedAccountBy(ctx, AccountOf(identifier, connectionName), options...)
}

// DisconnectConnectedAccountBy is DisconnectConnectedAccount for an [AccountRef].
func (a *Actions) DisconnectConnectedAccountBy(ctx context.Context, account AccountRef, options ...EndOption) (*DisconnectedAccount, error) {
	var body any
	if siblings := endingOf(options).siblings; siblings != "" {
		body = map[string]string{"siblings": siblings}
	}
	return post[DisconnectedAccount](ctx, a, account, "/disconnect", body)
}

func post[T any](ctx context.Context, a *Actions, account AccountRef, below string, body any) (*T, error) {
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	path, err := a.path(ctx, account, below)
	if err != nil {
		return nil, err
	}
	return send[T](ctx, a.core, &call{method: http.MethodPost, path: path}, body)
}

// DeleteConnectedAccount deletes a user's account with its credential; options as for
// [Actions.DisconnectConnectedAccount].
func (a *Actions) DeleteConnectedAccount(ctx context.Context, identifier, connectionName string, options ...EndOption) error {
	return a.DeleteConnectedAccountBy(ctx, AccountOf(identifier, connectionName), options...)
}

// DeleteConnectedAccountBy is DeleteConnectedAccount for an [AccountRef].
func (a *Actions) DeleteConnectedAccountBy(ctx context.Context, account AccountRef, options ...EndOption) error {
	ctx, cancel := a.core.begin(ctx)
	defer cancel()
	path, err := a.path(ctx, account, "")
	if err != nil {
		return err
	}
	query := values("siblings", endingOf(options).siblings)
	_, err = a.core.do(ctx, &call{method: http.MethodDelete, path: path, query: query})
	return err
}

// LinkOption says what an authorization link shall do beside authorizing.
type LinkOption func(body map[string]any)

// LinkScopes asks for these scopes, fewer than the connection's.
func LinkScopes(scopes ...string) LinkOption {
	return func(body map[string]any) { body["scopes"] = scopes }
}

// LinkAddScopes asks for these scopes besides the connection's and those that the account has.
func LinkAddScopes(scopes ...string) LinkOption {
	return func(body map[string]any) { body["add_scopes"] = scopes }
}

// LinkUserVerifyURL is where the user goes afterwards, so that the app can confirm who it is; see
// [Actions.VerifyConnectedAccountUser].
func LinkUserVerifyURL(url string) LinkOption {
	return func(body map[string]any) { body["user_verify_url"] = url }
}

// LinkState is handed through to the user verify URL untouched.
func LinkState(state string) LinkOption {
	return func(body map[string]any) { body["state"] = state }
}

// LinkOrganizationID is the caller's own id of the user's organization, for an account that the link makes.
func LinkOrganizationID(id string) LinkOption {
	return func(body map[string]any) { body["organization_id"] = id }
}

// LinkUserID is a further id of the caller's, for an account that the link makes.
func LinkUserID(id string) LinkOption {
	return func(body map[string]any) { body["user_id"] = id }
}

// GetAuthorizationLink makes a link for a user to authorize on a connection, for the first time or again. The account
// is made if there is none.
func (a *Actions) GetAuthorizationLink(ctx context.Context, connectionName, identifier string, options ...LinkOption) (*AuthorizationLink, error) {
	return a.GetAuthorizationLinkBy(ctx, AccountOf(identifier, connectionName), options...)
}

// GetAuthorizationLinkBy is GetAuthorizationLink for an [AccountRef].
func (a *Actions) GetAuthorizationLinkBy(ctx context.Context, account AccountRef, options ...LinkOption) (*AuthorizationLink, error) {
	if err := account.check(); err != nil {
		return nil, err
	}
	body := map[string]any{}
	path := "/v1/connect/authorization-links"
	if account.ConnectedAccountID == "" {
		body["identifier"], body["connection_name"] = account.Identifier, account.ConnectionName
		give(body, "account_name", account.AccountName)
	} else {
		var err error
		if path, err = a.path(ctx, account, "/authorization-link"); err != nil {
			return nil, err
		}
	}
	for _, option := range options {
		option(body)
	}
	return send[AuthorizationLink](ctx, a.core, &call{method: http.MethodPost, path: path}, body)
}

// VerifyConnectedAccountUser confirms who finished an authorization. authRequestID came to the app's user verify URL;
// identifier is the app's own id of the user who is signed in in that browser.
//
// Errors: [ForbiddenError] (verification_mismatch) if the link was made for somebody else.
func (a *Actions) VerifyConnectedAccountUser(ctx context.Context, authRequestID, identifier string) (*VerifiedUser, error) {
	if authRequestID == "" || identifier == "" {
		return nil, invalidArgument("auth_request_id and identifier are both required.", "auth_request_id")
	}
	body := map[string]any{"auth_request_id": authRequestID, "identifier": identifier}
	return send[VerifiedUser](ctx, a.core, &call{method: http.MethodPost, path: accountsPath + "/verify"}, body)
}

// IsNotFound says whether an error is a [NotFoundError].
func IsNotFound(err error) bool {
	var notFound *NotFoundError
	return errors.As(err, &notFound)
}
