package io.github.valetkey;

/** The codes of what goes wrong on this side of the wire; all others are the server's. */
public final class ErrorCodes {
  /** The client lacks a URL or credentials. */
  public static final String MISCONFIGURED = "client_misconfigured";
  /** A call says too little, too much or something impossible; nothing was sent. */
  public static final String INVALID_ARGUMENT = "client_invalid_argument";
  /** The call's time-out passed. */
  public static final String TIMEOUT = "client_timeout";
  /** The thread of the call was interrupted, or its future cancelled. */
  public static final String CANCELLED = "client_cancelled";
  /** The server's name could not be resolved. */
  public static final String DNS_FAILED = "connection_dns_failed";
  /** Nothing listens at the server's address. */
  public static final String REFUSED = "connection_refused";
  /** No trusted TLS connection. */
  public static final String TLS_FAILED = "connection_tls_failed";
  /** The connection was not made or broke, for another reason. */
  public static final String CONNECTION_FAILED = "connection_failed";
  /** The answer could not be read. */
  public static final String RESPONSE_INVALID = "response_invalid";

  private ErrorCodes() {}
}
