package io.github.valetkey;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;

/** Gives the bearer token of requests. */
interface Bearer {
  /** {@return a token that should work} */
  String token(Core core, Instant deadline);

  /** Drops a token that was answered with 401; true if another one can be had. */
  boolean refused(String token);

  /** A given API token. */
  static Bearer fixed(String apiToken) {
    return new Bearer() {
      @Override
      public String token(Core core, Instant deadline) {
        return apiToken;
      }

      @Override
      public boolean refused(String token) {
        return false;
      }
    };
  }

  /** Access tokens by the client credentials grant (RFC 6749 §4.4), kept and renewed. */
  final class ClientCredentials implements Bearer {
    private static final double LONGEST_LIFE_S = 365 * 24 * 3600;

    private record Kept(String token, Instant until) {}

    private final String id;
    private final String secret;
    private final ReentrantLock turn = new ReentrantLock();
    private final AtomicReference<Kept> kept = new AtomicReference<>();

    ClientCredentials(String id, String secret) {
      this.id = id;
      this.secret = secret;
    }

    private String usable(Core core) {
      Kept now = kept.get();
      return now != null && core.clock.instant().isBefore(now.until()) ? now.token() : null;
    }

    @Override
    public String token(Core core, Instant deadline) {
      String token = usable(core);
      if (token != null) {
        return token;
      }
      // One asks; the others wait for it as long as they have time.
      try {
        if (deadline.equals(Instant.MAX)) {
          turn.lockInterruptibly();
        } else if (!turn.tryLock(
            Duration.between(core.clock.instant(), deadline).toMillis(), TimeUnit.MILLISECONDS)) {
          throw core.late(true);
        }
      } catch (InterruptedException e) {
        throw Broken.cancelled(e);
      }
      try {
        token = usable(core);
        return token != null ? token : obtain(core, deadline);
      } finally {
        turn.unlock();
      }
    }

    @Override
    public boolean refused(String token) {
      Kept now = kept.get();
      if (now != null && now.token().equals(token)) {
        kept.compareAndSet(now, null);
      }
      return true;
    }

    private String obtain(Core core, Instant deadline) {
      Map<String, String> form = new LinkedHashMap<>();
      form.put("grant_type", "client_credentials");
      form.put("client_id", id);
      form.put("client_secret", secret);
      Core.Reply reply =
          core.repeat(
              new Core.Call(
                  "POST",
                  "/oauth/token",
                  "",
                  Map.of("Content-Type", List.of("application/x-www-form-urlencoded")),
                  Encoding.form(form).getBytes(StandardCharsets.UTF_8),
                  true,
                  true,
                  false),
              deadline);
      JsonNode body = Json.tree(reply.body());
      JsonNode token = body == null ? null : body.get("access_token");
      if (token == null || !token.isTextual() || token.asText().isEmpty()) {
        throw Failures.unreadable(
            reply.status(), reply.header("x-request-id"), "The token endpoint's answer holds no access token.");
      }
      double life = body.path("expires_in").asDouble(0);
      life = life > 0 ? Math.min(life, LONGEST_LIFE_S) : 300;
      // Renewed when a tenth of its life is left, but at most a minute early.
      long useful = (long) ((life - Math.min(life / 10, 60)) * 1000);
      kept.set(new Kept(token.asText(), core.clock.instant().plusMillis(useful)));
      return token.asText();
    }
  }
}
