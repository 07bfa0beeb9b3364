package io.github.valetkey;

/** One field of a request at fault. */
public final class FieldViolation extends Answer {
  private String field;
  private String message;

  FieldViolation() {}

  /** {@return its path: {@code tool_input.to}} */
  public String getField() {
    return field;
  }

  /** {@return what is wrong with it} */
  public String getMessage() {
    return message;
  }

  static FieldViolation of(String field, String message) {
    FieldViolation violation = new FieldViolation();
    violation.field = field;
    violation.message = message;
    return violation;
  }
}
