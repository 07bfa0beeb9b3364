package io.github.valetkey;

import java.time.Instant;
import java.util.Map;

/** One entry of the history of an account or a connection. */
public final class Event extends Answer {
  private String id;
  private Instant at;
  private String kind;
  private String actor;
  private String code;
  private String accountId;
  private String connectionId;
  private Map<String, Object> data = Map.of();

  Event() {}

  /** {@return its id: {@code ev_…}} */
  public String getId() {
    return id;
  }

  /** {@return when it happened} */
  public Instant getAt() {
    return at;
  }

  /** {@return what happened: {@code account.activated}} */
  public String getKind() {
    return kind;
  }

  /** {@return who did it: {@code client:…}, {@code token:…}, {@code end_user} or {@code system}} */
  public String getActor() {
    return actor;
  }

  /** {@return the cause, as a code of the catalogue, or {@code null}} */
  public String getCode() {
    return code;
  }

  /** {@return the account it is about, or {@code null}} */
  public String getAccountId() {
    return accountId;
  }

  /** {@return the connection it is about, or {@code null}} */
  public String getConnectionId() {
    return connectionId;
  }

  /** {@return evidence and detail; never a secret} */
  public Map<String, Object> getData() {
    return data;
  }
}
