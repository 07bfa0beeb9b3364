package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.valetkey.ValetkeyClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** These tests are of the jar as it is published. */
final class PackagedTest {
  @Test
  void testsUseTheInstalledJar() throws Exception {
    Path used = Path.of(ValetkeyClient.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    String built = System.getenv("VALETKEY_JAR");
    assertNotNull(built, "VALETKEY_JAR names the jar that was built; the script that runs this sets it");
    assertTrue(!used.equals(Path.of(built)) && Files.mismatch(used, Path.of(built)) == -1, used + " is not " + built);
    try (JarFile jar = new JarFile(used.toFile())) {
      assertEquals(ValetkeyClient.VERSION, jar.getManifest().getMainAttributes().getValue("Implementation-Version"));
      assertEquals("io.github.valetkey", jar.getManifest().getMainAttributes().getValue("Automatic-Module-Name"));
      assertNotNull(jar.getEntry("META-INF/LICENSE"));
    }
  }

  @Test
  void sourcesAndDocumentationAreBesideTheJar() throws Exception {
    String jar = System.getenv("VALETKEY_JAR");
    try (JarFile sources = new JarFile(jar.replace(".jar", "-sources.jar"));
        JarFile documentation = new JarFile(jar.replace(".jar", "-javadoc.jar"))) {
      assertNotNull(sources.getEntry("io/github/valetkey/ValetkeyClient.java"));
      assertTrue(documentation.stream().anyMatch(page -> page.getName().endsWith("/ValetkeyClient.html")));
    }
  }
}
