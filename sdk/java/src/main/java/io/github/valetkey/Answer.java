package io.github.valetkey;

/** What the server tells. The fields are filled by their names on the wire; what it does not tell stays empty. */
abstract class Answer {
  /** {@return all of it as JSON, for people} */
  @Override
  public String toString() {
    return getClass().getSimpleName() + Json.text(this);
  }
}
