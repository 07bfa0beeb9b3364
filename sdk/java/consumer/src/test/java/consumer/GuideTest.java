package consumer;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.valetkey.AuthorizationLink;
import io.github.valetkey.ConnectedAccount;
import io.github.valetkey.NewConnection;
import io.github.valetkey.ValetkeyClient;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * The code between the rulers is the troubleshooting guide's, with the name of the product changed and nothing else. It
 * reads the environment, so that it runs in a process of its own.
 */
final class GuideTest {
  static ValetkeyClient client() {
    // ----------------------------------------------------------------------------------------------------------
    // Enable debug logging
    ValetkeyClient valetkeyClient = new ValetkeyClient.Builder()
        .clientId(System.getenv("VALETKEY_CLIENT_ID"))
        .clientSecret(System.getenv("VALETKEY_CLIENT_SECRET"))
        .envUrl(System.getenv("VALETKEY_ENV_URL"))
        .debug(true)  // Enable debug mode
        .build();
    // ----------------------------------------------------------------------------------------------------------
    return valetkeyClient;
  }

  /** Prints what the guide's snippets print. */
  public static void main(String[] args) {
    ValetkeyClient valetkeyClient = client();
    // ----------------------------------------------------------------------------------------------------------
    // Get connected account status
    ConnectedAccount account = valetkeyClient.actions().getConnectedAccount(
        "user_123",
        "gmail"
    );

    System.out.println("Status: " + account.getStatus());
    System.out.println("Provider: " + account.getConnectionName());
    System.out.println("Created: " + account.getCreatedAt());
    System.out.println("Updated: " + account.getUpdatedAt());
    // ----------------------------------------------------------------------------------------------------------
    // Generate authorization link for pending account
    if ("PENDING".equals(account.getStatus())) {
        AuthorizationLink linkResponse = valetkeyClient.actions().getAuthorizationLink(
            "gmail",
            "user_123"
        );

        System.out.println("Send this link to user: " + linkResponse.getLink());
    }
    // ----------------------------------------------------------------------------------------------------------
  }

  /** Runs a program with this test's class path. */
  static Process java(Map<String, String> environment, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-cp");
    command.add(System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(name -> name.startsWith("VALETKEY_"));
    builder.environment().putAll(environment);
    return builder.start();
  }

  /** The guide's connection is called gmail; here the simulator stands behind it. */
  @Test
  void guideSnippetsRun() throws Exception {
    try (Server server = new Server()) {
      ValetkeyClient client = server.client().build();
      client
          .connections()
          .create(
              new NewConnection("sandbox")
                  .name("gmail")
                  .clientId("valetkey-dev")
                  .clientSecret("unused")
                  .overrides(client.connections().get("sandbox").getOverrides()));
      client.actions().getOrCreateConnectedAccount("user_123", "gmail");
      Process guide =
          java(
              Map.of(
                  "VALETKEY_CLIENT_ID", server.environment.get("VALETKEY_CLIENT_ID"),
                  "VALETKEY_CLIENT_SECRET", server.environment.get("VALETKEY_CLIENT_SECRET"),
                  "VALETKEY_CA_FILE", server.environment.get("VALETKEY_CA_FILE"),
                  "VALETKEY_ENV_URL", server.environment.get("VALETKEY_URL")),
              List.of(GuideTest.class.getName()));
      ByteArrayOutputStream logged = new ByteArrayOutputStream();
      Thread errors = new Thread(() -> copy(guide, new PrintStream(logged, true, StandardCharsets.UTF_8)));
      errors.start();
      String printed = new String(guide.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(guide.waitFor(60, TimeUnit.SECONDS));
      errors.join();
      String log = logged.toString(StandardCharsets.UTF_8);
      List<String> pieces =
          List.of(
              "Status: PENDING\n", "Provider: gmail\n", "Created: 20", "Updated: 20",
              "Send this link to user: " + server.environment.get("VALETKEY_URL") + "/connect/");
      pieces.forEach(piece -> assertTrue(printed.contains(piece), () -> printed + log + "\nlacks " + piece));
      assertTrue(log.contains("request method=GET path=/v1/connect/accounts"), log);
      String secretOfLink = printed.strip().substring(printed.strip().lastIndexOf('/'));
      List.of(server.environment.get("VALETKEY_CLIENT_SECRET"), secretOfLink, "Bearer")
          .forEach(secret -> assertFalse(log.contains(secret), log));
    }
  }

  private static void copy(Process process, PrintStream out) {
    try {
      process.getErrorStream().transferTo(out);
    } catch (java.io.IOException e) {
      out.print(e);
    }
  }
}
