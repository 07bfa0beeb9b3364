package io.github.valetkey;

import java.util.concurrent.Executor;

/** The calls of a client as futures. See {@link ValetkeyClient#async()}. */
public final class Async {
  private final AsyncActions actions;
  private final AsyncConnections connections;
  private final AsyncWebhooks webhooks;

  Async(Actions actions, Connections connections, Webhooks webhooks, Executor executor) {
    Background background = new Background(executor);
    this.actions = new AsyncActions(actions, background);
    this.connections = new AsyncConnections(connections, background);
    this.webhooks = new AsyncWebhooks(webhooks, background);
  }

  /** {@return the calls of {@link Actions} as futures} */
  public AsyncActions actions() {
    return actions;
  }

  /** {@return the calls of {@link Connections} as futures} */
  public AsyncConnections connections() {
    return connections;
  }

  /** {@return the calls of {@link Webhooks} as futures} */
  public AsyncWebhooks webhooks() {
    return webhooks;
  }
}
