package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.valetkey.ConnectedAccount;
import io.github.valetkey.LinkOptions;
import io.github.valetkey.ValetkeyClient;
import java.io.IOException;
import java.io.InputStream;
import java.net.CookieHandler;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A real {@code valetkey dev} with its simulator, and what its users do. */
final class Server implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern FORM = Pattern.compile("<form([^>]*)>(.*?)</form>", Pattern.DOTALL);
  private static final Pattern INPUT = Pattern.compile("<input([^>]*)>");
  private static final Pattern ATTRIBUTE = Pattern.compile("([a-z-]+)(?:=\"([^\"]*)\")?");

  final Map<String, String> environment = new LinkedHashMap<>();
  private final Path folder;
  private final Process process;
  private final SSLContext trust;
  private final String simulator;

  /** Starts the binary that VALETKEY_BIN names; the script that runs these tests always sets it. */
  Server(String... extra) throws Exception {
    String binary = System.getenv("VALETKEY_BIN");
    assertNotNull(binary, "VALETKEY_BIN names no valetkey binary");
    folder = Files.createTempDirectory("valetkey-java");
    Path file = folder.resolve("env");
    List<String> command = new ArrayList<>(List.of(binary, "dev", "--listen", "127.0.0.1:0"));
    command.addAll(List.of("--data-dir", folder.resolve("data").toString(), "--env-file", file.toString()));
    command.addAll(List.of(extra));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("server.log").toFile());
    // The server takes every variable VALETKEY_… for a setting and refuses those of these tests.
    builder.environment().keySet().removeIf(name -> name.startsWith("VALETKEY_"));
    process = builder.start();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!Files.exists(file)) {
      if (!process.isAlive() || System.nanoTime() > end) {
        process.destroy();
        fail("the server does not start: " + Files.readString(folder.resolve("server.log")));
      }
      Thread.sleep(20);
    }
    for (String line : Files.readAllLines(file)) {
      String[] parts = line.strip().split("=", 2);
      if (parts.length == 2) {
        environment.put(parts[0], parts[1].replaceAll("^['\"]|['\"]$", ""));
      }
    }
    trust = trusting(environment.get("VALETKEY_CA_FILE"));
    String authorize = client().build().connections().get("sandbox").getOverrides().getAuthorizeUrl();
    simulator = authorize.substring(0, authorize.indexOf("/oauth/"));
  }

  private static SSLContext trusting(String file) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      store.setCertificateEntry("dev", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }

  /** A builder of a client with client credentials that trusts the server's certificate. */
  ValetkeyClient.Builder client() {
    return new ValetkeyClient.Builder()
        .envUrl(environment.get("VALETKEY_URL"))
        .clientId(environment.get("VALETKEY_CLIENT_ID"))
        .clientSecret(environment.get("VALETKEY_CLIENT_SECRET"))
        .caFile(environment.get("VALETKEY_CA_FILE"))
        .proxy("none");
  }

  /** An end user's browser: cookies, no scripts, redirects step by step. */
  private HttpClient browser() {
    return HttpClient.newBuilder()
        .sslContext(trust)
        .cookieHandler(new Cookies())
        .connectTimeout(Duration.ofSeconds(10))
        .build();
  }

  /** Sends cookies back as browsers do; the JDK's manager writes those with Max-Age in the manner of RFC 2965. */
  private static final class Cookies extends CookieHandler {
    private final Map<String, Map<String, String>> jar = new HashMap<>();

    @Override
    public synchronized Map<String, List<String>> get(URI uri, Map<String, List<String>> headers) {
      Map<String, String> ours = jar.getOrDefault(uri.getAuthority(), Map.of());
      List<String> pairs = ours.entrySet().stream().map(one -> one.getKey() + "=" + one.getValue()).toList();
      return pairs.isEmpty() ? Map.of() : Map.of("Cookie", List.of(String.join("; ", pairs)));
    }

    @Override
    public synchronized void put(URI uri, Map<String, List<String>> headers) {
      for (String header : headers.getOrDefault("set-cookie", List.of())) {
        String[] pair = header.split(";")[0].split("=", 2);
        jar.computeIfAbsent(uri.getAuthority(), host -> new HashMap<>()).put(pair[0].strip(), pair[1].strip());
      }
    }
  }

  private static Map<String, String> attributes(String tag) {
    Map<String, String> all = new LinkedHashMap<>();
    for (Matcher match = ATTRIBUTE.matcher(tag); match.find(); ) {
      String value = match.group(2) == null ? "" : match.group(2);
      all.put(
          match.group(1),
          value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'")
              .replace("&#39;", "'").replace("&#38;", "&").replace("&#x2F;", "/").replace("&amp;", "&"));
    }
    return all;
  }

  private record Page(URI target, Map<String, String> fields) {}

  private static Page open(HttpClient browser, String address) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        browser.send(HttpRequest.newBuilder(URI.create(address)).build(), BodyHandlers.ofString());
    assertEquals(200, answer.statusCode(), answer.body());
    Matcher form = FORM.matcher(answer.body());
    assertTrue(form.find(), () -> "no form in " + answer.body());
    Map<String, String> fields = new LinkedHashMap<>();
    for (Matcher match = INPUT.matcher(form.group(2)); match.find(); ) {
      Map<String, String> input = attributes(match.group(1));
      boolean choice = "radio".equals(input.get("type")) || "checkbox".equals(input.get("type"));
      if (!choice || input.containsKey("checked")) {
        fields.put(input.get("name"), input.getOrDefault("value", ""));
      }
    }
    String action = attributes(form.group(1)).getOrDefault("action", "");
    return new Page(action.isEmpty() ? answer.uri() : answer.uri().resolve(action), fields);
  }

  private static String submit(HttpClient browser, Page page) throws IOException, InterruptedException {
    String body =
        page.fields().entrySet().stream()
            .map(field -> encode(field.getKey()) + "=" + encode(field.getValue()))
            .collect(Collectors.joining("&"));
    HttpRequest request =
        HttpRequest.newBuilder(page.target())
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString(body))
            .build();
    HttpResponse<String> answer = browser.send(request, BodyHandlers.ofString());
    String location =
        answer.headers().firstValue("location").orElseThrow(() -> new AssertionError(answer.statusCode() + answer.body()));
    return page.target().resolve(location).toString();
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /** What a user does with a link: Continue, choose the account, Allow. */
  void authorize(String link, String user) throws IOException, InterruptedException {
    HttpClient browser = browser();
    Page consent = open(browser, submit(browser, open(browser, link)));
    consent.fields().put("user", user);
    consent.fields().put("decision", "allow");
    HttpResponse<String> end =
        browser.send(HttpRequest.newBuilder(URI.create(submit(browser, consent))).build(), BodyHandlers.ofString());
    assertEquals(200, end.statusCode(), end.body());
  }

  /** Tells the simulator to misbehave. */
  void simulate(String path, Map<String, ?> body) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(simulator + "/_sim/" + path))
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)))
            .build();
    HttpResponse<String> answer = browser().send(request, BodyHandlers.ofString());
    assertEquals(200, answer.statusCode(), answer.body());
  }

  /** Makes an ACTIVE account of a user of the simulator. */
  ConnectedAccount connect(ValetkeyClient client, String identifier, String user, LinkOptions options) throws Exception {
    authorize(client.actions().getAuthorizationLink("sandbox", identifier, options).getLink(), user);
    return status(client, identifier, "ACTIVE");
  }

  ConnectedAccount status(ValetkeyClient client, String identifier, String expected) {
    ConnectedAccount account = client.actions().getConnectedAccount(identifier, "sandbox");
    assertEquals(expected, account.getStatus());
    return account;
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      process.onExit().get(20, TimeUnit.SECONDS);
    } catch (Exception e) {
      process.destroyForcibly();
      throw new IOException("the server does not end", e);
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
