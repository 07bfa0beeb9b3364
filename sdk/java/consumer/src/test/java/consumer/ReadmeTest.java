package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReadmeTest {
  private static final Pattern PROGRAM = Pattern.compile("```java\n(import .*?)```", Pattern.DOTALL);

  /** The README's five minutes work as they are printed there. */
  @Test
  void fiveMinutesWorkAsPrinted(@TempDir Path folder) throws Exception {
    String readme = System.getenv("VALETKEY_README");
    assertNotNull(readme, "VALETKEY_README names the README; the script that runs this sets it");
    Matcher program = PROGRAM.matcher(Files.readString(Path.of(readme)));
    assertTrue(program.find(), "the README has no program");
    Path source = Files.writeString(folder.resolve("FirstCall.java"), program.group(1));
    try (Server server = new Server()) {
      Process first = GuideTest.java(new HashMap<>(server.environment), List.of(source.toString()));
      StringBuilder said = new StringBuilder();
      try (BufferedReader lines = first.inputReader()) {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          said.append(line).append('\n');
          int at = line.indexOf("press Enter: ");
          if (at >= 0) {
            server.authorize(line.substring(at + "press Enter: ".length()), "ada");
            first.outputWriter().append('\n').flush();
          }
        }
      }
      String errors = new String(first.getErrorStream().readAllBytes());
      assertEquals(0, first.waitFor(), () -> said + errors);
      assertTrue(said.indexOf("ada@example.com") >= 0, said::toString);
    }
  }
}
