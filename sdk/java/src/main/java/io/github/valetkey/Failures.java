package io.github.valetkey;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpHeaders;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Errors of answers, and of calls that are not sent; {@link Broken} has those without an answer. */
final class Failures {
  private static final String UPSTREAM = "upstream_";

  private Failures() {}

  static ValetkeyException invalidArgument(String message, String field) {
    Fault fault =
        new Fault(ErrorCodes.INVALID_ARGUMENT, message, "The call was not sent: it could not have worked.")
            .remedy("fix_request", "Correct the arguments of the call.");
    fault.fields.add(FieldViolation.of(field, message));
    return new InvalidRequestException(fault);
  }

  /** A success that cannot be read. */
  static ValetkeyException unreadable(int status, String requestId, String message) {
    Fault fault =
        new Fault(
                ErrorCodes.RESPONSE_INVALID,
                message,
                "Something in front of the Valetkey server answered, or the server is of another version than this"
                    + " SDK.")
            .remedy(
                "check_network", "Check the URL and what stands between here and the server; compare the versions.");
    fault.httpStatus = status;
    fault.requestId = requestId;
    return new ServerException(fault);
  }

  static ValetkeyException accountNotFound(AccountRef account) {
    Fault fault =
        new Fault(
                "account_not_found",
                "There is no connected account of \"" + account.identifier() + "\" on the connection \""
                    + account.connectionName() + "\".",
                "No account of this environment has this identifier (and name, if one was given) on this connection.")
            .remedy(
                "authorize",
                "Create the account and send its user an authorization link (getAuthorizationLink does both).");
    fault.httpStatus = 404;
    return new NotFoundException(fault);
  }

  static ValetkeyException ambiguousAccount(AccountRef account) {
    Fault fault =
        new Fault(
                "ambiguous_account",
                "More than one account fits.",
                "\"" + account.identifier() + "\" has several named accounts on the connection \""
                    + account.connectionName() + "\" and none without a name.")
            .remedy("fix_request", "Name the account with account_name (AccountRef.of), or give connected_account_id.");
    fault.httpStatus = 409;
    return new ConflictException(fault);
  }

  /** The error that an answer from 300 on stands for. */
  static ValetkeyException of(Core.Call call, Core.Reply reply, String base, Instant now) {
    Fault fault = new Fault(null, null, null);
    fault.httpStatus = reply.status();
    fault.requestId = reply.header("x-request-id");
    fault.retryAfter = retryAfter(reply.headers(), now);
    JsonNode tree = Json.tree(reply.body());
    JsonNode error = tree == null ? null : tree.get("error");
    String retry = null;
    if (error != null && error.isObject() && text(error, "code") != null) {
      retry = text(error, "retry");
      shaped(fault, error);
    } else if (call.anonymous() && error != null && error.isTextual() && !error.asText().isEmpty()) {
      oauth(fault, error.asText(), text(tree, "error_description"));
    } else {
      bare(fault, base);
    }
    fault.repeat = repeat(fault.code, retry, reply.status());
    return classified(fault);
  }

  /** The error of one call of a batch, or {@code null}. An older server does not say its status. */
  static ValetkeyException ofItem(JsonNode item) {
    JsonNode error = item.get("error");
    if (error == null || !error.isObject() || text(error, "code") == null) {
      return null;
    }
    Fault fault = new Fault(null, null, null);
    shaped(fault, error);
    fault.requestId = text(error, "request_id");
    int said = item.path("http_status").asInt(0);
    boolean known = said >= 400 && said < 600;
    fault.httpStatus = known ? said : statusOf(fault.code);
    ValetkeyException failure = classified(fault);
    if (!known) {
      fault.httpStatus = null;
    }
    return failure;
  }

  /** The status that a call would have failed with alone, as far as its class depends on it. */
  private static int statusOf(String code) {
    return switch (code) {
      case "unauthenticated" -> 401;
      case "permission_denied" -> 403;
      case "invalid_request", "invalid_argument", "tool_input_invalid", "idempotency_key_reused" -> 400;
      case "rate_limited", "refresh_too_early" -> 429;
      case "deadline_exceeded" -> 504;
      case "internal", "seal_refused", "overloaded", "shutting_down", "storage_unavailable", "execution_interrupted" ->
          503;
      default -> code.endsWith("_not_found") ? 404 : 409;
    };
  }

  private static String text(JsonNode object, String name) {
    JsonNode value = object.get(name);
    return value == null || !value.isTextual() || value.asText().isEmpty() ? null : value.asText();
  }

  private static List<JsonNode> objects(JsonNode object, String name) {
    List<JsonNode> all = new ArrayList<>();
    JsonNode array = object.path(name);
    if (array.isArray()) {
      array.forEach(
          one -> {
            if (one.isObject()) {
              all.add(one);
            }
          });
    }
    return all;
  }

  // Read field by field: one of an unexpected type leaves the others as they are.
  private static void shaped(Fault fault, JsonNode error) {
    fault.code = text(error, "code");
    fault.message = text(error, "message");
    if (fault.message == null) {
      fault.message = "The server refused: " + fault.code + ".";
    }
    fault.cause = text(error, "cause");
    fault.docs = text(error, "docs");
    fault.accountId = text(error, "account_id");
    fault.connectionId = text(error, "connection_id");
    fault.executionId = text(error, "execution_id");
    if (text(error, "request_id") != null) {
      fault.requestId = text(error, "request_id");
    }
    for (JsonNode remedy : objects(error, "remedies")) {
      fault.remedies.add(Remedy.of(text(remedy, "action"), text(remedy, "text"), text(remedy, "url")));
    }
    for (JsonNode field : objects(error, "fields")) {
      fault.fields.add(FieldViolation.of(text(field, "field"), text(field, "message")));
    }
    double wait = error.path("retry_after_ms").asDouble(-1);
    if (wait >= 0 && wait < 1e12) {
      fault.retryAfter = Duration.ofMillis((long) wait);
    }
    fault.provider = object(error, "provider", ProviderEvidence.class);
    fault.diagnosis = object(error, "diagnosis", ShortDiagnosis.class);
  }

  private static <T> T object(JsonNode error, String name, Class<T> type) {
    JsonNode value = error.get(name);
    if (value == null || !value.isObject()) {
      return null;
    }
    try {
      return Json.MAPPER.convertValue(value, type);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** The token endpoint's errors (RFC 6749 §5.2). */
  private static void oauth(Fault fault, String code, String description) {
    fault.code = "token_" + code;
    fault.message = description != null ? description : "No access token was issued: " + code + ".";
    fault.cause = "The token endpoint refused the request for an access token.";
    String todo = "Check the client id and secret that this client was made with.";
    if (code.equals("invalid_client")) {
      fault.code = "invalid_client_credentials";
      fault.cause = "No enabled API client has this id and secret.";
      todo =
          "Check client_id and client_secret (VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET), or make a new API client with"
              + " `valetkey client create`.";
    }
    fault.remedy("check_credentials", todo);
  }

  /** An answer that does not come from the API: a proxy in between, or another server. */
  private static void bare(Fault fault, String base) {
    fault.code = "http_" + fault.httpStatus;
    fault.message = "The server answered " + fault.httpStatus + ", without an explanation.";
    fault.cause = "Something in front of the Valetkey server answered, or the URL is not one.";
    fault.remedy(
        "check_network",
        fault.httpStatus >= 500
            ? "Try again in a moment; look at the log of the server and of what stands in front of it."
            : "Check that " + base + " is the address of a Valetkey server: " + base + "/healthz must answer 200.");
  }

  /** By the code, then by the status. {@code retry} is what the error itself says, if it does. */
  static Fault.Repeat repeat(String code, String retry, int status) {
    switch (code) {
      case "overloaded", "shutting_down":
        return Fault.Repeat.FREELY;
      case "upstream_proxy_auth_required", "upstream_response_too_large", "upstream_redirected":
        return Fault.Repeat.NEVER;
      case "idempotency_in_progress":
        // The first sending of the same call still runs: asked again, the server gives its answer.
        return Fault.Repeat.CAREFULLY;
      default:
        boolean passes = status == 429 || status == 502 || status == 503 || status == 504;
        boolean lasts = "never".equals(retry) || code.startsWith("upstream_tls_");
        return passes && !lasts ? Fault.Repeat.CAREFULLY : Fault.Repeat.NEVER;
    }
  }

  /**
   * Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date, which is taken against the answer's own Date so that a
   * clock that is wrong here does no harm.
   */
  static Duration retryAfter(HttpHeaders headers, Instant now) {
    String text = headers.firstValue("retry-after").map(String::strip).orElse("");
    if (text.matches("\\d{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(text));
    }
    Optional<Instant> at = httpDate(text);
    if (at.isEmpty()) {
      return null;
    }
    Instant from = headers.firstValue("date").flatMap(Failures::httpDate).orElse(now);
    Duration wait = Duration.between(from, at.get());
    return wait.isNegative() ? Duration.ZERO : wait;
  }

  private static Optional<Instant> httpDate(String text) {
    try {
      return Optional.of(ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
    } catch (DateTimeParseException e) {
      return Optional.empty();
    }
  }

  private static ValetkeyException classified(Fault fault) {
    switch (fault.code) {
      case "account_pending":
        return new AccountPendingException(fault);
      case "account_pending_verification":
        return new AccountPendingVerificationException(fault);
      case "account_expired":
        return new AccountExpiredException(fault);
      case "account_revoked":
        return new AccountRevokedException(fault);
      case "account_error":
        return new AccountFailedException(fault);
      case "account_disconnected":
        return new AccountDisconnectedException(fault);
      case "insufficient_scope":
        return new InsufficientScopeException(fault);
      case "upstream_rate_limited":
        return new ToolRateLimitedException(fault);
      case "upstream_unauthorized":
        return new ToolUnauthorizedException(fault);
      case "upstream_forbidden":
        return new ToolForbiddenException(fault);
      case "upstream_timeout", "upstream_connect_timeout":
        return new ToolTimeoutException(fault);
      case "upstream_unreachable",
          "upstream_dns_failed",
          "upstream_tls_failed",
          "upstream_refused",
          "upstream_resolver_failed",
          "upstream_proxy_unreachable",
          "upstream_proxy_auth_required",
          "upstream_proxy_refused",
          "upstream_tls_expired",
          "upstream_tls_not_yet_valid",
          "upstream_tls_unknown_issuer",
          "upstream_tls_host_mismatch":
        return new ToolUnreachableException(fault);
      default:
        return fault.code.startsWith(UPSTREAM) ? new ToolException(fault) : byStatus(fault);
    }
  }

  private static ValetkeyException byStatus(Fault fault) {
    int status = fault.httpStatus;
    return switch (status) {
      case 401 -> new UnauthorizedException(fault);
      case 403 -> new ForbiddenException(fault);
      case 404, 410 -> new NotFoundException(fault);
      case 409 -> new ConflictException(fault);
      case 408, 504 -> new TimeoutException(fault);
      case 429 -> new RateLimitedException(fault);
      default -> status >= 400 && status < 500 ? new InvalidRequestException(fault) : new ServerException(fault);
    };
  }
}
