package consumer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	valetkey "github.com/valetkey/valetkey/sdk/go"
)

func profile(identifier string) valetkey.ToolCall {
	return valetkey.ToolCall{ToolName: "sandbox_get_profile", Identifier: identifier}
}

// connect makes an ACTIVE account of a user of the simulator.
func (s *server) connect(client *valetkey.ValetkeyClient, identifier, user string, options ...valetkey.LinkOption) *valetkey.ConnectedAccount {
	s.t.Helper()
	link, err := client.Actions.GetAuthorizationLink(context.Background(), "sandbox", identifier, options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.authorize(link.Link, user)
	return s.status(client, identifier, valetkey.StatusActive)
}

func (s *server) status(client *valetkey.ValetkeyClient, identifier string, expected valetkey.AccountStatus) *valetkey.ConnectedAccount {
	s.t.Helper()
	account, err := client.Actions.GetConnectedAccount(context.Background(), identifier, "sandbox")
	if err != nil {
		s.t.Fatal(err)
	}
	if account.Status != expected {
		s.t.Fatalf("%s is %s, expected %s", identifier, account.Status, expected)
	}
	return account
}

func TestPendingAccountBecomesActiveThroughItsLinkAndCallsTools(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	var logged bytes.Buffer
	client := s.client(valetkey.WithLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	account, err := client.Actions.GetOrCreateConnectedAccount(ctx, valetkey.NewAccount{Identifier: "user_1", ConnectionName: "sandbox"})
	if err != nil || account.Status != "PENDING" {
		t.Fatalf("%+v %v", account, err)
	}
	_, err = client.Actions.ExecuteTool(ctx, profile("user_1"))
	pending := requireAs[*valetkey.AccountPendingError](t, err)
	if pending.AuthorizationLink() == "" || pending.ExecutionID == "" || strings.Contains(err.Error(), pending.AuthorizationLink()) {
		t.Fatalf("%v", err)
	}
	link, err := client.Actions.GetAuthorizationLink(ctx, "sandbox", "user_1")
	if err != nil {
		t.Fatal(err)
	}
	s.authorize(link.Link, "ada")
	if account = s.status(client, "user_1", valetkey.StatusActive); !slices.Contains(account.Scopes, "profile") {
		t.Errorf("scopes are %v", account.Scopes)
	}
	result, err := client.Actions.ExecuteTool(ctx, profile("user_1"))
	if err != nil {
		t.Fatal(err)
	}
	var ada struct{ Email string }
	if err := result.Decode(&ada); err != nil || ada.Email != "ada@example.com" {
		t.Errorf("%+v %v", result, err)
	}
	answer, err := client.Actions.Request(ctx, valetkey.ProxyRequest{Identifier: "user_1", ConnectionName: "sandbox", Path: "/me"})
	if err != nil || answer.Status != 200 || answer.ExecutionID == "" {
		t.Errorf("%+v %v", answer, err)
	}
	execution, err := client.Actions.WaitForExecution(ctx, result.ExecutionID, time.Second)
	if err != nil || execution.Status != valetkey.ExecutionSucceeded || execution.ToolName != "sandbox_get_profile" {
		t.Errorf("%+v %v", execution, err)
	}
	all, err := client.Actions.ListExecutions(ctx, valetkey.ExecutionFilter{ConnectedAccountID: account.ID, PageSize: 1}).Collect()
	if err != nil || len(all) != 3 {
		t.Errorf("%d executions, %v", len(all), err)
	}
	events, err := client.Actions.ListAccountEvents(ctx, valetkey.AccountID(account.ID), valetkey.EventFilter{PageSize: 2}).Collect()
	if err != nil || !slices.ContainsFunc(events, func(e *valetkey.Event) bool { return e.Kind == "account.activated" }) {
		t.Errorf("%v %v", events, err)
	}
	found, err := client.Actions.SearchTools(ctx, valetkey.ToolSearch{Query: "who am I profile", Identifier: "user_1", Limit: 3})
	if err != nil || len(found) == 0 {
		t.Errorf("%v %v", found, err)
	}
	disconnected, err := client.Actions.DisconnectConnectedAccount(ctx, "user_1", "sandbox")
	if err != nil || disconnected.Status != valetkey.StatusDisconnected || disconnected.Revocation == nil {
		t.Errorf("%+v %v", disconnected, err)
	}
	if err = client.Actions.DeleteConnectedAccount(ctx, "user_1", "sandbox"); err != nil {
		t.Error(err)
	}
	if _, err = client.Actions.GetConnectedAccount(ctx, "user_1", "sandbox"); !valetkey.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	for name, secret := range map[string]string{
		"client secret": s.env["VALETKEY_CLIENT_SECRET"], "link": link.Link[strings.LastIndex(link.Link, "/"):], "bearer": "Bearer", "token": "eyJ",
	} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("the log holds the %s:\n%s", name, logged.String())
		}
	}
	if !strings.Contains(logged.String(), "path=/v1/connect/tools/execute") {
		t.Errorf("the log is\n%s", logged.String())
	}
}

func TestExpiredAccountIsRefreshedOrSaysWhatToDo(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	before := s.connect(client, "user_2", "ada")
	s.simulate("expire-access-tokens", map[string]any{"user": "ada"})
	account, err := client.Actions.RefreshConnectedAccount(ctx, "user_2", "sandbox")
	if err != nil || account.Status != valetkey.StatusActive || !account.TokenExpiresAt.After(*before.TokenExpiresAt) {
		t.Fatalf("%+v %v", account, err)
	}
	if _, err := client.Actions.ExecuteTool(ctx, profile("user_2")); err != nil {
		t.Fatal(err)
	}
	// A grant whose refresh token runs out at once: the next refresh is the end of it.
	s.simulate("settings", map[string]any{"refresh_token_ttl_s": 1})
	s.connect(client, "user_2", "ada")
	s.simulate("expire-access-tokens", map[string]any{"user": "ada"})
	deadline := time.Now().Add(20 * time.Second)
	for {
		account, err = client.Actions.RefreshConnectedAccount(ctx, "user_2", "sandbox")
		if err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the refresh token does not run out")
		}
		time.Sleep(1100 * time.Millisecond) // longer than the refresh token lives
	}
	refused := requireAs[*valetkey.ConflictError](t, err)
	s.status(client, "user_2", valetkey.StatusExpired)
	_, err = client.Actions.ExecuteTool(ctx, profile("user_2"))
	expired := requireAs[*valetkey.AccountExpiredError](t, err)
	if expired.Status != valetkey.StatusExpired || expired.AuthorizationLink() == "" {
		t.Errorf("%v, link %q (refresh: %v)", err, expired.AuthorizationLink(), refused)
	}
	s.simulate("settings", map[string]any{"refresh_token_ttl_s": nil})
	s.authorize(expired.AuthorizationLink(), "ada")
	s.status(client, "user_2", valetkey.StatusActive)
}

func TestRevokedAccountIsAuthorizedAgain(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	s.connect(client, "user_3", "grace")
	s.simulate("revoke-grants", map[string]any{"user": "grace"})
	_, err := client.Actions.ExecuteTool(ctx, profile("user_3"))
	revoked := requireAs[*valetkey.AccountRevokedError](t, err)
	inactive := requireAs[*valetkey.AccountNotActiveError](t, err)
	if inactive.Status != valetkey.StatusRevoked || revoked.AuthorizationLink() == "" || !strings.Contains(err.Error(), revoked.RequestID) {
		t.Fatalf("%v", err)
	}
	s.status(client, "user_3", "REVOKED")
	s.authorize(revoked.AuthorizationLink(), "grace")
	if _, err := client.Actions.ExecuteTool(ctx, profile("user_3")); err != nil {
		t.Fatal(err)
	}
}

func TestMissingScopeIsToldAndGrantedWithANewLink(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	s.connect(client, "user_4", "ada", valetkey.LinkScopes("profile"))
	messages := valetkey.ToolCall{ToolName: "sandbox_list_messages", Identifier: "user_4", ConnectionName: "sandbox"}
	_, err := client.Actions.ExecuteTool(ctx, messages)
	requireAs[*valetkey.InsufficientScopeError](t, err)
	requireAs[*valetkey.ForbiddenError](t, err)
	s.connect(client, "user_4", "ada")
	if _, err := client.Actions.ExecuteTool(ctx, messages); err != nil {
		t.Fatal(err)
	}
}

func TestRateLimitIsWaitedForAndToldWithoutRetries(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	client := s.client()
	s.connect(client, "user_5", "ada")
	limit := map[string]any{"endpoint": "api", "kind": "status", "status": 429, "retry_after_s": 1, "times": 1}
	s.simulate("faults", limit)
	began := time.Now()
	if _, err := client.Actions.ExecuteTool(ctx, profile("user_5")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("did not wait: %s", took)
	}
	// Longer than the server itself would wait.
	limit["retry_after_s"] = 90
	s.simulate("faults", limit)
	_, err := s.client(valetkey.WithMaxRetries(0)).Actions.ExecuteTool(ctx, profile("user_5"))
	limited := requireAs[*valetkey.ToolRateLimitedError](t, err)
	requireAs[*valetkey.ToolError](t, err)
	if limited.RetryAfter <= time.Minute || limited.ExecutionID == "" || limited.Provider == nil || limited.Provider.Status != 429 {
		t.Errorf("%v, retry after %s", err, limited.RetryAfter)
	}
}

func TestTimeoutsOfBothSidesAreTold(t *testing.T) {
	s := start(t, "--call-deadline-s", "1")
	ctx := context.Background()
	client := s.client(valetkey.WithMaxRetries(0))
	s.connect(client, "user_6", "ada")
	slow := map[string]any{"endpoint": "api", "kind": "delay", "delay_ms": 3000, "times": 1}
	s.simulate("faults", slow)
	_, err := client.Actions.ExecuteTool(ctx, profile("user_6"))
	requireAs[*valetkey.ToolTimeoutError](t, err)

	s.simulate("faults", slow)
	_, err = s.client(valetkey.WithTimeout(300*time.Millisecond)).Actions.ExecuteTool(ctx, profile("user_6"))
	late := requireAs[*valetkey.TimeoutError](t, err)
	if late.Code != valetkey.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	brief, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	s.simulate("faults", slow)
	_, err = client.Actions.ExecuteTool(brief, profile("user_6"))
	requireAs[*valetkey.TimeoutError](t, err)

	cancelled, cancelNow := context.WithCancel(ctx)
	cancelNow()
	if _, err = client.Actions.GetTool(cancelled, "sandbox_get_profile"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// losesAnAnswer lets the first tool call arrive, and loses its answer.
type losesAnAnswer struct {
	http.RoundTripper
	calls int
}

func (l *losesAnAnswer) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(request)
	if err != nil || !strings.HasSuffix(request.URL.Path, "/execute") {
		return response, err
	}
	if l.calls++; l.calls > 1 {
		return response, nil
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return nil, io.ErrUnexpectedEOF
}

func TestToolCallWhoseAnswerIsLostRunsOnce(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	pem, err := os.ReadFile(s.env["VALETKEY_CA_FILE"])
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	transport := &losesAnAnswer{RoundTripper: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	client := s.client(valetkey.WithHTTPClient(&http.Client{Transport: transport}))
	s.connect(client, "user_8", "ada")
	call := valetkey.ToolCall{
		ToolName: "sandbox_send_message", Identifier: "user_8", IdempotencyKey: "go-once",
		ToolInput: map[string]any{"to": "grace@example.com", "subject": "Once", "body": "Only once."},
	}
	sent, err := client.Actions.ExecuteTool(ctx, call)
	if err != nil || transport.calls != 2 {
		t.Fatalf("%d calls: %v", transport.calls, err)
	}
	if again, err := client.Actions.ExecuteTool(ctx, call); err != nil || again.ExecutionID != sent.ExecutionID {
		t.Errorf("%+v %v", again, err)
	}
	records, err := client.Actions.ListExecutions(ctx, valetkey.ExecutionFilter{ConnectedAccountID: sent.ConnectedAccountID, ToolName: sent.ToolName}).Collect()
	if err != nil || len(records) != 1 {
		t.Errorf("%d executions: %v", len(records), err)
	}
	call.ToolInput["subject"] = "Another"
	_, err = client.Actions.ExecuteTool(ctx, call)
	if reused := requireAs[*valetkey.InvalidRequestError](t, err); reused.Code != "idempotency_key_reused" {
		t.Error(err)
	}
}

func TestToolThatNobodyWaitsForIsWaitedForLater(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	s.connect(client, "user_9", "grace")
	started, err := client.Actions.ExecuteToolAsync(ctx, profile("user_9"))
	if err != nil || started.Status != valetkey.ExecutionRunning {
		t.Fatalf("%+v %v", started, err)
	}
	ended, err := client.Actions.WaitForExecution(ctx, started.ExecutionID, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := ended.Data.(map[string]any); ended.Status != valetkey.ExecutionSucceeded || data["email"] != "grace@example.com" {
		t.Errorf("%+v", ended)
	}
	missing := valetkey.ToolCall{ToolName: "sandbox_get_message", Identifier: "user_9", ToolInput: map[string]any{"message_id": "none"}}
	if started, err = client.Actions.ExecuteToolAsync(ctx, missing); err != nil {
		t.Fatal(err)
	}
	failed, err := client.Actions.WaitForExecution(ctx, started.ExecutionID, 20*time.Second)
	if err != nil || failed.Status != valetkey.ExecutionFailed || failed.Error["code"] != "upstream_not_found" {
		t.Errorf("%+v %v", failed, err)
	}
}

func TestBatchGivesEachCallItsOwnResult(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	s.connect(client, "user_10", "ada", valetkey.LinkScopes("profile"))
	hasty := profile("user_10")
	hasty.Timeout = 1500 * time.Millisecond
	results, err := client.Actions.ExecuteTools(ctx, []valetkey.ToolCall{
		profile("user_10"), {ToolName: "sandbox_no_such_tool", Identifier: "user_10"},
		{ToolName: "sandbox_list_messages", Identifier: "user_10"}, profile("nobody"), hasty,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 4} {
		if results[i].Err != nil || results[i].Result.Data.(map[string]any)["email"] != "ada@example.com" {
			t.Errorf("%+v", results[i])
		}
	}
	if unknown := requireAs[*valetkey.NotFoundError](t, results[1].Err); unknown.Code != "tool_not_found" {
		t.Error(unknown)
	}
	if scope := requireAs[*valetkey.InsufficientScopeError](t, results[2].Err); scope.ExecutionID == "" {
		t.Error(scope)
	}
	if nobody := requireAs[*valetkey.NotFoundError](t, results[3].Err); nobody.Code != "account_not_found" {
		t.Error(nobody)
	}
	for i, status := range map[int]int{1: 404, 2: 403, 3: 404} {
		if got := requireAs[*valetkey.ValetkeyError](t, results[i].Err).HTTPStatus; got != status {
			t.Errorf("call %d has the status %d, expected %d", i, got, status)
		}
	}
	starts, err := client.Actions.ExecuteToolsAsync(ctx, []valetkey.ToolCall{profile("user_10"), profile("nobody")})
	if err != nil || starts[0].Err != nil {
		t.Fatal(err, starts)
	}
	ended, err := client.Actions.WaitForExecution(ctx, starts[0].Started.ExecutionID, time.Minute)
	if err != nil || ended.Data.(map[string]any)["email"] != "ada@example.com" {
		t.Errorf("%+v, %v", ended, err)
	}
	if nobody := requireAs[*valetkey.NotFoundError](t, starts[1].Err); nobody.HTTPStatus != 404 {
		t.Error(nobody)
	}
	_, err = client.Actions.ExecuteTools(ctx, nil)
	requireAs[*valetkey.InvalidRequestError](t, err)
}

func TestDiagnosisSaysWhatIsWrongAndWhoseMoveItIs(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	account := s.connect(client, "user_11", "grace")
	yes, no := true, false
	well, err := client.Actions.Diagnose(ctx, valetkey.DiagnosisRequest{Identifier: "user_11", ConnectionName: "sandbox", Probe: &yes})
	if err != nil || well.Verdict != "healthy" || well.Findings[0].Code != "healthy" || len(well.Steps) == 0 {
		t.Fatalf("%+v %v", well, err)
	}
	s.simulate("revoke-grants", map[string]any{"user": "grace"})
	_, err = client.Actions.ExecuteTool(ctx, profile("user_11"))
	revoked := requireAs[*valetkey.AccountRevokedError](t, err)
	if short := revoked.Diagnosis; short == nil || short.Verdict != "broken" || short.Actor != "end_user" {
		t.Fatalf("%+v", short)
	}
	for _, request := range []valetkey.DiagnosisRequest{{ConnectedAccountID: account.ID, Probe: &no}, {ExecutionID: revoked.ExecutionID}} {
		found, err := client.Actions.Diagnose(ctx, request)
		if err != nil || found.Verdict != "broken" || found.Summary == "" {
			t.Fatalf("%+v %v", found, err)
		}
		worst := found.Findings[0]
		if worst.Actor != "end_user" || worst.Message == "" || worst.Cause == "" || len(worst.Evidence) == 0 || len(worst.Remedies) == 0 {
			t.Errorf("%+v", worst)
		}
	}
	record, err := client.Actions.GetExecution(ctx, revoked.ExecutionID)
	if err != nil || record.Diagnosis == nil || record.Diagnosis.Verdict != "broken" {
		t.Errorf("%+v %v", record, err)
	}
	connection, err := client.Actions.Diagnose(ctx, valetkey.DiagnosisRequest{ConnectionName: "sandbox"})
	if err != nil || connection.Subject["kind"] != "connection" {
		t.Errorf("%+v %v", connection, err)
	}
}

func TestAccountsWithNamesAreToldApartAsTheServerDoes(t *testing.T) {
	s := start(t)
	ctx, client := context.Background(), s.client()
	named := func(name string) *valetkey.ConnectedAccount {
		account, err := client.Actions.GetOrCreateConnectedAccount(ctx, valetkey.NewAccount{Identifier: "user_12", ConnectionName: "sandbox", AccountName: name})
		if err != nil {
			t.Fatal(err)
		}
		return account
	}
	home := named("home")
	if found, err := client.Actions.GetConnectedAccount(ctx, "user_12", "sandbox"); err != nil || found.ID != home.ID {
		t.Errorf("%+v %v", found, err)
	}
	work := named("work")
	if again := named("home"); work.ID == home.ID || again.ID != home.ID {
		t.Errorf("%s %s %s", home.ID, work.ID, again.ID)
	}
	_, here := client.Actions.GetConnectedAccount(ctx, "user_12", "sandbox")
	_, there := client.Actions.ExecuteTool(ctx, profile("user_12"))
	for _, err := range []error{here, there} {
		if ambiguous := requireAs[*valetkey.ConflictError](t, err); ambiguous.Code != "ambiguous_account" {
			t.Error(err)
		}
	}
	plain, err := client.Actions.CreateConnectedAccount(ctx, valetkey.NewAccount{Identifier: "user_12", ConnectionName: "sandbox"})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := client.Actions.GetConnectedAccount(ctx, "user_12", "sandbox"); err != nil || found.ID != plain.ID {
		t.Errorf("%+v %v", found, err)
	}
	link, err := client.Actions.GetAuthorizationLinkBy(ctx, valetkey.AccountNamed("user_12", "sandbox", "work"))
	if err != nil {
		t.Fatal(err)
	}
	s.authorize(link.Link, "grace")
	call := profile("user_12")
	call.ConnectionName, call.AccountName = "sandbox", "work"
	if result, err := client.Actions.ExecuteTool(ctx, call); err != nil || result.ConnectedAccountID != work.ID {
		t.Errorf("%+v %v", result, err)
	}
}

func TestUntrustedCertificateIsRefusedAndSaysWhatToSet(t *testing.T) {
	s := start(t)
	t.Setenv("VALETKEY_CA_FILE", "")
	client := valetkey.NewValetkeyClient(
		valetkey.WithEnvURL(s.env["VALETKEY_URL"]), valetkey.WithAPIToken(s.env["VALETKEY_API_TOKEN"]), valetkey.WithProxy("none"),
	)
	_, err := client.Actions.GetTool(context.Background(), "sandbox_get_profile")
	refused := requireAs[*valetkey.ConnectionError](t, err)
	if refused.Code != valetkey.CodeTLSFailed || !strings.Contains(err.Error(), "VALETKEY_CA_FILE") {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), s.env["VALETKEY_API_TOKEN"]) {
		t.Error("the error holds the token")
	}
}

func TestConnectionsAreManaged(t *testing.T) {
	s := start(t)
	ctx, connections := context.Background(), s.client().Connections
	sandbox, err := connections.Get(ctx, "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	made, err := connections.Create(ctx, valetkey.NewConnection{
		Connector: "sandbox", Name: "second", ClientID: "valetkey-dev", ClientSecret: "wrong", Overrides: &sandbox.Overrides,
	})
	if err != nil || !made.HasClientSecret || !made.Enabled {
		t.Fatalf("%+v %v", made, err)
	}
	tested, err := connections.Test(ctx, "second")
	if err != nil || tested.OK || len(tested.Checked) == 0 {
		t.Errorf("%+v %v", tested, err)
	}
	made, err = connections.Update(ctx, made.ID, valetkey.ConnectionChanges{ClientSecret: valetkey.Clear[valetkey.Secret](), Enabled: valetkey.Set(false)})
	if err != nil || made.HasClientSecret || made.Enabled {
		t.Errorf("%+v %v", made, err)
	}
	names := map[string]bool{}
	for connection, err := range connections.List(ctx, valetkey.ConnectionFilter{PageSize: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		names[connection.Name] = true
	}
	if !names["second"] || !names["sandbox"] {
		t.Errorf("%v", names)
	}
	if err := connections.Delete(ctx, "second"); err != nil {
		t.Error(err)
	}
	if _, err := connections.Get(ctx, "second"); !valetkey.IsNotFound(err) {
		t.Errorf("%v", err)
	}
}
