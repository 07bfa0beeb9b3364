package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.valetkey.AccountChanges;
import io.github.valetkey.AccountFilter;
import io.github.valetkey.AccountRef;
import io.github.valetkey.Actions;
import io.github.valetkey.BatchResult;
import io.github.valetkey.BatchStart;
import io.github.valetkey.ConnectionChanges;
import io.github.valetkey.ConnectionFilter;
import io.github.valetkey.Connections;
import io.github.valetkey.Credential;
import io.github.valetkey.DeliveryFilter;
import io.github.valetkey.DiagnosisRequest;
import io.github.valetkey.EventFilter;
import io.github.valetkey.ExecutionFilter;
import io.github.valetkey.LinkOptions;
import io.github.valetkey.NewAccount;
import io.github.valetkey.NewConnection;
import io.github.valetkey.NewWebhook;
import io.github.valetkey.Overrides;
import io.github.valetkey.ProxyRequest;
import io.github.valetkey.ProxyResponse;
import io.github.valetkey.ServerException;
import io.github.valetkey.ToolCall;
import io.github.valetkey.ToolFilter;
import io.github.valetkey.ToolSearch;
import io.github.valetkey.ValetkeyClient;
import io.github.valetkey.ValetkeyException;
import io.github.valetkey.WebhookChanges;
import io.github.valetkey.WebhookEvent;
import io.github.valetkey.WebhookSecret;
import io.github.valetkey.WebhookVerifier;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** The calls of the conformance cases in the words of this SDK. */
final class Calls {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ValetkeyClient client;
  private final Actions actions;
  private final Connections connections;
  private final JsonNode args;
  private final long take;

  Calls(ValetkeyClient client, JsonNode args, long take) {
    this.client = client;
    actions = client.actions();
    connections = client.connections();
    this.args = args;
    this.take = take;
  }

  private String text(String name) {
    return args.hasNonNull(name) ? args.get(name).asText() : null;
  }

  private Integer number(String name) {
    return args.hasNonNull(name) ? args.get(name).asInt() : null;
  }

  private Boolean flag(String name) {
    return args.hasNonNull(name) ? args.get(name).asBoolean() : null;
  }

  private List<String> list(String name) {
    return args.hasNonNull(name) ? List.of(JSON.convertValue(args.get(name), String[].class)) : null;
  }

  private <V> Map<String, V> map(String name) {
    return args.hasNonNull(name) ? JSON.convertValue(args.get(name), new TypeReference<Map<String, V>>() {}) : null;
  }

  private Overrides overrides(String name) {
    if (!args.hasNonNull(name)) {
      return null;
    }
    JsonNode urls = args.get(name);
    Map<String, BiConsumer<Overrides, String>> setters =
        Map.of(
            "api_base_url", Overrides::apiBaseUrl, "authorize_url", Overrides::authorizeUrl,
            "token_url", Overrides::tokenUrl, "revoke_url", Overrides::revokeUrl,
            "userinfo_url", Overrides::userinfoUrl);
    Overrides overrides = new Overrides();
    urls.properties().forEach(url -> setters.get(url.getKey()).accept(overrides, url.getValue().asText()));
    return overrides;
  }

  private Credential credential() {
    if (!args.hasNonNull("credential")) {
      return null;
    }
    JsonNode given = args.get("credential");
    if (given.has("fields")) {
      Map<String, String> fields = new HashMap<>();
      given.get("fields").properties().forEach(f -> fields.put(f.getKey(), f.getValue().asText()));
      return Credential.fields(fields);
    }
    JsonNode oauth = given.get("oauth");
    Credential credential = Credential.oauth(oauth.get("access_token").asText());
    if (oauth.has("refresh_token")) {
      credential = credential.refreshToken(oauth.get("refresh_token").asText());
    }
    if (oauth.has("expires_at")) {
      credential = credential.expiresAt(Instant.parse(oauth.get("expires_at").asText()));
    }
    if (oauth.has("scopes")) {
      credential = credential.scopes(List.of(JSON.convertValue(oauth.get("scopes"), String[].class)));
    }
    return oauth.has("domain") ? credential.domain(oauth.get("domain").asText()) : credential;
  }

  private AccountRef account() {
    return new AccountRef(
        text("connected_account_id"), text("identifier"), text("connection_name"), text("account_name"));
  }

  private Instant instant(String name) {
    return args.hasNonNull(name) ? Instant.parse(args.get(name).asText()) : null;
  }

  private EventFilter events() {
    return new EventFilter()
        .kind(text("kind"))
        .code(text("code"))
        .since(instant("since"))
        .until(instant("until"))
        .pageSize(number("page_size"));
  }

  private NewAccount newAccount() {
    return new NewAccount(text("identifier"), text("connection_name"))
        .accountName(text("account_name"))
        .organizationId(text("organization_id"))
        .userId(text("user_id"))
        .apiConfig(map("api_config"))
        .credential(credential())
        .skipProbe(flag("skip_probe"));
  }

  /** Sets what was given, null included, and nothing else. */
  private void change(String name, Consumer<String> set) {
    if (args.has(name)) {
      set.accept(name);
    }
  }

  private AccountChanges accountChanges() {
    AccountChanges changes = new AccountChanges();
    change("organization_id", name -> changes.organizationId(text(name)));
    change("user_id", name -> changes.userId(text(name)));
    change("api_config", name -> changes.apiConfig(map(name)));
    change("credential", name -> changes.credential(credential()));
    change("skip_probe", name -> changes.skipProbe(flag(name)));
    return changes;
  }

  private ConnectionChanges connectionChanges() {
    ConnectionChanges changes = new ConnectionChanges();
    change("name", name -> changes.name(text(name)));
    change("client_id", name -> changes.clientId(text(name)));
    change("client_secret", name -> changes.clientSecret(text(name)));
    change("client_secret_expires_at", name -> changes.clientSecretExpiresAt(instant(name)));
    change("scopes", name -> changes.scopes(list(name)));
    change("use_shared_credentials", name -> changes.useSharedCredentials(flag(name)));
    change("overrides", name -> changes.overrides(overrides(name)));
    change("variables", name -> changes.variables(map(name)));
    change("identity_policy", name -> changes.identityPolicy(text(name)));
    change("call_timeout_ms", name -> changes.callTimeoutMs(number(name)));
    change("enabled", name -> changes.enabled(flag(name)));
    return changes;
  }

  private ToolCall tool() {
    return new ToolCall(text("tool_name"))
        .toolInput(map("tool_input"))
        .connectedAccountId(text("connected_account_id"))
        .identifier(text("identifier"))
        .connectionName(text("connection_name"))
        .accountName(text("account_name"))
        .organizationId(text("organization_id"))
        .userId(text("user_id"))
        .agentRunId(text("agent_run_id"))
        .maxAge(number("max_age") == null ? null : Duration.ofSeconds(number("max_age")))
        .timeout(number("timeout_ms") == null ? null : Duration.ofMillis(number("timeout_ms")))
        .idempotencyKey(text("idempotency_key"));
  }

  /** What a batch brings as the cases say it. */
  private List<Map<String, Object>> batch() {
    List<ToolCall> calls = new ArrayList<>();
    args.get("calls").forEach(call -> calls.add(new Calls(client, call, 0).tool()));
    List<Map<String, Object>> all = new ArrayList<>();
    for (BatchResult one : actions.executeTools(calls)) {
      all.add(one.getError() == null ? Map.of("result", one.orThrow()) : failed(one.getError()));
    }
    return all;
  }

  /** The same for a batch that nobody waits for. */
  private List<Map<String, Object>> starts() {
    List<ToolCall> calls = new ArrayList<>();
    args.get("calls").forEach(call -> calls.add(new Calls(client, call, 0).tool()));
    List<Map<String, Object>> all = new ArrayList<>();
    for (BatchStart one : actions.startTools(calls)) {
      all.add(one.getError() == null ? Map.of("started", one.orThrow()) : failed(one.getError()));
    }
    return all;
  }

  private static Map<String, Object> failed(ValetkeyException error) {
    Map<String, Object> attributes = new HashMap<>();
    attributes.put("class", error.getClass().getSimpleName().replaceFirst("Exception$", "Error"));
    attributes.put("code", error.getCode());
    attributes.put("message", error.getSummary());
    attributes.put("execution_id", error.getExecutionId());
    attributes.put("fields", error.getFields());
    attributes.put("http_status", error.getHttpStatus());
    return Map.of("error", attributes);
  }

  private WebhookChanges webhookChanges() {
    WebhookChanges changes = new WebhookChanges();
    change("url", name -> changes.url(text(name)));
    change("description", name -> changes.description(text(name)));
    change("event_types", name -> changes.eventTypes(list(name)));
    change("enabled", name -> changes.enabled(flag(name)));
    return changes;
  }

  /** The secret of a webhook is there, and does not print by itself. */
  private static WebhookSecret shown(WebhookSecret made) {
    assertFalse(made.toString().contains("canary"), "the secret of a webhook prints");
    assertTrue(made.getSecret().startsWith("whsec_canary"), "the secret of a webhook is not given");
    return made;
  }

  /** A webhook is verified alike whatever the server's framework gives as headers. */
  private WebhookEvent verified() {
    Duration tolerance = Duration.ofSeconds(number("tolerance_s") == null ? 300 : number("tolerance_s"));
    Map<String, List<String>> headers = new HashMap<>();
    Map<String, String> single = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    args.get("headers")
        .properties()
        .forEach(
            header -> {
              headers.put(header.getKey(), List.of(header.getValue().asText()));
              single.put(header.getKey(), header.getValue().asText());
            });
    WebhookVerifier verifier = new WebhookVerifier(text("secret"), tolerance, () -> instant("now"));
    byte[] payload = text("payload").getBytes(StandardCharsets.UTF_8);
    WebhookEvent event = verifier.verify(headers, payload);
    assertEquals(event.toString(), verifier.verify(single::get, payload).toString());
    return event;
  }

  private LinkOptions link() {
    return new LinkOptions()
        .scopes(list("scopes"))
        .addScopes(list("add_scopes"))
        .state(text("state"))
        .userVerifyUrl(text("user_verify_url"))
        .organizationId(text("organization_id"))
        .userId(text("user_id"));
  }

  private Object request() {
    ProxyRequest request = new ProxyRequest(text("method"), text("path")).account(account()).agentRunId(text("agent_run_id"));
    args.path("query")
        .properties()
        .forEach(
            field -> {
              if (field.getValue().isArray()) {
                field.getValue().forEach(value -> request.query(field.getKey(), value.asText()));
              } else {
                request.query(field.getKey(), field.getValue().asText());
              }
            });
    args.path("headers").properties().forEach(field -> request.header(field.getKey(), field.getValue().asText()));
    if (args.has("json")) {
      request.json(JSON.convertValue(args.get("json"), Object.class));
    }
    ProxyResponse response = actions.request(request);
    Map<String, Object> value = new HashMap<>();
    value.put("status", response.getStatus());
    value.put("execution_id", response.getExecutionId());
    try {
      value.put("json", response.getJson(Object.class));
    } catch (ServerException e) {
      value.put("json", null);
    }
    return value;
  }

  private DiagnosisRequest diagnosis() {
    return new DiagnosisRequest()
        .connectedAccountId(text("connected_account_id"))
        .identifier(text("identifier"))
        .connectionName(text("connection_name"))
        .accountName(text("account_name"))
        .executionId(text("execution_id"))
        .probe(flag("probe"))
        .registeredRedirectUris(list("registered_redirect_uris"));
  }

  private <T> List<T> taken(io.github.valetkey.Listing<T> listing) {
    return take > 0 ? listing.stream().limit(take).toList() : listing.toList();
  }

  Object invoke(String call) {
    return switch (call) {
      case "get_connected_account" -> actions.getConnectedAccount(account());
      case "refresh_connected_account" -> actions.refreshConnectedAccount(account());
      case "disconnect_connected_account" -> actions.disconnectConnectedAccount(account(), text("siblings"));
      case "delete_connected_account" -> {
        actions.deleteConnectedAccount(account(), text("siblings"));
        yield null;
      }
      case "get_or_create_connected_account" -> actions.getOrCreateConnectedAccount(newAccount());
      case "create_connected_account" -> actions.createConnectedAccount(newAccount());
      case "update_connected_account" -> actions.updateConnectedAccount(account(), accountChanges());
      case "list_connected_accounts" -> taken(
          actions.listConnectedAccounts(
              new AccountFilter()
                  .identifier(text("identifier"))
                  .connectionName(text("connection_name"))
                  .accountName(text("account_name"))
                  .connector(text("connector"))
                  .status(text("status"))
                  .organizationId(text("organization_id"))
                  .userId(text("user_id"))
                  .query(text("query"))
                  .pageSize(number("page_size"))));
      case "list_account_events" -> taken(
          args.has("page_size")
              ? actions.listAccountEvents(account(), events())
              : actions.listAccountEvents(account()));
      case "get_authorization_link" -> actions.getAuthorizationLink(account(), link());
      case "verify_connected_account_user" -> actions.verifyConnectedAccountUser(
          text("auth_request_id"), text("identifier"));
      case "execute_tool" -> actions.executeTool(tool());
      case "execute_tools" -> batch();
      case "execute_tools_async" -> starts();
      case "execute_tool_async" -> actions.startTool(tool());
      case "request" -> request();
      case "list_tools" -> taken(
          actions.listTools(
              new ToolFilter()
                  .connector(text("connector"))
                  .connectionName(text("connection_name"))
                  .identifier(text("identifier"))
                  .query(text("query"))
                  .pageSize(number("page_size"))));
      case "search_tools" -> actions.searchTools(
          new ToolSearch(text("query")).identifier(text("identifier")).limit(number("limit")));
      case "get_tool" -> actions.getTool(text("name"));
      case "get_execution" -> actions.getExecution(text("execution_id"));
      case "list_executions" -> taken(
          actions.listExecutions(
              new ExecutionFilter()
                  .connectedAccountId(text("connected_account_id"))
                  .connectionId(text("connection_id"))
                  .toolName(text("tool_name"))
                  .status(text("status"))
                  .pageSize(number("page_size"))));
      case "wait_for_execution" -> args.has("timeout_ms")
          ? actions.waitForExecution(text("execution_id"), Duration.ofMillis(number("timeout_ms")))
          : actions.waitForExecution(text("execution_id"));
      case "diagnose" -> actions.diagnose(diagnosis());
      default -> invokeConnections(call);
    };
  }

  private Object invokeConnections(String call) {
    return switch (call) {
      case "verify_webhook" -> verified();
      case "create_webhook" -> shown(
          client
              .webhooks()
              .create(
                  new NewWebhook(text("url"))
                      .description(text("description"))
                      .eventTypes(list("event_types"))
                      .enabled(flag("enabled"))));
      case "list_webhooks" -> taken(client.webhooks().list());
      case "get_webhook" -> client.webhooks().get(text("webhook_id"));
      case "update_webhook" -> client.webhooks().update(text("webhook_id"), webhookChanges());
      case "delete_webhook" -> {
        client.webhooks().delete(text("webhook_id"));
        yield null;
      }
      case "rotate_webhook_secret" -> shown(client.webhooks().rotateSecret(text("webhook_id")));
      case "test_webhook" -> client.webhooks().test(text("webhook_id"));
      case "list_webhook_deliveries" -> taken(
          client
              .webhooks()
              .deliveries(
                  text("webhook_id"),
                  new DeliveryFilter().outcome(text("outcome")).pageSize(number("page_size"))));
      case "redeliver_webhook" -> client.webhooks().redeliver(text("webhook_id"), text("delivery_id"));
      case "create_connection" -> connections.create(
          new NewConnection(text("connector"))
              .name(text("name"))
              .clientId(text("client_id"))
              .clientSecret(text("client_secret"))
              .clientSecretExpiresAt(instant("client_secret_expires_at"))
              .scopes(list("scopes"))
              .useSharedCredentials(flag("use_shared_credentials"))
              .overrides(overrides("overrides"))
              .variables(map("variables"))
              .identityPolicy(text("identity_policy"))
              .callTimeoutMs(number("call_timeout_ms"))
              .enabled(flag("enabled")));
      case "get_connection" -> connections.get(text("connection"));
      case "test_connection" -> connections.test(text("connection"));
      case "delete_connection" -> {
        connections.delete(text("connection"));
        yield null;
      }
      case "update_connection" -> connections.update(text("connection"), connectionChanges());
      case "list_connections" -> taken(
          connections.list(
              new ConnectionFilter()
                  .connector(text("connector"))
                  .query(text("query"))
                  .pageSize(number("page_size"))));
      case "list_connection_events" -> taken(
          args.has("page_size")
              ? connections.listEvents(text("connection"), events())
              : connections.listEvents(text("connection")));
      case "list_connectors" -> connections.listConnectors();
      case "get_connector" -> connections.getConnector(text("name"));
      default -> throw new IllegalStateException("the runner does not know the call " + call);
    };
  }
}
