package io.github.valetkey;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.NullNode;
import java.time.Duration;

/** What a tool call brought. */
public final class ToolResult extends Answer {
  private String executionId;
  private String connectedAccountId;
  private String toolName;
  private JsonNode data = NullNode.getInstance();
  private boolean cached;
  private Long age;

  ToolResult() {}

  /** {@return the record of the call: {@code ex_…}} */
  public String getExecutionId() {
    return executionId;
  }

  /** {@return the account that was used: {@code ca_…}} */
  public String getConnectedAccountId() {
    return connectedAccountId;
  }

  /** {@return whether the answer was given before and the provider was not asked: {@link ToolCall#maxAge(Duration)}} */
  public boolean isCached() {
    return cached;
  }

  /** {@return how old such an answer is, to the second, or {@code null}} */
  public Duration getAge() {
    return age == null ? null : Duration.ofSeconds(age);
  }

  /** {@return the tool's own name} */
  public String getToolName() {
    return toolName;
  }

  /** {@return the tool's answer: a {@code Map<String, Object>} as a rule, or a list, text, number, boolean or null} */
  public Object getData() {
    return getDataAs(Object.class);
  }

  /**
   * Reads the tool's answer into a class of your own, as Jackson does; fields that the class does not have are ignored.
   *
   * @param type the class
   * @param <T> the class
   * @return the answer
   * @throws ServerException with {@link ErrorCodes#RESPONSE_INVALID} if it does not fit
   */
  public <T> T getDataAs(Class<T> type) {
    try {
      return Json.plain().treeToValue(data, type);
    } catch (JsonProcessingException e) {
      throw Failures.unreadable(200, null, "The tool's answer does not fit " + type.getName() + ".");
    }
  }
}
