package io.github.valetkey;

import java.util.List;
import java.util.Map;

/** Configured connectors. See {@link ValetkeyClient#connections()}. */
public final class Connections {
  private static final String CONNECTIONS = "/v1/connect/connections";
  private static final String CONNECTORS = "/v1/connect/connectors";

  private final Core core;

  Connections(Core core) {
    this.core = core;
  }

  /**
   * Makes a connection.
   *
   * @param connection the connection
   * @return the connection
   * @throws ConflictException ({@code connection_already_exists}) if there is one of this name
   */
  public Connection create(NewConnection connection) {
    return core.send(Core.Call.of("POST", CONNECTIONS).json(connection.fields()), Connection.class);
  }

  /**
   * Gives a connection.
   *
   * @param connection its name or id
   * @return the connection
   * @throws NotFoundException ({@code connection_not_found}) if there is none
   */
  public Connection get(String connection) {
    return core.send(Core.Call.of("GET", path(connection, "")), Connection.class);
  }

  /**
   * Lists connections, newest first.
   *
   * @param filter which connections
   * @return the connections, fetched as one goes on
   */
  public Listing<Connection> list(ConnectionFilter filter) {
    return Pages.list(core, () -> CONNECTIONS, filter.fields(), Connection.class);
  }

  /**
   * Changes a connection.
   *
   * @param connection its name or id
   * @param changes what to change
   * @return the connection as it is now
   * @throws NotFoundException ({@code connection_not_found}) if there is none
   */
  public Connection update(String connection, ConnectionChanges changes) {
    return core.send(Core.Call.of("PATCH", path(connection, "")).json(changes.fields()), Connection.class);
  }

  /**
   * Deletes a connection that has no accounts any more.
   *
   * @param connection its name or id
   * @throws ConflictException ({@code connection_in_use}) if it has accounts
   */
  public void delete(String connection) {
    core.repeat(Core.Call.of("DELETE", path(connection, "")), core.deadline());
  }

  /**
   * Asks the provider about a connection's configuration, as far as that can be asked.
   *
   * @param connection its name or id
   * @return what was found
   * @throws NotFoundException ({@code connection_not_found}) if there is none
   */
  public ConnectionTest test(String connection) {
    return core.send(Core.Call.of("POST", path(connection, "/test")), ConnectionTest.class);
  }

  /**
   * Lists a connection's history, newest first.
   *
   * @param connection its name or id
   * @return the events, fetched as one goes on
   */
  public Listing<Event> listEvents(String connection) {
    return Pages.list(core, () -> path(connection, "/events"), Map.of(), Event.class);
  }

  /**
   * Lists a connection's history, newest first.
   *
   * @param connection its name or id
   * @param filter which events
   * @return the events, fetched as one goes on
   */
  public Listing<Event> listEvents(String connection, EventFilter filter) {
    return Pages.list(core, () -> path(connection, "/events"), filter.fields(), Event.class);
  }

  /**
   * Lists what can be connected, by name.
   *
   * @return the connectors
   */
  public List<Connector> listConnectors() {
    return Pages.all(core, Core.Call.of("GET", CONNECTORS), Connector.class);
  }

  /**
   * Gives a connector.
   *
   * @param name its name
   * @return the connector
   * @throws NotFoundException ({@code connector_not_found}) if there is none
   */
  public Connector getConnector(String name) {
    return core.send(Core.Call.of("GET", CONNECTORS + "/" + Encoding.segment("name", name)), Connector.class);
  }

  private static String path(String connection, String below) {
    return CONNECTIONS + "/" + Encoding.segment("connection", connection) + below;
  }
}
