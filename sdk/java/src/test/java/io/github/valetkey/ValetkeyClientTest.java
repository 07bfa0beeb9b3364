package io.github.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.net.Authenticator;
import java.net.CookieManager;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the conformance cases cannot say: threads, futures, files, proxies, large answers. */
@Timeout(60)
final class ValetkeyClientTest {
  /** Answers a request; nothing is sent for {@code null}. */
  private interface Handler {
    String answer(HttpExchange exchange) throws Exception;
  }

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
    threads.shutdownNow();
  }

  private String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private static ValetkeyClient.Builder bare() {
    return new ValetkeyClient.Builder().environment(Map.of()).proxy("none");
  }

  private ValetkeyClient.Builder client() {
    return bare().envUrl(url()).apiToken("vk_canary");
  }

  private void serve(Handler handler) {
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            String body = handler.answer(exchange);
            if (body != null) {
              byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
              exchange.sendResponseHeaders(200, bytes.length);
              exchange.getResponseBody().write(bytes);
            }
          } catch (IOException e) {
            throw e;
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }

  @Test
  void accessTokenIsObtainedOnceForManyCallers() throws Exception {
    AtomicInteger tokens = new AtomicInteger();
    CountDownLatch others = new CountDownLatch(20);
    serve(
        exchange -> {
          if (!exchange.getRequestURI().getPath().equals("/oauth/token")) {
            return "{\"name\": \"" + exchange.getRequestHeaders().getFirst("Authorization") + "\"}";
          }
          tokens.incrementAndGet();
          others.await(20, TimeUnit.SECONDS); // until all others wait for it
          return "{\"access_token\": \"at\", \"expires_in\": 3600}";
        });
    ValetkeyClient client = bare().envUrl(url()).clientId("id").clientSecret("secret").build();
    List<CompletableFuture<Tool>> calls = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      calls.add(
          CompletableFuture.supplyAsync(
              () -> {
                others.countDown();
                return client.actions().getTool("t");
              },
              threads));
    }
    for (CompletableFuture<Tool> call : calls) {
      assertEquals("Bearer at", call.get(30, TimeUnit.SECONDS).getName());
    }
    assertEquals(1, tokens.get());
  }

  @Test
  void callerThatWaitsForATokenLeavesWithItsTime() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    serve(
        exchange -> {
          asked.countDown();
          release.await();
          return "{}";
        });
    ValetkeyClient client =
        bare().envUrl(url()).clientId("id").clientSecret("secret").timeout(Duration.ofMillis(500)).build();
    CompletableFuture<Tool> first = client.async().actions().getTool("t");
    assertTrue(asked.await(20, TimeUnit.SECONDS));
    TimeoutException late = assertThrows(TimeoutException.class, () -> client.actions().getTool("t"));
    assertEquals(ErrorCodes.TIMEOUT, late.getCode());
    assertThrows(java.util.concurrent.ExecutionException.class, () -> first.get(20, TimeUnit.SECONDS));
    release.countDown();
  }

  @Test
  void interruptedCallEndsAtOnceAndStaysInterrupted() throws Exception {
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    serve(
        exchange -> {
          arrived.countDown();
          release.await();
          return "{}";
        });
    AtomicReference<ValetkeyException> thrown = new AtomicReference<>();
    AtomicReference<Boolean> marked = new AtomicReference<>();
    Thread caller =
        new Thread(
            () -> {
              thrown.set(assertThrows(ValetkeyException.class, () -> client().build().actions().getTool("t")));
              marked.set(Thread.currentThread().isInterrupted());
            });
    caller.start();
    assertTrue(arrived.await(20, TimeUnit.SECONDS));
    caller.interrupt();
    caller.join(20_000);
    release.countDown();
    assertEquals(ErrorCodes.CANCELLED, thrown.get().getCode());
    assertTrue(marked.get());
  }

  @Test
  void cancelledFutureEndsItsCall() throws Exception {
    CountDownLatch waiting = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    serve(
        exchange -> {
          exchange.getResponseHeaders().set("Retry-After", "20");
          exchange.sendResponseHeaders(503, -1);
          return null;
        });
    ValetkeyClient.Sleeper sleeper =
        wait -> {
          waiting.countDown();
          try {
            Thread.sleep(wait.toMillis());
          } finally {
            ended.countDown();
          }
        };
    CompletableFuture<Tool> call = client().sleeper(sleeper).build().async().actions().getTool("t");
    assertTrue(waiting.await(20, TimeUnit.SECONDS));
    assertTrue(call.cancel(true));
    assertTrue(ended.await(10, TimeUnit.SECONDS), "the call goes on");
    assertThrows(CancellationException.class, call::join);
  }

  @Test
  void futuresRunOnTheGivenExecutor() throws Exception {
    serve(exchange -> "{\"name\": \"t\"}");
    AtomicInteger tasks = new AtomicInteger();
    ValetkeyClient client =
        client()
            .executor(
                task -> {
                  tasks.incrementAndGet();
                  threads.execute(task);
                })
            .build();
    assertEquals("t", client.async().actions().getTool("t").get(20, TimeUnit.SECONDS).getName());
    client.async().actions().deleteConnectedAccount(AccountRef.id("ca_1")).get(20, TimeUnit.SECONDS);
    assertEquals(2, tasks.get());
  }

  @Test
  void secretsDoNotPrint() {
    NewConnection connection = new NewConnection("c").clientSecret("canary");
    Credential credential = Credential.oauth("canary").refreshToken("canary");
    ToolCall call = new ToolCall("t").toolInput(Map.of("password", "canary"));
    AuthorizationLink link = new AuthorizationLink();
    for (Object value : List.of(connection, credential, call, link, client().build())) {
      assertFalse(value.toString().contains("canary"), value.toString());
    }
  }

  @Test
  void authorizationLinkIsNeitherInItsTextNorInThatOfErrors() {
    serve(
        exchange ->
            exchange.getRequestURI().getPath().endsWith("links")
                ? "{\"link\": \"https://x.test/connect/canary\"}"
                : "{\"id\": \"ca_1\"}");
    AuthorizationLink link = client().build().actions().getAuthorizationLink("c", "u");
    assertEquals("https://x.test/connect/canary", link.getLink());
    assertFalse(link.toString().contains("canary"));
    assertFalse(Remedy.of("reauthorize", "Go.", link.getLink()).toString().contains("canary"));
  }

  @Test
  void diagnosisPrintsNoLink() {
    serve(
        exchange ->
            "{\"verdict\": \"broken\", \"findings\": [{\"code\": \"c\", \"remedies\": [{\"action\": \"reauthorize\","
                + " \"text\": \"Send it.\", \"url\": \"https://valetkey.test/connect/canary\"}]}]}");
    Diagnosis diagnosis = client().build().actions().diagnose(new DiagnosisRequest().executionId("ex_1"));
    assertEquals("https://valetkey.test/connect/canary", diagnosis.getFindings().get(0).getRemedies().get(0).getUrl());
    assertTrue(diagnosis.toString().contains("Send it."), diagnosis::toString);
    assertFalse(diagnosis.toString().contains("canary"), diagnosis::toString);
  }

  @Test
  void caFileThatIsNoneIsNamed(@TempDir Path folder) throws IOException {
    Path empty = Files.writeString(folder.resolve("ca.pem"), "no certificate");
    for (Path file : List.of(empty, folder.resolve("nowhere.pem"))) {
      ValetkeyClient.Builder builder = client().caFile(file.toString());
      ConfigurationException wrong = assertThrows(ConfigurationException.class, builder::build);
      assertTrue(wrong.getMessage().contains(file.toString()), wrong.getMessage());
    }
  }

  @Test
  void httpClientThatFollowsRedirectsIsRefused() {
    HttpClient following = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.ALWAYS).build();
    assertThrows(ConfigurationException.class, () -> client().httpClient(following).build());
  }

  @Test
  void httpClientWithCookiesOrAuthenticationOfItsOwnIsRefused() {
    HttpClient keeping = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    ConfigurationException cookies =
        assertThrows(ConfigurationException.class, () -> client().httpClient(keeping).build());
    assertTrue(cookies.getMessage().contains("cookies"), cookies.getMessage());
    HttpClient answering = HttpClient.newBuilder().authenticator(new Authenticator() {}).build();
    ConfigurationException authenticator =
        assertThrows(ConfigurationException.class, () -> client().httpClient(answering).build());
    assertTrue(authenticator.getMessage().contains("authenticator"), authenticator.getMessage());
  }

  @Test
  void proxyIsUsed() {
    AtomicReference<String> asked = new AtomicReference<>();
    serve(
        exchange -> {
          asked.set(exchange.getRequestURI().toString());
          return "{\"name\": \"t\"}";
        });
    ValetkeyClient client = bare().envUrl("http://valetkey.test").apiToken("vk_canary").proxy(url()).build();
    client.actions().getTool("t");
    assertEquals("http://valetkey.test/v1/connect/tools/t", asked.get());
  }

  @Test
  void serverThatNamesTheSamePageForEverIsLeft() {
    serve(exchange -> "{\"items\": [{\"name\": \"t\"}], \"next_page_token\": \"again\"}");
    Listing<Tool> tools = client().build().actions().listTools(new ToolFilter());
    ServerException broken = assertThrows(ServerException.class, tools::toList);
    assertEquals(ErrorCodes.RESPONSE_INVALID, broken.getCode());
  }

  @Test
  void largeNumbersSurvive() {
    serve(exchange -> "{\"execution_id\": \"ex_1\", \"data\": {\"id\": 9007199254740993}}");
    ToolResult result = client().build().actions().executeTool("u", "t", Map.of());
    assertEquals(Map.of("id", 9007199254740993L), result.getData());
  }

  @Test
  void slowBodyEndsWithTheCallsTime() {
    CountDownLatch release = new CountDownLatch(1);
    serve(
        exchange -> {
          exchange.sendResponseHeaders(200, 1000);
          exchange.getResponseBody().write('{');
          exchange.getResponseBody().flush();
          release.await();
          return null;
        });
    ValetkeyClient client = client().timeout(Duration.ofMillis(500)).build();
    assertThrows(TimeoutException.class, () -> client.actions().getTool("t"));
    release.countDown();
  }

  @Test
  void answerThatIsTooLargeIsLeft() {
    serve(
        exchange -> {
          exchange.sendResponseHeaders(200, 0);
          byte[] block = new byte[1 << 20];
          for (int i = 0; i <= Bounded.MOST >> 20; i++) {
            exchange.getResponseBody().write(block);
          }
          return null;
        });
    ServerException broken = assertThrows(ServerException.class, () -> client().build().actions().getTool("t"));
    assertEquals(ErrorCodes.RESPONSE_INVALID, broken.getCode());
    assertTrue(broken.getMessage().contains("64 MiB"), broken.getMessage());
  }

  @Test
  void credentialOfAnOauthGrantIsSentWhole() {
    AtomicReference<String> sent = new AtomicReference<>();
    serve(
        exchange -> {
          sent.set(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
          return "{\"id\": \"ca_1\"}";
        });
    Credential credential =
        Credential.oauth("at").refreshToken("rt").expiresAt(Instant.EPOCH).scopes(List.of("a")).domain("d");
    client().build().actions().createConnectedAccount(new NewAccount("u", "c").credential(credential));
    assertEquals(
        "{\"identifier\":\"u\",\"connection_name\":\"c\",\"credential\":{\"oauth\":{\"access_token\":\"at\","
            + "\"refresh_token\":\"rt\",\"expires_at\":\"1970-01-01T00:00:00Z\",\"scopes\":[\"a\"],\"domain\":\"d\"}}}",
        sent.get());
    assertThrows(InvalidRequestException.class, () -> Credential.fields(Map.of("key", "k")).domain("d"));
  }

  @Test
  void exceptionKeepsItsTextWhenSerialized() throws Exception {
    ValetkeyException thrown =
        assertThrows(ValetkeyException.class, () -> client().build().actions().getTool(".."));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(thrown);
    }
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      ValetkeyException read = (ValetkeyException) in.readObject();
      assertEquals(thrown.getMessage(), read.getMessage());
      assertNull(read.getCode());
      assertTrue(read.getRemedies().isEmpty());
    }
  }
}
