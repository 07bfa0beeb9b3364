package io.github.valetkey;

import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.DoubleSupplier;
import javax.net.ssl.SSLContext;

/**
 * A client of one Valetkey server. It is safe for use by many threads and is meant to be kept: it holds connections and
 * the access token.
 *
 * <pre>{@code
 * ValetkeyClient client = new ValetkeyClient.Builder()
 *     .envUrl("https://valetkey.example.com")
 *     .clientId(System.getenv("VALETKEY_CLIENT_ID"))
 *     .clientSecret(System.getenv("VALETKEY_CLIENT_SECRET"))
 *     .build();
 * AuthorizationLink link = client.actions().getAuthorizationLink("gmail", "user_123");
 * // … the user opens link.getLink() …
 * ToolResult result = client.actions().executeTool("user_123", "gmail_get_profile", Map.of());
 * }</pre>
 *
 * <p>Calls that may be repeated are, up to three times, with full jitter, and after as long as the server asks for: those
 * that only read, and tool calls, which carry an Idempotency-Key so that the tool runs once. A call that never reached
 * the server is repeated whatever it is. Every call has 60 seconds in all. Interrupting its thread ends a call.
 *
 * <p>Requests and answers are logged to {@code System.getLogger("valetkey")} at level DEBUG. Tokens, secrets, links and
 * bodies are never logged.
 */
public final class ValetkeyClient {
  /** The version of this SDK. */
  public static final String VERSION = version();

  private final Core core;
  private final Actions actions;
  private final Connections connections;
  private final Webhooks webhooks;
  private final Async async;

  private ValetkeyClient(Core core, Executor executor) {
    this.core = core;
    actions = new Actions(core);
    connections = new Connections(core);
    webhooks = new Webhooks(core);
    async = new Async(actions, connections, webhooks, executor);
  }

  /** {@return connected accounts, authorization links, tools, executions, diagnoses and proxied requests} */
  public Actions actions() {
    return actions;
  }

  /** {@return the configured connectors, and the connectors themselves} */
  public Connections connections() {
    return connections;
  }

  /** {@return addresses of your app that are told of events} */
  public Webhooks webhooks() {
    return webhooks;
  }

  /** {@return the same calls as futures} */
  public Async async() {
    return async;
  }

  /** {@return the server's address, and no secret} */
  @Override
  public String toString() {
    return "ValetkeyClient(" + core.base + ")";
  }

  private static String version() {
    Properties properties = new Properties();
    try (InputStream in = ValetkeyClient.class.getResourceAsStream("version.properties")) {
      properties.load(Objects.requireNonNull(in, "version.properties is missing in the jar of valetkey"));
    } catch (IOException e) {
      throw new ExceptionInInitializerError(e);
    }
    return properties.getProperty("version");
  }

  /** How a client waits. */
  @FunctionalInterface
  public interface Sleeper {
    /**
     * Waits.
     *
     * @param wait how long
     * @throws InterruptedException if the thread is interrupted
     */
    void sleep(Duration wait) throws InterruptedException;
  }

  /**
   * Makes a client. What is not set is taken from the environment: VALETKEY_URL, VALETKEY_CLIENT_ID and
   * VALETKEY_CLIENT_SECRET, or VALETKEY_API_TOKEN, and VALETKEY_CA_FILE.
   */
  public static final class Builder {
    private String envUrl;
    private String clientId;
    private String clientSecret;
    private String apiToken;
    private String caFile;
    private String proxy;
    private SSLContext sslContext;
    private HttpClient httpClient;
    private Executor executor;
    private Map<String, String> environment = System.getenv();
    Logger logger = System.getLogger("valetkey");
    boolean debug;
    String userAgent;
    Duration timeout = Duration.ofSeconds(60);
    int maxRetries = 3;
    Duration maxRetryAfter = Duration.ofSeconds(30);
    Sleeper sleeper = wait -> Thread.sleep(wait.toMillis(), wait.toNanosPart() % 1_000_000);
    DoubleSupplier random = () -> ThreadLocalRandom.current().nextDouble();
    InstantSource clock = InstantSource.system();

    /** Makes a builder in which nothing is set. */
    public Builder() {}

    /**
     * Names the server. Default: VALETKEY_URL.
     *
     * @param envUrl its address: {@code https://valetkey.example.com}
     * @return this
     */
    public Builder envUrl(String envUrl) {
      this.envUrl = envUrl;
      return this;
    }

    /**
     * Sets the API client whose access tokens are used. Default: VALETKEY_CLIENT_ID.
     *
     * @param clientId its id
     * @return this
     */
    public Builder clientId(String clientId) {
      this.clientId = clientId;
      return this;
    }

    /**
     * Sets the secret of the API client. Default: VALETKEY_CLIENT_SECRET.
     *
     * @param clientSecret its secret
     * @return this
     */
    public Builder clientSecret(String clientSecret) {
      this.clientSecret = clientSecret;
      return this;
    }

    /**
     * Uses a static API token instead of an API client's access tokens. Default: VALETKEY_API_TOKEN, where neither a
     * client id nor a client secret is set.
     *
     * @param apiToken the token: {@code vk_…}
     * @return this
     */
    public Builder apiToken(String apiToken) {
      this.apiToken = apiToken;
      return this;
    }

    /**
     * Trusts the certificates of a file beside the system's. Default: VALETKEY_CA_FILE.
     *
     * @param caFile a file of certificates in PEM
     * @return this
     */
    public Builder caFile(String caFile) {
      this.caFile = caFile;
      return this;
    }

    /**
     * Replaces how TLS is done: which certificates are trusted, client certificates. A CA file is then not read.
     *
     * @param sslContext the context
     * @return this
     */
    public Builder sslContext(SSLContext sslContext) {
      this.sslContext = sslContext;
      return this;
    }

    /**
     * Sends through an HTTP proxy. Default: the JVM's ({@code https.proxyHost} and the like).
     *
     * @param proxy its address, {@code http://proxy.example.com:3128}, or {@code none} for no proxy at all
     * @return this
     */
    public Builder proxy(String proxy) {
      this.proxy = proxy;
      return this;
    }

    /**
     * Sends through a client of your own. Certificates and proxy are then its business. It must not follow redirects, so
     * that the credential goes nowhere else, nor have a cookie handler or an authenticator: neither cookies nor other
     * credentials than the SDK's shall go to the server.
     *
     * @param httpClient the client
     * @return this
     */
    public Builder httpClient(HttpClient httpClient) {
      this.httpClient = httpClient;
      return this;
    }

    /**
     * Bounds each call in all, retries and waits included. Default: 60 seconds.
     *
     * @param timeout the bound; zero sets none
     * @return this
     */
    public Builder timeout(Duration timeout) {
      this.timeout = timeout;
      return this;
    }

    /**
     * Says how often a call that may be repeated is sent again. Default: 3.
     *
     * @param maxRetries how often; 0 never repeats
     * @return this
     */
    public Builder maxRetries(int maxRetries) {
      this.maxRetries = Math.max(maxRetries, 0);
      return this;
    }

    /**
     * Sets the longest wait that a server may ask for; told to wait longer, the call fails at once with the error that
     * says how long. Default: 30 seconds.
     *
     * @param maxRetryAfter the longest wait
     * @return this
     */
    public Builder maxRetryAfter(Duration maxRetryAfter) {
      this.maxRetryAfter = maxRetryAfter;
      return this;
    }

    /**
     * Logs at level INFO instead of DEBUG, so that requests show without any configuration of logging. No secret is
     * logged either way.
     *
     * @param debug whether to
     * @return this
     */
    public Builder debug(boolean debug) {
      this.debug = debug;
      return this;
    }

    /**
     * Logs to a logger of your own instead of {@code System.getLogger("valetkey")}.
     *
     * @param logger the logger
     * @return this
     */
    public Builder logger(Logger logger) {
      this.logger = logger;
      return this;
    }

    /**
     * Adds a name of your app to the SDK's in the User-Agent header.
     *
     * @param userAgent the name: {@code shop/1.2}
     * @return this
     */
    public Builder userAgent(String userAgent) {
      this.userAgent = userAgent;
      return this;
    }

    /**
     * Sets where the calls of {@link ValetkeyClient#async()} run. Default: daemon threads, one for each call that runs.
     *
     * @param executor the executor
     * @return this
     */
    public Builder executor(Executor executor) {
      this.executor = executor;
      return this;
    }

    /**
     * Replaces the environment that settings are taken from.
     *
     * @param environment variables and values
     * @return this
     */
    public Builder environment(Map<String, String> environment) {
      this.environment = Map.copyOf(environment);
      return this;
    }

    /**
     * Replaces how the client waits before a repeat, for tests.
     *
     * @param sleeper waits
     * @return this
     */
    public Builder sleeper(Sleeper sleeper) {
      this.sleeper = sleeper;
      return this;
    }

    /**
     * Replaces the source of jitter, for tests.
     *
     * @param random gives numbers from 0 (inclusive) to 1 (exclusive)
     * @return this
     */
    public Builder random(DoubleSupplier random) {
      this.random = random;
      return this;
    }

    /**
     * Replaces the clock that says when an access token is due for renewal and when a call's time is over, for tests.
     *
     * @param clock the clock
     * @return this
     */
    public Builder clock(InstantSource clock) {
      this.clock = clock;
      return this;
    }

    /**
     * Makes the client. No connection is opened yet.
     *
     * @return the client
     * @throws ConfigurationException if a setting is missing or wrong
     */
    public ValetkeyClient build() {
      Problems problems = new Problems();
      String base = base(problems);
      Bearer bearer = bearer(problems);
      HttpClient http = http(problems);
      problems.raise();
      return new ValetkeyClient(new Core(this, base, http, bearer), executor);
    }

    private String or(String given, String variable) {
      return AccountRef.given(given) ? given : Objects.toString(environment.get(variable), "");
    }

    private String base(Problems problems) {
      String text = or(envUrl, "VALETKEY_URL");
      if (text.isEmpty()) {
        problems.add(
            "no server is named",
            "Set envUrl or the variable VALETKEY_URL to the server's address: https://valetkey.example.com.");
        return "";
      }
      try {
        URI url = new URI(text);
        boolean web = "https".equalsIgnoreCase(url.getScheme()) || "http".equalsIgnoreCase(url.getScheme());
        boolean bare = url.getRawUserInfo() == null && url.getRawQuery() == null && url.getRawFragment() == null;
        if (web && url.getHost() != null && bare) {
          return text.replaceAll("/+$", "");
        }
      } catch (java.net.URISyntaxException e) {
        // Told below; the text is not repeated: it may hold a password.
        problems.because(e.getReason());
      }
      problems.add(
          "the server's URL is not an http(s) address without user, query and fragment",
          "Set env_url (envUrl or VALETKEY_URL) to an address such as https://valetkey.example.com.");
      return "";
    }

    /** Settings go before the environment; of the latter the API token goes before client credentials. */
    private Bearer bearer(Problems problems) {
      String token = Objects.toString(apiToken, "");
      String id = Objects.toString(clientId, "");
      String secret = Objects.toString(clientSecret, "");
      if (token.isEmpty() && id.isEmpty() && secret.isEmpty()) {
        token = or(null, "VALETKEY_API_TOKEN");
      }
      if (token.isEmpty()) {
        id = or(id, "VALETKEY_CLIENT_ID");
        secret = or(secret, "VALETKEY_CLIENT_SECRET");
      }
      if (!token.isEmpty() && (!id.isEmpty() || !secret.isEmpty())) {
        problems.add(
            "api_token and client_id or client_secret are both given",
            "Give either apiToken, or clientId and clientSecret.");
      } else if (!token.isEmpty()) {
        return Bearer.fixed(token);
      } else if (id.isEmpty() && secret.isEmpty()) {
        problems.add(
            "no credentials are given",
            "Set clientId and clientSecret (VALETKEY_CLIENT_ID and VALETKEY_CLIENT_SECRET), or apiToken"
                + " (VALETKEY_API_TOKEN).");
      } else if (secret.isEmpty()) {
        problems.add("client_id is given without client_secret", "Set clientSecret or VALETKEY_CLIENT_SECRET too.");
      } else if (id.isEmpty()) {
        problems.add("client_secret is given without client_id", "Set clientId or VALETKEY_CLIENT_ID too.");
      }
      return new Bearer.ClientCredentials(id, secret);
    }

    private HttpClient http(Problems problems) {
      if (httpClient != null) {
        if (httpClient.followRedirects() != HttpClient.Redirect.NEVER) {
          problems.add(
              "the HTTP client follows redirects, which may carry the credential elsewhere",
              "Make it with followRedirects(HttpClient.Redirect.NEVER).");
        }
        if (httpClient.cookieHandler().isPresent()) {
          problems.add(
              "the HTTP client keeps cookies, also those that providers send with proxied answers, of all users",
              "Make it without a cookie handler.");
        }
        if (httpClient.authenticator().isPresent()) {
          problems.add(
              "the HTTP client has an authenticator, which would send credentials of its own in place of the SDK's",
              "Make it without an authenticator.");
        }
        return httpClient;
      }
      HttpClient.Builder http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10));
      String file = or(caFile, "VALETKEY_CA_FILE");
      if (sslContext != null) {
        http.sslContext(sslContext);
      } else if (!file.isEmpty()) {
        try {
          http.sslContext(Trust.with(file));
        } catch (IOException | GeneralSecurityException e) {
          problems.add(
              "the CA file " + file + " cannot be read as certificates: " + e.getMessage(),
              "Set caFile or VALETKEY_CA_FILE to a readable file of certificates in PEM"
                  + " (-----BEGIN CERTIFICATE-----).");
        }
      }
      if ("none".equals(proxy)) {
        http.proxy(HttpClient.Builder.NO_PROXY);
      } else if (AccountRef.given(proxy)) {
        proxy(http, problems);
      }
      return http.build();
    }

    private void proxy(HttpClient.Builder http, Problems problems) {
      try {
        URI url = URI.create(proxy);
        if (url.getHost() != null) {
          int port = url.getPort() >= 0 ? url.getPort() : 80;
          http.proxy(ProxySelector.of(new InetSocketAddress(url.getHost(), port)));
          return;
        }
      } catch (IllegalArgumentException e) {
        problems.because("it is not a URL");
      }
      problems.add(
          "the proxy's URL cannot be read",
          "Set proxy to an address such as http://proxy.example.com:3128, or to none.");
    }
  }

  /** What is wrong with the settings, and what to do about it. */
  private static final class Problems {
    private final List<String> wrong = new ArrayList<>();
    private final List<String> todo = new ArrayList<>();
    private String reason;

    void because(String why) {
      reason = why;
    }

    void add(String what, String remedy) {
      wrong.add(reason == null ? what : what + " (" + reason + ")");
      todo.add(remedy);
      reason = null;
    }

    void raise() {
      if (wrong.isEmpty()) {
        return;
      }
      Fault fault =
          new Fault(
              ErrorCodes.MISCONFIGURED,
              "The client is not set up: " + String.join("; ", wrong) + ".",
              "A client needs a server and credentials, given to its builder or in the environment.");
      todo.forEach(text -> fault.remedy("check_credentials", text));
      throw new ConfigurationException(fault);
    }
  }
}
