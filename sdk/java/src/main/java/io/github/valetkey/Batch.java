package io.github.valetkey;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** Many calls in one request, and what each of them brought. */
final class Batch {
  private Batch() {}

  /** Sends calls; {@code mode} may be {@code null}. {@code item} takes a success or an error, and {@code null} for the other. */
  static <T, R> List<R> send(
      Core core, List<ToolCall> calls, String mode, Class<T> type, BiFunction<T, ValetkeyException, R> item) {
    JsonNode results = core.send(ToolRequests.batch(calls, mode), JsonNode.class).path("results");
    if (!results.isArray() || results.size() != calls.size()) {
      throw Failures.unreadable(200, null, "The answer does not have a result for each call.");
    }
    List<R> all = new ArrayList<>();
    results.forEach(one -> all.add(read(one, type, item)));
    return all;
  }

  private static <T, R> R read(JsonNode one, Class<T> type, BiFunction<T, ValetkeyException, R> item) {
    ValetkeyException failure = Failures.ofItem(one);
    if (failure != null) {
      return item.apply(null, failure);
    }
    try {
      T value = Json.MAPPER.treeToValue(one, type);
      if (value != null) {
        return item.apply(value, null);
      }
    } catch (JsonProcessingException e) {
      // Said below.
    }
    return item.apply(
        null, Failures.unreadable(200, null, "The result of a call is not the JSON that was expected."));
  }
}
