package io.github.valetkey;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a caller wants, under the names of the wire. It may hold secrets and therefore prints nothing. */
abstract class Request {
  private final Map<String, Object> fields = new LinkedHashMap<>();

  /** Sets a field; {@code null} takes it back. */
  final void give(String name, Object value) {
    if (value == null) {
      fields.remove(name);
    } else {
      fields.put(name, value);
    }
  }

  /** Sets a field; {@code null} is told to the server. */
  final void put(String name, Object value) {
    fields.put(name, value);
  }

  final Map<String, Object> fields() {
    return new LinkedHashMap<>(fields);
  }

  final String text(String name) {
    return (String) fields.get(name);
  }

  final AccountRef account() {
    return new AccountRef(
        text("connected_account_id"), text("identifier"), text("connection_name"), text("account_name"));
  }

  /** {@return the name of the class, and no field} */
  @Override
  public final String toString() {
    return getClass().getSimpleName();
  }
}
