package consumer;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** How what is expected is compared with what came. */
final class Matching {
  private Matching() {}

  /** Compares a string, or its absence ({@code null}), with an expected one or a matcher. */
  static boolean matches(JsonNode expected, String got, Map<String, String> bound) {
    if (!expected.isObject()) {
      return got != null && expected.asText().equals(got);
    }
    Map.Entry<String, JsonNode> matcher = expected.properties().iterator().next();
    String label = matcher.getValue().asText();
    switch (matcher.getKey()) {
      case "$match":
        return got != null && Pattern.compile(label).matcher(got).find();
      case "$any":
        return got != null;
      case "$absent":
        return got == null;
      case "$bind":
        bound.put(label, got);
        return got != null && !got.isEmpty();
      case "$same":
        return got != null && got.equals(bound.get(label));
      case "$differs":
        return got != null && !got.isEmpty() && !got.equals(bound.get(label));
      default:
        throw new IllegalStateException("the runner does not know the matcher " + matcher.getKey());
    }
  }

  /** Compares JSON, no field more and none less; where a string is expected a matcher may stand. */
  static boolean exactly(JsonNode expected, JsonNode got, Map<String, String> bound) {
    if (expected.isObject() && expected.size() == 1 && expected.fieldNames().next().startsWith("$")) {
      return matches(expected, got != null && got.isTextual() ? got.asText() : null, bound);
    }
    if (got == null || !expected.isContainerNode()) {
      return expected.equals(got);
    }
    if (expected.getNodeType() != got.getNodeType() || expected.size() != got.size()) {
      return false;
    }
    if (expected.isArray()) {
      for (int i = 0; i < expected.size(); i++) {
        if (!exactly(expected.get(i), got.get(i), bound)) {
          return false;
        }
      }
      return true;
    }
    for (Map.Entry<String, JsonNode> field : expected.properties()) {
      if (!got.has(field.getKey()) || !exactly(field.getValue(), got.get(field.getKey()), bound)) {
        return false;
      }
    }
    return true;
  }

  /** Compares values: objects match if every key named matches, times as instants. */
  static boolean same(JsonNode expected, JsonNode got) {
    boolean missing = got == null || got.isNull() || got.isMissingNode();
    if (expected.isObject()) {
      if (expected.has("$any")) {
        return !missing;
      }
      if (missing || !got.isObject()) {
        return false;
      }
      for (Map.Entry<String, JsonNode> field : expected.properties()) {
        if (!same(field.getValue(), got.get(field.getKey()))) {
          return false;
        }
      }
      return true;
    }
    if (expected.isArray()) {
      if (missing || !got.isArray() || got.size() != expected.size()) {
        return false;
      }
      for (int i = 0; i < got.size(); i++) {
        if (!same(expected.get(i), got.get(i))) {
          return false;
        }
      }
      return true;
    }
    if (expected.isNull() || missing) {
      return expected.isNull() && missing;
    }
    if (expected.isTextual()) {
      return got.isTextual()
          && (expected.asText().equals(got.asText()) || sameInstant(expected.asText(), got.asText()));
    }
    if (expected.isNumber()) {
      return got.isNumber() && expected.decimalValue().compareTo(got.decimalValue()) == 0;
    }
    return expected.equals(got);
  }

  private static boolean sameInstant(String a, String b) {
    try {
      Instant first = OffsetDateTime.parse(a).toInstant();
      return first.equals(OffsetDateTime.parse(b).toInstant());
    } catch (DateTimeException e) {
      return false;
    }
  }

  /** What of form-encoded fields is not as expected, none more and none less. */
  static List<String> fields(JsonNode expected, Map<String, List<String>> got, Map<String, String> bound) {
    List<String> wrong = new ArrayList<>();
    got.forEach(
        (name, values) -> {
          JsonNode want = expected.get(name);
          List<String> several = new ArrayList<>();
          if (want != null && want.isArray()) {
            want.forEach(value -> several.add(value.asText()));
            if (!several.equals(values)) {
              wrong.add(name + " is " + values + ", expected " + want);
            }
          } else if (want == null || values.size() != 1 || !matches(want, values.get(0), bound)) {
            wrong.add(name + " is " + values + ", expected " + want);
          }
        });
    for (Iterator<String> names = expected.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!got.containsKey(name) && !matches(expected.get(name), null, bound)) {
        wrong.add(name + " is missing");
      }
    }
    return wrong;
  }
}
