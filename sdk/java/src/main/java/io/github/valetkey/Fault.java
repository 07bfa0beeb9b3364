package io.github.valetkey;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What is known about an error before it has its class. */
final class Fault {
  /** What an error knows about sending its call again. */
  enum Repeat {
    /** It would fail again. */
    NEVER,
    /** The call may have had an effect. */
    CAREFULLY,
    /** Nothing was done. */
    FREELY
  }

  String code;
  String message;
  String cause;
  final List<Remedy> remedies = new ArrayList<>();
  String docs;
  String requestId;
  String accountId;
  String connectionId;
  String executionId;
  Duration retryAfter;
  Integer httpStatus;
  final List<FieldViolation> fields = new ArrayList<>();
  ProviderEvidence provider;
  ShortDiagnosis diagnosis;
  Repeat repeat = Repeat.NEVER;
  Throwable origin;

  Fault(String code, String message, String cause) {
    this.code = code;
    this.message = message;
    this.cause = cause;
  }

  Fault remedy(String action, String text) {
    remedies.add(Remedy.of(action, text, null));
    return this;
  }

  /** In one line: what happened, why, what to do, and under which id the server's log has it. No link is in it. */
  String text() {
    StringBuilder out = new StringBuilder();
    sentence(out, "", message);
    for (FieldViolation field : fields) {
      String at = field.getField() + ": " + field.getMessage();
      if (message == null || !message.contains(at)) {
        sentence(out, "", at);
      }
    }
    if (cause != null && !cause.equals(message)) {
      sentence(out, "Cause: ", cause);
    }
    if (diagnosis != null) {
      sentence(out, "Diagnosis: ", diagnosis.getSummary());
    }
    String prefix = "What to do: ";
    for (Remedy remedy : remedies) {
      sentence(out, prefix, remedy.getText());
      prefix = "Or then: ";
    }
    List<String> ids = new ArrayList<>();
    id(ids, "code ", code);
    id(ids, "request id ", requestId);
    id(ids, "execution ", executionId);
    id(ids, "account ", accountId);
    return out.append(" [").append(String.join(", ", ids)).append(']').toString();
  }

  private static void id(List<String> ids, String name, String value) {
    if (value != null && !value.isEmpty()) {
      ids.add(name + value);
    }
  }

  private static void sentence(StringBuilder out, String prefix, String body) {
    if (body == null || body.isBlank()) {
      return;
    }
    String text = body.strip();
    if (out.length() > 0) {
      out.append(' ');
    }
    out.append(prefix).append(text);
    if (".!?".indexOf(text.charAt(text.length() - 1)) < 0) {
      out.append('.');
    }
  }
}
