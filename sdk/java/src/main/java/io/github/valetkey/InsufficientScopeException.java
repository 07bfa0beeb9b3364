package io.github.valetkey;

/** The account lacks a scope that the tool needs; its user must authorize again. */
public final class InsufficientScopeException extends ForbiddenException {
  private static final long serialVersionUID = 1L;

  InsufficientScopeException(Fault fault) {
    super(fault);
  }
}
