package io.github.valetkey;

import java.io.IOException;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;

/** A provider's answer, whatever its status. */
public final class ProxyResponse {
  private final Core.Reply reply;

  ProxyResponse(Core.Reply reply) {
    this.reply = reply;
  }

  /** {@return the provider's HTTP status} */
  public int getStatus() {
    return reply.status();
  }

  /** {@return the headers of the answer} */
  public HttpHeaders getHeaders() {
    return reply.headers();
  }

  /** {@return the body as it came} */
  public byte[] getBody() {
    return reply.body().clone();
  }

  /** {@return the body as text in UTF-8} */
  public String getText() {
    return new String(reply.body(), StandardCharsets.UTF_8);
  }

  /** {@return the record of the call: {@code ex_…}} */
  public String getExecutionId() {
    return reply.executionId();
  }

  /**
   * Reads the body as JSON, as Jackson does.
   *
   * @param type the class to read into; {@code Object.class} gives maps and lists
   * @param <T> the class
   * @return the value
   * @throws ServerException with {@link ErrorCodes#RESPONSE_INVALID} if the body is not JSON or does not fit
   */
  public <T> T getJson(Class<T> type) {
    try {
      return Json.plain().readValue(reply.body(), type);
    } catch (IOException e) {
      throw Failures.unreadable(
          reply.status(), null, "The provider's answer is not JSON that fits " + type.getName() + ".");
    }
  }

  /** {@return status and execution, not the body} */
  @Override
  public String toString() {
    return "ProxyResponse{status=" + getStatus() + ", execution_id=" + getExecutionId() + "}";
  }
}
