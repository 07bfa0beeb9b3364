package io.github.valetkey;

/** The server failed, or something between it and here did. */
public final class ServerException extends ValetkeyException {
  private static final long serialVersionUID = 1L;

  ServerException(Fault fault) {
    super(fault);
  }
}
