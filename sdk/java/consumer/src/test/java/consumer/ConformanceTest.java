package consumer;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.ToStringSerializer;
import io.github.valetkey.AccountNotActiveException;
import io.github.valetkey.ValetkeyClient;
import io.github.valetkey.ValetkeyException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Plays the cases that all SDKs share. */
final class ConformanceTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Shows the SDK's values under the names of the wire. */
  private static final ObjectMapper WIRE =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .visibility(PropertyAccessor.ALL, Visibility.NONE)
          .visibility(PropertyAccessor.FIELD, Visibility.ANY)
          .addModule(new SimpleModule().addSerializer(Instant.class, ToStringSerializer.instance))
          .build();

  private static final Certificates CERTIFICATES = new Certificates();

  @TestFactory
  Stream<DynamicTest> conformance() throws IOException {
    String folder = System.getenv("VALETKEY_CONFORMANCE");
    assertNotNull(folder, "VALETKEY_CONFORMANCE names the folder of the cases; the script that runs this sets it");
    List<DynamicTest> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(Path.of(folder, "cases"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
        for (JsonNode one : JSON.readTree(file.toFile()).get("cases")) {
          all.add(DynamicTest.dynamicTest(one.get("name").asText(), () -> play(one)));
        }
      }
    }
    assertFalse(all.isEmpty(), "there are no cases in " + folder);
    return all.stream();
  }

  private static void play(JsonNode one) throws Exception {
    Clock clock = new Clock();
    RecordingLogger logger = new RecordingLogger();
    JsonNode exchanges = one.path("exchanges");
    try (Script script = new Script(CERTIFICATES, clock, exchanges)) {
      List<String> wrong = new ArrayList<>();
      try {
        steps(one, clock, builder(one, clock, logger).httpClient(script.client()));
      } catch (AssertionError e) {
        wrong.add(e.getMessage());
      }
      wrong.addAll(script.done());
      assertTrue(wrong.isEmpty(), () -> String.join("\n", wrong));
    }
    List<Double> expected = new ArrayList<>();
    one.path("sleeps_ms").forEach(ms -> expected.add(ms.asDouble()));
    List<Double> slept = clock.slept();
    assertEquals(expected.size(), slept.size(), () -> "slept " + slept + " ms, expected " + expected);
    for (int i = 0; i < slept.size(); i++) {
      assertEquals(expected.get(i), slept.get(i), 1.0, () -> "slept " + slept + " ms, expected " + expected);
    }
    String logged = logger.text();
    assertFalse(logged.contains("canary"), () -> "the log holds a secret:\n" + logged);
    assertTrue(exchanges.isEmpty() || logged.contains("request method="), "requests were not logged");
  }

  private static void steps(JsonNode one, Clock clock, ValetkeyClient.Builder builder) {
    ValetkeyClient client = null;
    for (JsonNode step : one.get("steps")) {
      if (!step.has("call")) {
        clock.advance(step.get("advance_ms").asDouble());
        continue;
      }
      String call = step.get("call").asText();
      JsonNode expect = step.get("expect");
      Object value;
      try {
        if (client == null) {
          client = builder.build();
          assertFalse(client.toString().contains("canary"), "the client prints a secret");
        }
        JsonNode args = step.has("args") ? step.get("args") : JSON.createObjectNode();
        value = new Calls(client, args, expect.path("take").asLong(0)).invoke(call);
      } catch (ValetkeyException e) {
        if (!expect.has("error")) {
          throw new AssertionError(call + " fails: " + e, e);
        }
        checkError(call, expect.get("error"), e);
        continue;
      }
      if (expect.has("error")) {
        fail(call + " succeeds, expected " + expect.get("error"));
      }
      JsonNode want = expect.has("items") ? expect.get("items") : expect.get("value");
      JsonNode got = WIRE.valueToTree(value);
      assertTrue(Matching.same(want, got), () -> call + " gives\n  " + got + ", expected\n  " + want);
    }
  }

  private static ValetkeyClient.Builder builder(JsonNode one, Clock clock, RecordingLogger logger) {
    double random = one.path("random").asDouble(0.5);
    Map<String, String> environment = new HashMap<>();
    one.path("env").properties().forEach(field -> environment.put(field.getKey(), field.getValue().asText()));
    ValetkeyClient.Builder builder =
        new ValetkeyClient.Builder()
            .environment(environment)
            .clock(clock)
            .sleeper(clock::sleep)
            .random(() -> random)
            .logger(logger);
    JsonNode given = one.has("client") ? one.get("client") : JSON.createObjectNode().put("api_token", "vk_canary_token");
    if (!given.has("env_url")) {
      builder.envUrl("https://valetkey.test");
    }
    given
        .properties()
        .forEach(
            option -> {
              JsonNode value = option.getValue();
              switch (option.getKey()) {
                case "env_url" -> builder.envUrl(value.isNull() ? null : value.asText());
                case "api_token" -> builder.apiToken(value.asText());
                case "client_id" -> builder.clientId(value.asText());
                case "client_secret" -> builder.clientSecret(value.asText());
                case "timeout_ms" -> builder.timeout(Duration.ofMillis(value.asLong()));
                case "max_retries" -> builder.maxRetries(value.asInt());
                case "max_retry_after_ms" -> builder.maxRetryAfter(Duration.ofMillis(value.asLong()));
                default -> fail("the runner does not know the option " + option.getKey());
              }
            });
    return builder;
  }

  private static String inJava(String name) {
    return name.replaceFirst("Error$", "Exception");
  }

  private static void checkError(String call, JsonNode expected, ValetkeyException e) {
    List<String> classes = new ArrayList<>();
    for (Class<?> type = e.getClass(); type != RuntimeException.class; type = type.getSuperclass()) {
      classes.add(type.getSimpleName());
    }
    String text = e.toString();
    JsonNode got = JSON.valueToTree(attributes(e));
    assertAll(
        () -> assertEquals(inJava(expected.get("class").asText()), classes.get(0), call + ": " + text),
        () ->
            expected
                .path("is")
                .forEach(name -> assertTrue(classes.contains(inJava(name.asText())), call + ": " + classes + " lacks " + name)),
        () -> assertTrue(classes.contains("ValetkeyException"), call),
        () ->
            expected
                .path("fields")
                .properties()
                .forEach(
                    field -> {
                      assertTrue(got.has(field.getKey()), "the runner does not know the attribute " + field.getKey());
                      assertTrue(
                          Matching.same(field.getValue(), got.get(field.getKey())),
                          () ->
                              call + ": " + field.getKey() + " is " + got.get(field.getKey()) + ", expected " + field.getValue());
                    }),
        () -> expected.path("text").forEach(piece -> assertTrue(text.contains(piece.asText()), text + " lacks " + piece)),
        () ->
            expected
                .path("text_lacks")
                .forEach(piece -> assertFalse(text.contains(piece.asText()), text + " holds " + piece)),
        () -> assertFalse(text.contains("canary"), "the error's text holds a secret: " + text));
  }

  private static Map<String, Object> attributes(ValetkeyException e) {
    Map<String, Object> got = new LinkedHashMap<>();
    got.put("code", e.getCode());
    got.put("message", e.getSummary());
    got.put("cause", e.getReason());
    got.put("remedies", WIRE.valueToTree(e.getRemedies()));
    got.put("docs", e.getDocs());
    got.put("request_id", e.getRequestId());
    got.put("account_id", e.getAccountId());
    got.put("connection_id", e.getConnectionId());
    got.put("execution_id", e.getExecutionId());
    got.put("retry_after_ms", e.getRetryAfter() == null ? null : e.getRetryAfter().toMillis());
    got.put("http_status", e.getHttpStatus());
    got.put("diagnosis", WIRE.valueToTree(e.getDiagnosis()));
    got.put("fields", WIRE.valueToTree(e.getFields()));
    got.put("provider", WIRE.valueToTree(e.getProvider()));
    got.put("authorization_link", e.getAuthorizationLink());
    got.put("account_status", e instanceof AccountNotActiveException inactive ? inactive.getStatus() : null);
    return got;
  }
}
