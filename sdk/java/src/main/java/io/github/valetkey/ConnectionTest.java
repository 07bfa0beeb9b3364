package io.github.valetkey;

import java.util.List;

/** What a test of a connection found. */
public final class ConnectionTest extends Answer {
  private boolean ok;
  private List<ConnectionCheck> checked = List.of();
  private List<UncheckedItem> notChecked = List.of();

  ConnectionTest() {}

  /** {@return whether everything that could be checked is in order} */
  public boolean isOk() {
    return ok;
  }

  /** {@return what was checked} */
  public List<ConnectionCheck> getChecked() {
    return checked;
  }

  /** {@return what could not be checked from the server} */
  public List<UncheckedItem> getNotChecked() {
    return notChecked;
  }
}
