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
  /** Your own secret of a webhook is none. */
  public static final String WEBHOOK_SECRET_INVALID = "webhook_secret_invalid";
  /** A request to your webhook lacks a header of Standard Webhooks. */
  public static final String WEBHOOK_HEADER_MISSING = "webhook_header_missing";
  /** The time of a request to your webhook is not whole seconds. */
  public static final String WEBHOOK_HEADER_INVALID = "webhook_header_invalid";
  /** A request to your webhook was sent too long ago. */
  public static final String WEBHOOK_TOO_OLD = "webhook_timestamp_too_old";
  /** A request to your webhook says that it was sent in the future. */
  public static final String WEBHOOK_TOO_NEW = "webhook_timestamp_too_new";
  /** No signature of a request to your webhook fits. */
  public static final String WEBHOOK_SIGNATURE_INVALID = "webhook_signature_invalid";
  /** A request to your webhook is signed, but not a JSON object. */
  public static final String WEBHOOK_PAYLOAD_INVALID = "webhook_payload_invalid";

  private ErrorCodes() {}
}
