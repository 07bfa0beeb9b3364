package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ExampleTest {
  @Test
  void exampleGoesThroughItsWholeStory() throws Exception {
    String source = System.getenv("VALETKEY_EXAMPLE");
    assertNotNull(source, "VALETKEY_EXAMPLE names the example's source; the script that runs this sets it");
    try (Server server = new Server()) {
      Map<String, String> environment = new HashMap<>(server.environment);
      Process example = GuideTest.java(environment, List.of(source));
      StringBuilder said = new StringBuilder();
      try (BufferedReader lines = example.inputReader()) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          said.append(line).append('\n');
          if (line.strip().startsWith(server.environment.get("VALETKEY_URL") + "/connect/")) {
            server.authorize(line.strip(), "ada");
          }
        }
      }
      String errors = new String(example.getErrorStream().readAllBytes());
      assertEquals(0, example.waitFor(), () -> said + errors);
      List.of("connected as ada@example.com", "account_revoked", "broken: ", "Whose move: end_user.", "the tool works again")
          .forEach(piece -> assertTrue(said.indexOf(piece) >= 0, () -> said + "lacks " + piece));
    }
  }
}
