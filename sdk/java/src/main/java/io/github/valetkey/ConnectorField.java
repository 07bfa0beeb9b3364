package io.github.valetkey;

/** A field to fill in. */
public final class ConnectorField extends Answer {
  private String name;
  private String label;
  private String help;
  private boolean secret;
  private boolean required;

  ConnectorField() {}

  /** {@return its name in requests} */
  public String getName() {
    return name;
  }

  /** {@return its name for people} */
  public String getLabel() {
    return label;
  }

  /** {@return where to find the value, or {@code null}} */
  public String getHelp() {
    return help;
  }

  /** {@return whether it is a secret} */
  public boolean isSecret() {
    return secret;
  }

  /** {@return whether it must be given} */
  public boolean isRequired() {
    return required;
  }
}
