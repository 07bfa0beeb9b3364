package io.github.valetkey;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Trust in a file of certificates beside the system's. */
final class Trust {
  private Trust() {}

  static SSLContext with(String file) throws IOException, GeneralSecurityException {
    List<Certificate> trusted = new ArrayList<>(read(file));
    for (TrustManager manager : managers(null)) {
      if (manager instanceof X509TrustManager x509) {
        trusted.addAll(List.of(x509.getAcceptedIssuers()));
      }
    }
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    for (int i = 0; i < trusted.size(); i++) {
      store.setCertificateEntry("trusted-" + i, trusted.get(i));
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers(store), null);
    return context;
  }

  private static Collection<? extends Certificate> read(String file) throws IOException, GeneralSecurityException {
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      return CertificateFactory.getInstance("X.509").generateCertificates(in);
    }
  }

  private static TrustManager[] managers(KeyStore store) throws GeneralSecurityException {
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }
}
