package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.valetkey.AccountExpiredException;
import io.github.valetkey.AccountNotActiveException;
import io.github.valetkey.AccountPendingException;
import io.github.valetkey.AccountRef;
import io.github.valetkey.AccountRevokedException;
import io.github.valetkey.ConflictException;
import io.github.valetkey.ConnectedAccount;
import io.github.valetkey.Connection;
import io.github.valetkey.ConnectionChanges;
import io.github.valetkey.ConnectionException;
import io.github.valetkey.ConnectionFilter;
import io.github.valetkey.ConnectionTest;
import io.github.valetkey.Connections;
import io.github.valetkey.ErrorCodes;
import io.github.valetkey.EventFilter;
import io.github.valetkey.Execution;
import io.github.valetkey.ExecutionFilter;
import io.github.valetkey.ForbiddenException;
import io.github.valetkey.InsufficientScopeException;
import io.github.valetkey.LinkOptions;
import io.github.valetkey.NewConnection;
import io.github.valetkey.NotFoundException;
import io.github.valetkey.ProxyRequest;
import io.github.valetkey.ProxyResponse;
import io.github.valetkey.TimeoutException;
import io.github.valetkey.ToolCall;
import io.github.valetkey.ToolRateLimitedException;
import io.github.valetkey.ToolResult;
import io.github.valetkey.ToolSearch;
import io.github.valetkey.ToolTimeoutException;
import io.github.valetkey.ValetkeyClient;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The guide's situations against the real server and its simulator. */
final class ScenariosTest {
  private static final LinkOptions PLAIN = new LinkOptions();

  private static ToolResult profile(ValetkeyClient client, String identifier) {
    return client.actions().executeTool(identifier, "sandbox_get_profile", Map.of());
  }

  @Test
  void pendingAccountBecomesActiveThroughItsLinkAndCallsTools() throws Exception {
    try (Server server = new Server()) {
      RecordingLogger logger = new RecordingLogger();
      ValetkeyClient client = server.client().logger(logger).build();
      assertEquals("PENDING", client.actions().getOrCreateConnectedAccount("user_1", "sandbox").getStatus());
      AccountPendingException pending = assertThrows(AccountPendingException.class, () -> profile(client, "user_1"));
      assertNotNull(pending.getExecutionId());
      assertFalse(pending.toString().contains(pending.getAuthorizationLink()));

      String link = client.actions().getAuthorizationLink("sandbox", "user_1").getLink();
      server.authorize(link, "ada");
      ConnectedAccount account = server.status(client, "user_1", "ACTIVE");
      assertTrue(account.getScopes().contains("profile"));
      ToolResult result = profile(client, "user_1");
      assertEquals("ada@example.com", result.getDataAs(Map.class).get("email"));

      ProxyResponse answer =
          client.actions().request(ProxyRequest.get("/me").account(AccountRef.of("user_1", "sandbox")));
      assertEquals(200, answer.getStatus());
      assertNotNull(answer.getExecutionId());
      Execution execution = client.actions().waitForExecution(result.getExecutionId(), Duration.ofSeconds(1));
      assertEquals("SUCCEEDED", execution.getStatus());
      assertEquals("sandbox_get_profile", execution.getToolName());
      ExecutionFilter ours = new ExecutionFilter().connectedAccountId(account.getId()).pageSize(1);
      assertEquals(3, client.actions().listExecutions(ours).toList().size());
      assertTrue(
          client.actions().listAccountEvents(AccountRef.id(account.getId()), new EventFilter().pageSize(2)).stream()
              .anyMatch(event -> event.getKind().equals("account.activated")));
      ToolSearch search = new ToolSearch("who am I profile").identifier("user_1").limit(3);
      assertFalse(client.actions().searchTools(search).isEmpty());

      assertEquals("DISCONNECTED", client.actions().disconnectConnectedAccount("user_1", "sandbox").getStatus());
      client.actions().deleteConnectedAccount("user_1", "sandbox");
      assertThrows(NotFoundException.class, () -> client.actions().getConnectedAccount("user_1", "sandbox"));

      String logged = logger.text();
      assertTrue(logged.contains("path=/v1/connect/tools/execute"), logged);
      List<String> secrets =
          List.of(server.environment.get("VALETKEY_CLIENT_SECRET"), link.substring(link.lastIndexOf('/')), "Bearer", "eyJ");
      secrets.forEach(secret -> assertFalse(logged.contains(secret), () -> "the log holds " + secret));
    }
  }

  @Test
  void expiredAccountIsRefreshedOrSaysWhatToDo() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      ConnectedAccount before = server.connect(client, "user_2", "ada", PLAIN);
      server.simulate("expire-access-tokens", Map.of("user", "ada"));
      ConnectedAccount after = client.actions().refreshConnectedAccount("user_2", "sandbox");
      assertEquals("ACTIVE", after.getStatus());
      assertTrue(after.getTokenExpiresAt().isAfter(before.getTokenExpiresAt()));
      profile(client, "user_2");

      // A grant whose refresh token runs out at once: the next refresh is the end of it.
      Map<String, Object> life = new HashMap<>(Map.of("refresh_token_ttl_s", 1));
      server.simulate("settings", life);
      server.connect(client, "user_2", "ada", PLAIN);
      server.simulate("expire-access-tokens", Map.of("user", "ada"));
      ConflictException refused =
          assertThrows(
              ConflictException.class,
              () -> {
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
                while (System.nanoTime() < end) {
                  client.actions().refreshConnectedAccount("user_2", "sandbox");
                  Thread.sleep(1100); // longer than the refresh token lives
                }
              });
      assertNotNull(refused.getRequestId());
      server.status(client, "user_2", "EXPIRED");
      AccountExpiredException expired = assertThrows(AccountExpiredException.class, () -> profile(client, "user_2"));
      assertEquals("EXPIRED", expired.getStatus());
      life.put("refresh_token_ttl_s", null);
      server.simulate("settings", life);
      server.authorize(expired.getAuthorizationLink(), "ada");
      server.status(client, "user_2", "ACTIVE");
    }
  }

  @Test
  void revokedAccountIsAuthorizedAgain() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      server.connect(client, "user_3", "grace", PLAIN);
      server.simulate("revoke-grants", Map.of("user", "grace"));
      AccountNotActiveException revoked = assertThrows(AccountRevokedException.class, () -> profile(client, "user_3"));
      assertEquals("REVOKED", revoked.getStatus());
      assertTrue(revoked.getMessage().contains(revoked.getRequestId()));
      server.status(client, "user_3", "REVOKED");
      server.authorize(revoked.getAuthorizationLink(), "grace");
      profile(client, "user_3");
    }
  }

  @Test
  void missingScopeIsToldAndGrantedWithANewLink() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      server.connect(client, "user_4", "ada", new LinkOptions().scopes(List.of("profile")));
      ToolCall messages = new ToolCall("sandbox_list_messages").identifier("user_4").connectionName("sandbox");
      ForbiddenException missing =
          assertThrows(InsufficientScopeException.class, () -> client.actions().executeTool(messages));
      assertEquals("insufficient_scope", missing.getCode());
      server.connect(client, "user_4", "ada", PLAIN);
      client.actions().executeTool(messages);
    }
  }

  @Test
  void rateLimitIsWaitedForAndToldWithoutRetries() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      server.connect(client, "user_5", "ada", PLAIN);
      Map<String, Object> limit =
          new HashMap<>(Map.of("endpoint", "api", "kind", "status", "status", 429, "retry_after_s", 1, "times", 1));
      server.simulate("faults", limit);
      long began = System.nanoTime();
      profile(client, "user_5");
      assertTrue(System.nanoTime() - began > TimeUnit.MILLISECONDS.toNanos(900), "did not wait");
      // Longer than the server itself would wait.
      limit.put("retry_after_s", 90);
      server.simulate("faults", limit);
      ValetkeyClient impatient = server.client().maxRetries(0).build();
      ToolRateLimitedException limited =
          assertThrows(ToolRateLimitedException.class, () -> profile(impatient, "user_5"));
      assertTrue(limited.getRetryAfter().toSeconds() > 60);
      assertNotNull(limited.getExecutionId());
      assertEquals(429, limited.getProvider().getStatus());
    }
  }

  @Test
  void timeoutsOfBothSidesAreTold() throws Exception {
    try (Server server = new Server("--call-deadline-s", "1")) {
      ValetkeyClient client = server.client().maxRetries(0).build();
      server.connect(client, "user_6", "ada", PLAIN);
      Map<String, Object> slow = Map.of("endpoint", "api", "kind", "delay", "delay_ms", 3000, "times", 1);
      server.simulate("faults", slow);
      assertThrows(ToolTimeoutException.class, () -> profile(client, "user_6"));

      ValetkeyClient hasty = server.client().maxRetries(0).timeout(Duration.ofMillis(300)).build();
      assertNotNull(hasty.actions().getTool("sandbox_get_profile").getDefinition());
      server.simulate("faults", slow);
      TimeoutException late = assertThrows(TimeoutException.class, () -> profile(hasty, "user_6"));
      assertEquals(ErrorCodes.TIMEOUT, late.getCode());
    }
  }

  @Test
  void untrustedCertificateIsRefusedAndSaysWhatToSet() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client =
          new ValetkeyClient.Builder()
              .environment(Map.of())
              .envUrl(server.environment.get("VALETKEY_URL"))
              .apiToken(server.environment.get("VALETKEY_API_TOKEN"))
              .proxy("none")
              .build();
      ConnectionException refused =
          assertThrows(ConnectionException.class, () -> client.actions().getTool("sandbox_get_profile"));
      assertEquals(ErrorCodes.TLS_FAILED, refused.getCode());
      assertTrue(refused.getMessage().contains("VALETKEY_CA_FILE"), refused.getMessage());
      assertFalse(refused.toString().contains(server.environment.get("VALETKEY_API_TOKEN")));
    }
  }

  @Test
  void futuresBringWhatCallsBring() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      server.connect(client, "user_7", "ada", PLAIN);
      Object email =
          client
              .async()
              .actions()
              .getConnectedAccount("user_7", "sandbox")
              .thenCompose(
                  account ->
                      client.async().actions().executeTool(account.getIdentifier(), "sandbox_get_profile", Map.of()))
              .thenApply(result -> result.getDataAs(Map.class).get("email"))
              .get(30, TimeUnit.SECONDS);
      assertEquals("ada@example.com", email);
      CompletionException failed =
          assertThrows(
              CompletionException.class,
              () -> client.async().actions().getConnectedAccount("nobody", "sandbox").join());
      assertInstanceOf(NotFoundException.class, failed.getCause());
      List<Connection> all =
          client.async().connections().list(new ConnectionFilter().pageSize(1)).get(30, TimeUnit.SECONDS);
      assertFalse(all.isEmpty());
    }
  }

  @Test
  void connectionsAreManaged() throws Exception {
    try (Server server = new Server()) {
      Connections connections = server.client().build().connections();
      Connection sandbox = connections.get("sandbox");
      Connection made =
          connections.create(
              new NewConnection("sandbox")
                  .name("second")
                  .clientId("valetkey-dev")
                  .clientSecret("wrong")
                  .overrides(sandbox.getOverrides()));
      assertTrue(made.hasClientSecret() && made.isEnabled(), made.toString());
      ConnectionTest tested = connections.test("second");
      assertFalse(tested.isOk());
      assertFalse(tested.getChecked().isEmpty());
      made = connections.update(made.getId(), new ConnectionChanges().clientSecret(null).enabled(false));
      assertFalse(made.hasClientSecret() || made.isEnabled(), made.toString());
      List<String> names =
          connections.list(new ConnectionFilter().pageSize(1)).stream().map(Connection::getName).toList();
      assertTrue(names.containsAll(List.of("second", "sandbox")), names.toString());
      connections.delete("second");
      assertThrows(NotFoundException.class, () -> connections.get("second"));
    }
  }
}
