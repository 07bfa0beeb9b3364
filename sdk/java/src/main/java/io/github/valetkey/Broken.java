package io.github.valetkey;

import java.io.EOFException;
import java.math.BigDecimal;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.security.cert.CertificateException;
import java.time.Duration;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLPeerUnverifiedException;

/** Errors of attempts that brought no answer. */
final class Broken {
  private Broken() {}

  static ValetkeyException of(Throwable thrown, String base, boolean repeatable) {
    Fault fault;
    if (has(thrown, UnresolvedAddressException.class) || has(thrown, UnknownHostException.class)) {
      fault =
          new Fault(
                  ErrorCodes.DNS_FAILED,
                  "The name of the server could not be resolved: " + base + ".",
                  "DNS has no address for this name.")
              .remedy(
                  "check_network",
                  "Check the host name in env_url (VALETKEY_URL) and the name servers of this machine.");
      fault.repeat = Fault.Repeat.FREELY;
    } else if (isTls(thrown)) {
      fault =
          new Fault(
                  ErrorCodes.TLS_FAILED,
                  "No trusted TLS connection to " + base + ".",
                  "TLS: " + deepest(thrown) + ".")
              .remedy(
                  "check_network",
                  "For a private certificate set caFile or VALETKEY_CA_FILE to its authority's certificate; a development"
                      + " server writes it to ca.pem in its data folder.")
              .remedy(
                  "check_network",
                  "Else check that the host name is the certificate's, that the certificate has not expired, and this"
                      + " machine's clock.");
      fault.repeat = Fault.Repeat.NEVER;
    } else if (isRefusal(thrown)) {
      fault =
          new Fault(
                  ErrorCodes.REFUSED,
                  "Nothing answers at " + base + ": the connection was refused.",
                  "The server is not running, listens on another port, or a firewall refuses.")
              .remedy("check_network", "Check that the server runs, and host and port in env_url (VALETKEY_URL).");
      fault.repeat = Fault.Repeat.FREELY;
    } else {
      boolean connecting = has(thrown, ConnectException.class) || has(thrown, HttpConnectTimeoutException.class);
      if (!connecting && has(thrown, HttpTimeoutException.class)) {
        return timedOut("The answer did not come within the time-out of the HTTP client.", false);
      }
      fault =
          new Fault(
                  ErrorCodes.CONNECTION_FAILED,
                  "The connection to " + base + " broke or could not be made.",
                  "Network: " + deepest(thrown) + ".")
              .remedy("check_network", "Check the network and the proxy settings between here and the server.");
      if (!connecting && !repeatable) {
        fault.remedy("retry", "Check whether the call had its effect before you repeat it.");
      }
      fault.repeat = connecting ? Fault.Repeat.FREELY : Fault.Repeat.CAREFULLY;
    }
    fault.origin = thrown;
    return new ConnectionException(fault);
  }

  static ValetkeyException outOfTime(Duration timeout, boolean reads) {
    return timedOut("The call took longer than its time-out of " + seconds(timeout) + ".", reads);
  }

  private static ValetkeyException timedOut(String message, boolean reads) {
    Fault fault =
        new Fault(ErrorCodes.TIMEOUT, message, "The server, the network or the provider behind the server is slow.")
            .remedy("retry", "Raise the time-out of the client; for slow tools use startTool.");
    if (!reads) {
      fault.remedy(
          "retry",
          "Before you repeat the call, check whether it had its effect: listExecutions shows tool calls.");
    }
    return new TimeoutException(fault);
  }

  static ValetkeyException stillRunning(String executionId, Duration timeout) {
    Fault fault =
        new Fault(
                ErrorCodes.TIMEOUT,
                "The execution " + executionId + " was still running after " + seconds(timeout) + ".",
                "The tool takes longer than the time-out of the wait.")
            .remedy("wait", "Wait again for the same execution; it goes on.");
    fault.executionId = executionId;
    return new TimeoutException(fault);
  }

  /** The thread was interrupted; it stays marked so. */
  static ValetkeyException cancelled(InterruptedException thrown) {
    Thread.currentThread().interrupt();
    Fault fault =
        new Fault(
            ErrorCodes.CANCELLED,
            "The call was cancelled.",
            "Its thread was interrupted or its future cancelled.")
            .remedy("retry", "Check whether the call had its effect before you repeat it.");
    fault.origin = thrown;
    return new ValetkeyException(fault);
  }

  static String seconds(Duration duration) {
    return BigDecimal.valueOf(duration.toMillis(), 3).stripTrailingZeros().toPlainString() + " s";
  }

  private static boolean isRefusal(Throwable thrown) {
    if (!has(thrown, ConnectException.class) || has(thrown, HttpConnectTimeoutException.class)) {
      return false;
    }
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      String message = String.valueOf(t.getMessage());
      if (t instanceof NoRouteToHostException || message.contains("unreachable") || message.contains("timed out")) {
        return false;
      }
    }
    return true;
  }

  private static boolean isTls(Throwable thrown) {
    if (has(thrown, SSLHandshakeException.class)
        || has(thrown, SSLPeerUnverifiedException.class)
        || has(thrown, CertificateException.class)) {
      return true;
    }
    // A TLS connection that ends in the middle of an answer is broken, not untrusted.
    return has(thrown, SSLException.class)
        && !has(thrown, EOFException.class)
        && !has(thrown, SocketException.class)
        && !deepest(thrown).contains("close_notify");
  }

  private static boolean has(Throwable thrown, Class<? extends Throwable> type) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (type.isInstance(t)) {
        return true;
      }
    }
    return false;
  }

  private static String deepest(Throwable thrown) {
    Throwable t = thrown;
    while (t.getCause() != null) {
      t = t.getCause();
    }
    return t.getMessage() != null ? t.getMessage() : t.getClass().getSimpleName();
  }
}
