package io.github.valetkey;

/** The client is incomplete; nothing was sent. */
public final class ConfigurationException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ConfigurationException(Fault fault) {
    super(fault);
  }
}
