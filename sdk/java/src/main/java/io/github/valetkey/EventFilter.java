package io.github.valetkey;

import java.time.Instant;

/** Which entries of a history to list; everything set must fit. */
public final class EventFilter extends Request {
  /**
   * Makes a filter that lets everything pass.
   */
  public EventFilter() {
  }

  /**
   * Sets what happened: {@code account.expired}; several with commas between.
   *
   * @param kind what happened: {@code account.expired}; several with commas between
   * @return this
   */
  public EventFilter kind(String kind) {
    give("kind", kind);
    return this;
  }

  /**
   * Sets the cause, as a code of the catalogue.
   *
   * @param code the cause, as a code of the catalogue
   * @return this
   */
  public EventFilter code(String code) {
    give("code", code);
    return this;
  }

  /**
   * Sets at or after which instant.
   *
   * @param since at or after which instant
   * @return this
   */
  public EventFilter since(Instant since) {
    give("since", since);
    return this;
  }

  /**
   * Sets before which instant.
   *
   * @param until before which instant
   * @return this
   */
  public EventFilter until(Instant until) {
    give("until", until);
    return this;
  }

  /**
   * Sets how many are fetched at once, 1 to 100; 20 unless set.
   *
   * @param pageSize how many are fetched at once, 1 to 100; 20 unless set
   * @return this
   */
  public EventFilter pageSize(Integer pageSize) {
    give("page_size", pageSize);
    return this;
  }
}
