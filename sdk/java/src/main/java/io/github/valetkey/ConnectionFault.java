package io.github.valetkey;

import java.time.Instant;

/** Why the provider refuses a connection's configuration. */
public final class ConnectionFault extends Answer {
  private String code;
  private String message;
  private Instant since;

  ConnectionFault() {}

  /** {@return its code of the catalogue: {@code invalid_client}} */
  public String getCode() {
    return code;
  }

  /** {@return what it means} */
  public String getMessage() {
    return message;
  }

  /** {@return when it began} */
  public Instant getSince() {
    return since;
  }
}
