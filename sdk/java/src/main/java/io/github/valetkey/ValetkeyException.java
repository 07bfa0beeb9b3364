package io.github.valetkey;

import java.time.Duration;
import java.util.List;

/**
 * The root of everything that the client throws. Programs branch on the class, or on {@link #getCode()}; {@link
 * #getMessage()} is for people and logs: what happened, why, what to do, and under which id the server's log has it. It
 * holds no authorization link, since messages end up in logs.
 */
public class ValetkeyException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Fault fault;

  ValetkeyException(Fault fault) {
    super(fault.text(), fault.origin);
    this.fault = fault;
  }

  final Fault fault() {
    // A deserialized exception has its text only.
    return fault != null ? fault : new Fault(null, getMessage(), null);
  }

  /** {@return the code from the server's catalogue ({@code account_revoked}), or one of {@link ErrorCodes}} */
  public String getCode() {
    return fault().code;
  }

  /** {@return what happened, in one sentence} */
  public String getSummary() {
    return fault().message;
  }

  /** {@return why it happened, or {@code null}} */
  public String getReason() {
    return fault().cause;
  }

  /** {@return what to do, in order} */
  public List<Remedy> getRemedies() {
    return List.copyOf(fault().remedies);
  }

  /** {@return the address of the page that explains the code, or {@code null}} */
  public String getDocs() {
    return fault().docs;
  }

  /** {@return the request's id, as in the server's log: {@code req_…}, or {@code null}} */
  public String getRequestId() {
    return fault().requestId;
  }

  /** {@return the connected account concerned: {@code ca_…}, or {@code null}} */
  public String getAccountId() {
    return fault().accountId;
  }

  /** {@return the connection concerned: {@code conn_…}, or {@code null}} */
  public String getConnectionId() {
    return fault().connectionId;
  }

  /** {@return the record of the call that failed: {@code ex_…}, or {@code null}} */
  public String getExecutionId() {
    return fault().executionId;
  }

  /** {@return how long to wait before a repetition may help; {@code null} if nobody said} */
  public Duration getRetryAfter() {
    return fault().retryAfter;
  }

  /** {@return the HTTP status of the answer; {@code null} if there was none} */
  public Integer getHttpStatus() {
    return fault().httpStatus;
  }

  /** {@return the fields of the request at fault} */
  public List<FieldViolation> getFields() {
    return List.copyOf(fault().fields);
  }

  /** {@return what the provider said, or {@code null} if it was not asked} */
  public ProviderEvidence getProvider() {
    return fault().provider;
  }

  /** {@return what a diagnosis of the failed call says in short, or {@code null}} */
  public ShortDiagnosis getDiagnosis() {
    return fault().diagnosis;
  }

  /**
   * Gives the link to send to the account's user. Who holds it can connect an account: treat it as a secret.
   *
   * @return the link, or {@code null} if the server made none
   */
  public String getAuthorizationLink() {
    for (Remedy remedy : fault().remedies) {
      boolean authorizes = "authorize".equals(remedy.getAction()) || "reauthorize".equals(remedy.getAction());
      if (authorizes && AccountRef.given(remedy.getUrl())) {
        return remedy.getUrl();
      }
    }
    return null;
  }
}
