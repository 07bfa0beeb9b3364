package io.github.valetkey;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** What is sent of tool calls and proxied requests. */
final class ToolRequests {
  static final String TOOLS = "/v1/connect/tools";

  private ToolRequests() {}

  private static Map<String, Object> body(ToolCall call) {
    if (!AccountRef.given(call.text("tool_name"))) {
      throw Failures.invalidArgument("tool_name is required.", "tool_name");
    }
    if (call.account().byId()) {
      call.account().check();
    }
    Map<String, Object> body = call.fields();
    body.putIfAbsent("tool_input", Map.of());
    return body;
  }

  /** A call that may be answered from before needs no key: only tools that change nothing can be. */
  private static String key(ToolCall call) {
    if (AccountRef.given(call.idempotencyKey)) {
      return call.idempotencyKey;
    }
    return call.fields().containsKey("max_age") ? null : UUID.randomUUID().toString();
  }

  /** One call; {@code mode} may be {@code null}. */
  static Core.Call execute(ToolCall call, String mode) {
    Map<String, Object> body = body(call);
    if (mode != null) {
      body.put("mode", mode);
    }
    String key = key(call);
    return Core.Call.of("POST", TOOLS + "/execute")
        .json(body)
        .repeatable(key == null ? Map.of() : Map.of("Idempotency-Key", List.of(key)));
  }

  /** Many calls, each with a key of its own; {@code mode} may be {@code null}. */
  static Core.Call batch(List<ToolCall> calls, String mode) {
    List<Map<String, Object>> bodies = new ArrayList<>();
    for (ToolCall call : calls) {
      Map<String, Object> body = body(call);
      String key = key(call);
      if (key != null) {
        body.put("idempotency_key", key);
      }
      bodies.add(body);
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("calls", bodies);
    if (mode != null) {
      all.put("mode", mode);
    }
    return Core.Call.of("POST", TOOLS + "/execute/batch").json(all).repeatable(Map.of());
  }

  /** A request to a provider; the account is found first where a header cannot name it. */
  static Core.Call proxied(ProxyRequest request, Lookup lookup, Instant end) {
    AccountRef account = request.account;
    account.check();
    String path = Encoding.proxied(request.path);
    if (request.headers.containsKey("authorization")) {
      throw Failures.invalidArgument(
          "The header Authorization is not the caller's to set: the account's credential goes there.", "headers");
    }
    if (!account.byId()
        && !(Encoding.printable(account.identifier())
            && Encoding.printable(account.connectionName())
            && (account.accountName() == null || Encoding.printable(account.accountName())))) {
      account = AccountRef.id(lookup.find(account, end).getId());
    }
    Map<String, List<String>> headers = new LinkedHashMap<>(request.headers);
    header(headers, "connected_account_id", account.connectedAccountId());
    header(headers, "identifier", account.identifier());
    header(headers, "connection_name", account.connectionName());
    header(headers, "account_name", account.accountName());
    header(headers, "agent_run_id", request.agentRunId);
    headers.putIfAbsent("accept", List.of("application/json, */*;q=0.9"));
    boolean reads = request.method.equals("GET") || request.method.equals("HEAD");
    return new Core.Call(
        request.method, path, Encoding.form(request.query), headers, request.body, reads, false, true);
  }

  private static void header(Map<String, List<String>> headers, String name, String value) {
    if (!AccountRef.given(value)) {
      return;
    }
    if (!Encoding.printable(value)) {
      throw Failures.invalidArgument(name + " holds what a header cannot carry.", name);
    }
    headers.put(name, List.of(value));
  }
}
