package io.github.valetkey;

import com.fasterxml.jackson.databind.JavaType;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;

/** What all parts of a client share: it sends calls, again where that helps and does no harm. */
final class Core {
  private static final long FIRST_WAIT_MS = 500;
  private static final long LONG_WAIT_MS = 8000;

  /**
   * One request to the server, as often as it is sent.
   *
   * @param path percent-encoded, begins with a slash
   * @param query encoded, or empty
   * @param repeatable sending it again does no harm
   * @param anonymous without a bearer token
   * @param proxied the answer may be the provider's
   */
  record Call(
      String method,
      String path,
      String query,
      Map<String, List<String>> headers,
      byte[] body,
      boolean repeatable,
      boolean anonymous,
      boolean proxied) {
    static Call of(String method, String path) {
      return new Call(method, path, "", Map.of(), null, method.equals("GET"), false, false);
    }

    Call query(Map<String, ?> fields) {
      return new Call(method, path, Encoding.form(fields), headers, body, repeatable, anonymous, proxied);
    }

    Call json(Object value) {
      Map<String, List<String>> more = new LinkedHashMap<>(headers);
      more.put("Content-Type", List.of("application/json"));
      return new Call(method, path, query, more, Json.bytes(value, Json.writer()), repeatable, anonymous, proxied);
    }

    Call repeatable(Map<String, List<String>> further) {
      Map<String, List<String>> more = new LinkedHashMap<>(headers);
      more.putAll(further);
      return new Call(method, path, query, more, body, true, anonymous, proxied);
    }
  }

  /** What came back. */
  record Reply(int status, HttpHeaders headers, byte[] body) {
    String header(String name) {
      return headers.firstValue(name).filter(AccountRef::given).orElse(null);
    }

    String executionId() {
      return header("x-execution-id");
    }
  }

  final String base;
  final HttpClient http;
  final InstantSource clock;
  final ValetkeyClient.Sleeper sleeper;
  final Log log;
  private final DoubleSupplier random;
  private final String userAgent;
  private final Duration timeout;
  private final int maxRetries;
  private final Duration maxRetryAfter;
  private final Bearer bearer;

  Core(ValetkeyClient.Builder settings, String base, HttpClient http, Bearer bearer) {
    this.base = base;
    this.http = http;
    this.bearer = bearer;
    clock = settings.clock;
    sleeper = settings.sleeper;
    random = settings.random;
    log = new Log(settings.logger, settings.debug);
    userAgent = ("valetkey-java/" + ValetkeyClient.VERSION + " " + Objects.toString(settings.userAgent, "")).strip();
    timeout = settings.timeout;
    maxRetries = settings.maxRetries;
    maxRetryAfter = settings.maxRetryAfter;
  }

  /** When a call that begins now must have ended. */
  Instant deadline() {
    return timeout.isZero() ? Instant.MAX : clock.instant().plus(timeout);
  }

  /** Sends a call and reads its answer. */
  <T> T send(Call call, Class<T> type) {
    return send(call, type, deadline());
  }

  /** The same, where the call belongs to others with which it shares its end. */
  <T> T send(Call call, Class<T> type, Instant deadline) {
    return send(call, Json.MAPPER.constructType(type), deadline);
  }

  <T> T send(Call call, JavaType type, Instant deadline) {
    Reply reply = repeat(call, deadline);
    try {
      T value = Json.MAPPER.readValue(reply.body(), type);
      if (value != null) {
        return value;
      }
    } catch (IOException e) {
      log.unreadable(call, e);
    }
    throw Failures.unreadable(
        reply.status(), reply.header("x-request-id"), "The answer is not the JSON that was expected.");
  }

  Reply repeat(Call call, Instant deadline) {
    boolean renewed = false;
    int repeats = 0;
    for (int attempt = 1; ; attempt++) {
      String token = call.anonymous() ? null : bearer.token(this, deadline);
      Reply reply = null;
      ValetkeyException failure;
      try {
        reply = attempt(call, token, attempt, deadline);
        failure = failure(call, reply);
      } catch (ValetkeyException e) {
        failure = e;
      }
      if (failure == null) {
        return reply;
      }
      boolean theirs = call.proxied() && reply != null && reply.executionId() != null;
      // What was refused for its token was not done: any call may be sent again.
      if (reply != null && reply.status() == 401 && !theirs && !call.anonymous() && bearer.refused(token) && !renewed) {
        renewed = true;
        continue;
      }
      Duration wait = backoff(call, failure.fault(), repeats);
      if (wait == null || clock.instant().plus(wait).isAfter(deadline)) {
        if (theirs) {
          return reply;
        }
        throw failure;
      }
      log.repeats(call, wait, failure);
      sleep(wait);
      repeats++;
    }
  }

  void sleep(Duration wait) {
    try {
      sleeper.sleep(wait);
    } catch (InterruptedException e) {
      throw Broken.cancelled(e);
    }
  }

  /** The error that an answer stands for, or {@code null}. */
  private ValetkeyException failure(Call call, Reply reply) {
    if (reply.status() < 300) {
      return null;
    }
    if (call.proxied() && reply.executionId() != null) {
      // The provider's own answer is handed on; it is an error for the time of the repeats only.
      Fault fault = new Fault("http_" + reply.status(), null, null);
      fault.repeat = Failures.repeat(fault.code, null, reply.status());
      fault.retryAfter = Failures.retryAfter(reply.headers(), clock.instant());
      return fault.repeat == Fault.Repeat.NEVER ? null : new ServerException(fault);
    }
    return Failures.of(call, reply, base, clock.instant());
  }

  /** The wait before the next repeat, with full jitter on top of what the server asked for; {@code null}: no repeat. */
  private Duration backoff(Call call, Fault fault, int repeats) {
    boolean may = fault.repeat == Fault.Repeat.FREELY || fault.repeat == Fault.Repeat.CAREFULLY && call.repeatable();
    Duration told = fault.retryAfter != null ? fault.retryAfter : Duration.ZERO;
    if (!may || repeats >= maxRetries || told.compareTo(maxRetryAfter) > 0) {
      return null;
    }
    long ceiling = repeats < 5 ? Math.min(LONG_WAIT_MS, FIRST_WAIT_MS << repeats) : LONG_WAIT_MS;
    return told.plusNanos((long) (random.getAsDouble() * ceiling * 1_000_000));
  }

  private Reply attempt(Call call, String token, int number, Instant deadline) {
    HttpRequest request = request(call, token);
    log.request(call, number);
    long began = System.nanoTime();
    Reply reply = null;
    ValetkeyException failure = null;
    try {
      reply = exchange(call, request, deadline);
    } catch (ValetkeyException e) {
      failure = e;
    }
    log.answer(call, reply, failure, System.nanoTime() - began);
    if (failure != null) {
      throw failure;
    }
    return reply;
  }

  private HttpRequest request(Call call, String token) {
    String url = base + call.path() + (call.query().isEmpty() ? "" : "?" + call.query());
    try {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create(url))
              .method(
                  call.method(),
                  call.body() == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(call.body()));
      call.headers().forEach((name, values) -> values.forEach(value -> request.header(name, value)));
      if (call.headers().keySet().stream().noneMatch("accept"::equalsIgnoreCase)) {
        request.header("Accept", "application/json");
      }
      request.setHeader("User-Agent", userAgent);
      if (token != null) {
        request.setHeader("Authorization", "Bearer " + token);
      }
      return request.build();
    } catch (IllegalArgumentException e) {
      // Its text may hold what was given, thus it is not handed on.
      throw Failures.invalidArgument(
          "The request cannot be made: its method, path or a header is not valid.", "method");
    }
  }

  private Reply exchange(Call call, HttpRequest request, Instant deadline) {
    long left =
        deadline.equals(Instant.MAX) ? Long.MAX_VALUE : Duration.between(clock.instant(), deadline).toNanos();
    CompletableFuture<HttpResponse<byte[]>> future = http.sendAsync(request, Bounded::handler);
    try {
      HttpResponse<byte[]> response = future.get(Math.max(left, 1), TimeUnit.NANOSECONDS);
      return new Reply(response.statusCode(), response.headers(), response.body());
    } catch (java.util.concurrent.TimeoutException e) {
      future.cancel(true);
      throw Broken.outOfTime(timeout, call.method().equals("GET"));
    } catch (InterruptedException e) {
      future.cancel(true);
      throw Broken.cancelled(e);
    } catch (ExecutionException e) {
      if (Bounded.exceeded(e)) {
        throw Failures.unreadable(200, null, "The answer is larger than " + (Bounded.MOST >> 20) + " MiB.");
      }
      throw Broken.of(e.getCause(), base, call.repeatable());
    }
  }

  Instant deadlineOf(Duration wait) {
    return clock.instant().plus(wait);
  }

  ValetkeyException late(boolean reads) {
    return Broken.outOfTime(timeout, reads);
  }
}
