package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.valetkey.AccountRef;
import io.github.valetkey.AccountRevokedException;
import io.github.valetkey.Actions;
import io.github.valetkey.BatchResult;
import io.github.valetkey.BatchStart;
import io.github.valetkey.ConflictException;
import io.github.valetkey.ConnectedAccount;
import io.github.valetkey.Diagnosis;
import io.github.valetkey.DiagnosisRequest;
import io.github.valetkey.Execution;
import io.github.valetkey.ExecutionFilter;
import io.github.valetkey.Finding;
import io.github.valetkey.InsufficientScopeException;
import io.github.valetkey.InvalidRequestException;
import io.github.valetkey.LinkOptions;
import io.github.valetkey.NewAccount;
import io.github.valetkey.NotFoundException;
import io.github.valetkey.StartedExecution;
import io.github.valetkey.ToolCall;
import io.github.valetkey.ToolResult;
import io.github.valetkey.ValetkeyClient;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Calls that are repeated, not waited for, many at once, or that fail and are looked into: with the real server. */
final class CallsTest {
  private static final LinkOptions PLAIN = new LinkOptions();
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static ToolCall profile(String identifier) {
    return new ToolCall("sandbox_get_profile").identifier(identifier);
  }

  private static Object email(ToolResult result) {
    return ((Map<?, ?>) result.getData()).get("email");
  }

  @Test
  void toolCallThatIsRepeatedUnderItsKeyRunsOnce() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      Actions actions = client.actions();
      server.connect(client, "user_8", "ada", PLAIN);
      Map<String, String> message = Map.of("to", "grace@example.com", "subject", "Once", "body", "Only once.");
      ToolCall call =
          new ToolCall("sandbox_send_message").identifier("user_8").toolInput(message).idempotencyKey("java-once");
      ToolResult sent = actions.executeTool(call);
      assertEquals(sent.getExecutionId(), actions.executeTool(call).getExecutionId());
      ExecutionFilter those =
          new ExecutionFilter().connectedAccountId(sent.getConnectedAccountId()).toolName(sent.getToolName());
      assertEquals(1, actions.listExecutions(those).toList().size());
      Map<String, String> other = Map.of("to", "grace@example.com", "subject", "Another", "body", "Only once.");
      InvalidRequestException reused =
          assertThrows(InvalidRequestException.class, () -> actions.executeTool(call.toolInput(other)));
      assertEquals("idempotency_key_reused", reused.getCode());
    }
  }

  @Test
  void toolThatNobodyWaitsForIsWaitedForLater() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      Actions actions = client.actions();
      server.connect(client, "user_9", "grace", PLAIN);
      StartedExecution started = actions.startTool(profile("user_9"));
      assertEquals("RUNNING", started.getStatus());
      Execution ended = actions.waitForExecution(started.getExecutionId(), PATIENCE);
      assertEquals("SUCCEEDED", ended.getStatus());
      assertEquals("grace@example.com", ((Map<?, ?>) ended.getData()).get("email"));
      ToolCall missing =
          new ToolCall("sandbox_get_message").identifier("user_9").toolInput(Map.of("message_id", "none"));
      Execution failed = actions.waitForExecution(actions.startTool(missing).getExecutionId(), PATIENCE);
      assertEquals("FAILED", failed.getStatus());
      assertEquals("upstream_not_found", failed.getError().get("code"));
    }
  }

  @Test
  void batchGivesEachCallItsOwnResult() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      Actions actions = client.actions();
      server.connect(client, "user_10", "ada", new LinkOptions().scopes(List.of("profile")));
      List<BatchResult> results =
          actions.executeTools(
              List.of(
                  profile("user_10"),
                  new ToolCall("sandbox_no_such_tool").identifier("user_10"),
                  new ToolCall("sandbox_list_messages").identifier("user_10"),
                  profile("nobody"),
                  profile("user_10").timeout(Duration.ofMillis(1500))));
      assertEquals("ada@example.com", email(results.get(0).orThrow()));
      assertEquals("ada@example.com", email(results.get(4).getResult()));
      assertNull(results.get(0).getError());
      NotFoundException unknown = assertInstanceOf(NotFoundException.class, results.get(1).getError());
      assertEquals("tool_not_found", unknown.getCode());
      InsufficientScopeException scope =
          assertInstanceOf(InsufficientScopeException.class, results.get(2).getError());
      assertNotNull(scope.getExecutionId());
      NotFoundException nobody = assertThrows(NotFoundException.class, () -> results.get(3).orThrow());
      assertEquals("account_not_found", nobody.getCode());
      assertEquals(
          List.of(404, 403, 404), List.of(unknown.getHttpStatus(), scope.getHttpStatus(), nobody.getHttpStatus()));
      List<BatchStart> starts = actions.startTools(List.of(profile("user_10"), profile("nobody")));
      Execution ended =
          actions.waitForExecution(starts.get(0).orThrow().getExecutionId(), Duration.ofMinutes(1));
      assertTrue(String.valueOf(ended.getData()).contains("ada@example.com"));
      assertEquals(404, starts.get(1).getError().getHttpStatus());
      assertThrows(InvalidRequestException.class, () -> actions.executeTools(List.of()));
    }
  }

  @Test
  void accountsWithNamesAreToldApartAsTheServerDoes() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      Actions actions = client.actions();
      NewAccount account = new NewAccount("user_12", "sandbox");
      ConnectedAccount home = actions.getOrCreateConnectedAccount(account.accountName("home"));
      assertEquals(home.getId(), actions.getConnectedAccount("user_12", "sandbox").getId());
      ConnectedAccount work = actions.getOrCreateConnectedAccount(account.accountName("work"));
      assertEquals(home.getId(), actions.getOrCreateConnectedAccount(account.accountName("home")).getId());
      ConflictException here =
          assertThrows(ConflictException.class, () -> actions.getConnectedAccount("user_12", "sandbox"));
      ConflictException there = assertThrows(ConflictException.class, () -> actions.executeTool(profile("user_12")));
      assertEquals(List.of("ambiguous_account", "ambiguous_account"), List.of(here.getCode(), there.getCode()));
      ConnectedAccount plain = actions.createConnectedAccount(account.accountName(null));
      assertEquals(plain.getId(), actions.getConnectedAccount("user_12", "sandbox").getId());
      AccountRef ref = AccountRef.of("user_12", "sandbox", "work");
      server.authorize(actions.getAuthorizationLink(ref, PLAIN).getLink(), "grace");
      ToolResult result =
          actions.executeTool(profile("user_12").connectionName("sandbox").accountName("work"));
      assertEquals(work.getId(), result.getConnectedAccountId());
    }
  }

  @Test
  void diagnosisSaysWhatIsWrongAndWhoseMoveItIs() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      Actions actions = client.actions();
      server.connect(client, "user_11", "grace", PLAIN);
      ConnectedAccount account = actions.getConnectedAccount("user_11", "sandbox");
      Diagnosis well =
          actions.diagnose(new DiagnosisRequest().identifier("user_11").connectionName("sandbox").probe(true));
      assertEquals("healthy", well.getVerdict(), well::getSummary);
      assertEquals("healthy", well.getFindings().get(0).getCode());
      assertFalse(well.getSteps().isEmpty());

      server.simulate("revoke-grants", Map.of("user", "grace"));
      AccountRevokedException revoked =
          assertThrows(AccountRevokedException.class, () -> actions.executeTool(profile("user_11")));
      assertEquals("broken", revoked.getDiagnosis().getVerdict());
      assertEquals("end_user", revoked.getDiagnosis().getActor());
      for (DiagnosisRequest request :
          List.of(
              new DiagnosisRequest().connectedAccountId(account.getId()).probe(false),
              new DiagnosisRequest().executionId(revoked.getExecutionId()))) {
        Diagnosis found = actions.diagnose(request);
        assertEquals("broken", found.getVerdict(), found::getSummary);
        Finding worst = found.getFindings().get(0);
        assertEquals("end_user", worst.getActor(), worst::toString);
        assertNotNull(worst.getMessage());
        assertNotNull(worst.getCause());
        assertFalse(worst.getEvidence().isEmpty());
        assertFalse(worst.getRemedies().isEmpty());
      }
      assertEquals("broken", actions.getExecution(revoked.getExecutionId()).getDiagnosis().getVerdict());
      Diagnosis connection = actions.diagnose(new DiagnosisRequest().connectionName("sandbox"));
      assertTrue(connection.getSubject().containsValue("connection"), connection::toString);
    }
  }
}
