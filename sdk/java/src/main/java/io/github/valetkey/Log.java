package io.github.valetkey;

import java.io.IOException;
import java.lang.System.Logger;
import java.time.Duration;

/**
 * What is logged about requests and answers is listed here field by field: never a header, never a body, and of a
 * proxied request not even the query, since providers take keys there.
 */
final class Log {
  private final Logger logger;
  private final Logger.Level level;

  Log(Logger logger, boolean debug) {
    this.logger = logger;
    // The JDK's loggers drop DEBUG unless told otherwise.
    level = debug ? Logger.Level.INFO : Logger.Level.DEBUG;
  }

  void request(Core.Call call, int attempt) {
    if (logger.isLoggable(level)) {
      String query = call.proxied() || call.query().isEmpty() ? "" : " query=" + call.query();
      write("request " + of(call) + query + " attempt=" + attempt + " body_bytes=" + size(call.body()));
    }
  }

  void answer(Core.Call call, Core.Reply reply, ValetkeyException failure, long nanos) {
    if (logger.isLoggable(level)) {
      StringBuilder text = new StringBuilder("answer ").append(of(call));
      text.append(" duration_ms=").append(nanos / 1_000_000);
      if (reply != null) {
        text.append(" status=").append(reply.status()).append(" body_bytes=").append(size(reply.body()));
        id(text, " request_id=", reply.header("x-request-id"));
        id(text, " execution_id=", reply.executionId());
      }
      if (failure != null) {
        text.append(" code=").append(failure.getCode());
      }
      write(text.toString());
    }
  }

  void repeats(Core.Call call, Duration wait, ValetkeyException failure) {
    if (logger.isLoggable(level)) {
      write("repeats " + of(call) + " wait_ms=" + wait.toMillis() + " code=" + failure.getCode());
    }
  }

  void unreadable(Core.Call call, IOException thrown) {
    // Not its text, which may quote the body.
    if (logger.isLoggable(level)) {
      write("unreadable " + of(call) + " reason=" + thrown.getClass().getSimpleName());
    }
  }

  private void write(String text) {
    logger.log(level, () -> text);
  }

  private static String of(Core.Call call) {
    return "method=" + call.method() + " path=" + call.path();
  }

  private static int size(byte[] body) {
    return body == null ? 0 : body.length;
  }

  private static void id(StringBuilder text, String name, String value) {
    if (value != null) {
      text.append(name).append(value);
    }
  }
}
