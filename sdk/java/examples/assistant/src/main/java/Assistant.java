import io.github.valetkey.AccountNotActiveException;
import io.github.valetkey.AccountStatus;
import io.github.valetkey.ConnectedAccount;
import io.github.valetkey.Diagnosis;
import io.github.valetkey.DiagnosisRequest;
import io.github.valetkey.Finding;
import io.github.valetkey.ToolCall;
import io.github.valetkey.ValetkeyClient;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * The life of a connected account against a development server: connect it in the browser, call a tool, have the provider
 * take the access away, see what the error says, ask for a diagnosis, recover.
 *
 * <pre>
 * ./x dev                                   # in one terminal
 * set -a; . .valetkey/env; set +a           # in another, in the same folder
 * cd sdk/java &amp;&amp; mvn -q install -DskipTests &amp;&amp; cd examples/assistant &amp;&amp; mvn -q compile exec:java
 * </pre>
 */
public final class Assistant {
  private static final String USER = "user_123";
  private static final String CONNECTION = "sandbox";

  private final ValetkeyClient client;

  private Assistant(ValetkeyClient client) {
    this.client = client;
  }

  public static void main(String[] args) throws Exception {
    // Everything comes from the environment that `./x dev` writes.
    new Assistant(new ValetkeyClient.Builder().build()).run();
  }

  private void run() throws Exception {
    System.out.println("1. Connect");
    ConnectedAccount account = client.actions().getOrCreateConnectedAccount(USER, CONNECTION);
    if (!account.getStatus().equals(AccountStatus.ACTIVE)) {
      authorize(client.actions().getAuthorizationLink(CONNECTION, USER).getLink());
    }

    System.out.println("2. Call a tool");
    ToolCall profile = new ToolCall("sandbox_get_profile").identifier(USER).connectionName(CONNECTION);
    System.out.println("   the provider says: " + client.actions().executeTool(profile).getData());

    System.out.println("3. The provider takes the access away");
    breakIt();
    try {
      client.actions().executeTool(profile);
      throw new IllegalStateException("the call should have failed because of the account");
    } catch (AccountNotActiveException e) {
      System.out.println("   " + e.getMessage());

      System.out.println("4. Diagnose");
      diagnose(e.getAccountId());

      System.out.println("5. Recover with the link that came with the error");
      authorize(e.getAuthorizationLink());
    }
    client.actions().executeTool(profile);
    System.out.println("   the tool works again");
  }

  private void diagnose(String accountId) {
    Diagnosis diagnosis = client.actions().diagnose(new DiagnosisRequest().connectedAccountId(accountId));
    System.out.println("   " + diagnosis.getVerdict() + ": " + diagnosis.getSummary());
    for (Finding finding : diagnosis.getFindings()) {
      System.out.printf(
          "   - %s (%s): %s Whose move: %s.%n",
          finding.getCode(), finding.getConfidence(), finding.getMessage(), finding.getActor());
    }
  }

  /** Asks the user to open a link, and waits until the account is active. */
  private void authorize(String link) throws InterruptedException {
    System.out.println("   Open this in a browser, press Continue, then Allow:\n   " + link);
    Instant end = Instant.now().plus(Duration.ofMinutes(10));
    while (Instant.now().isBefore(end)) {
      ConnectedAccount account = client.actions().getConnectedAccount(USER, CONNECTION);
      if (account.getStatus().equals(AccountStatus.ACTIVE)) {
        System.out.println("   connected as " + account.getLabel());
        return;
      }
      Thread.sleep(1000);
    }
    throw new IllegalStateException("nobody opened the link");
  }

  /** Has the simulator revoke every grant, as a user does in the settings of a provider. */
  private void breakIt() throws Exception {
    String authorizeUrl = client.connections().get(CONNECTION).getOverrides().getAuthorizeUrl();
    if (authorizeUrl == null || !authorizeUrl.contains("/oauth/")) {
      throw new IllegalStateException("behind this connection is no simulator: start the server with ./x dev");
    }
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (InputStream in = Files.newInputStream(Path.of(System.getenv("VALETKEY_CA_FILE")))) {
      trusted.setCertificateEntry("dev", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(trusted);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(null, managers.getTrustManagers(), null);
    HttpResponse<String> answer =
        HttpClient.newBuilder()
            .sslContext(tls)
            .build()
            .send(
                HttpRequest.newBuilder(
                        URI.create(authorizeUrl.substring(0, authorizeUrl.indexOf("/oauth/")) + "/_sim/revoke-grants"))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{}"))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException("the simulator answered " + answer.statusCode());
    }
  }
}
