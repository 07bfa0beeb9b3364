package consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** TLS of the scripted server: a certificate that the client trusts, and one of a stranger. */
final class Certificates {
  private static final char[] PASSWORD = "irrelevant".toCharArray();

  final SSLContext client;
  final SSLContext server;
  final SSLContext stranger;

  Certificates() {
    try {
      Path folder = Files.createTempDirectory("valetkey-certificates");
      KeyStore own = make(folder.resolve("own.p12"));
      KeyStore other = make(folder.resolve("other.p12"));
      server = serving(own);
      stranger = serving(other);
      KeyStore trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      trusted.setCertificateEntry("own", own.getCertificate("own"));
      TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(trusted);
      client = SSLContext.getInstance("TLS");
      client.init(null, trust.getTrustManagers(), null);
      Files.delete(folder.resolve("own.p12"));
      Files.delete(folder.resolve("other.p12"));
      Files.delete(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (GeneralSecurityException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static KeyStore make(Path file) throws IOException, GeneralSecurityException, InterruptedException {
    String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    Process process =
        new ProcessBuilder(
                List.of(
                    keytool, "-genkeypair", "-alias", "own", "-keyalg", "EC", "-groupname", "secp256r1", "-dname",
                    "CN=valetkey.test", "-ext", "SAN=dns:valetkey.test", "-validity", "2", "-storetype", "PKCS12",
                    "-keystore", file.toString(), "-storepass", new String(PASSWORD)))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes());
    assertEquals(0, process.waitFor(), said);
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      store.load(in, PASSWORD);
    }
    return store;
  }

  private static SSLContext serving(KeyStore store) throws GeneralSecurityException {
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    return context;
  }
}
