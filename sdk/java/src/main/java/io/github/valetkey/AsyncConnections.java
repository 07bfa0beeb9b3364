package io.github.valetkey;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The calls of {@link Connections} as futures. A future fails with what the call throws, a {@link ValetkeyException}; cancelling
 * it ends the call.
 */
public final class AsyncConnections {
  private final Connections connections;
  private final Background background;

  AsyncConnections(Connections connections, Background background) {
    this.connections = connections;
    this.background = background;
  }

  /**
   * Makes a connection.
   *
   * @param connection the connection
   * @return the connection
   */
  public CompletableFuture<Connection> create(NewConnection connection) {
    return background.call(() -> connections.create(connection));
  }

  /**
   * Gives a connection.
   *
   * @param connection its name or id
   * @return the connection
   */
  public CompletableFuture<Connection> get(String connection) {
    return background.call(() -> connections.get(connection));
  }

  /**
   * Lists connections, newest first.
   *
   * @param filter which connections
   * @return the connections, all of them
   */
  public CompletableFuture<List<Connection>> list(ConnectionFilter filter) {
    return background.call(() -> connections.list(filter).toList());
  }

  /**
   * Changes a connection.
   *
   * @param connection its name or id
   * @param changes what to change
   * @return the connection as it is now
   */
  public CompletableFuture<Connection> update(String connection, ConnectionChanges changes) {
    return background.call(() -> connections.update(connection, changes));
  }

  /**
   * Deletes a connection that has no accounts any more.
   *
   * @param connection its name or id
   * @return nothing, when it is done
   */
  public CompletableFuture<Void> delete(String connection) {
    return background.run(() -> connections.delete(connection));
  }

  /**
   * Asks the provider about a connection's configuration, as far as that can be asked.
   *
   * @param connection its name or id
   * @return what was found
   */
  public CompletableFuture<ConnectionTest> test(String connection) {
    return background.call(() -> connections.test(connection));
  }

  /**
   * Lists a connection's history, newest first.
   *
   * @param connection its name or id
   * @return the events, all of them
   */
  public CompletableFuture<List<Event>> listEvents(String connection) {
    return background.call(() -> connections.listEvents(connection).toList());
  }

  /**
   * Lists a connection's history, newest first.
   *
   * @param connection its name or id
   * @param filter which events
   * @return the events, all of them
   */
  public CompletableFuture<List<Event>> listEvents(String connection, EventFilter filter) {
    return background.call(() -> connections.listEvents(connection, filter).toList());
  }

  /**
   * Lists what can be connected, by name.
   *
   * @return the connectors
   */
  public CompletableFuture<List<Connector>> listConnectors() {
    return background.call(() -> connections.listConnectors());
  }

  /**
   * Gives a connector.
   *
   * @param name its name
   * @return the connector
   */
  public CompletableFuture<Connector> getConnector(String name) {
    return background.call(() -> connections.getConnector(name));
  }
}
