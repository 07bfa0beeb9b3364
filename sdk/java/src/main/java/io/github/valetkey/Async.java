package io.github.valetkey;

import java.util.concurrent.Executor;

/** The calls of a client as futures. See {@link ValetkeyClient#async()}. */
public final class Async {
  private final AsyncActions actions;
  private final AsyncConnections connections;

  Async(Actions actions, Connections connections, Executor executor) {
    Background background = new Background(executor);
    this.actions = new AsyncActions(actions, background);
    this.connections = new AsyncConnections(connections, background);
  }

  /** {@return the calls of {@link Actions} as futures} */
  public AsyncActions actions() {
    return actions;
  }

  /** {@return the calls of {@link Connections} as futures} */
  public AsyncConnections connections() {
    return connections;
  }
}
