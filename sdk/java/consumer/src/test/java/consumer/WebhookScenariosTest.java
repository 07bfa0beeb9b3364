package consumer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.sun.net.httpserver.HttpServer;
import io.github.valetkey.DeliveryFilter;
import io.github.valetkey.InvalidRequestException;
import io.github.valetkey.LinkOptions;
import io.github.valetkey.NewWebhook;
import io.github.valetkey.NotFoundException;
import io.github.valetkey.StartedExecution;
import io.github.valetkey.ToolCall;
import io.github.valetkey.ValetkeyClient;
import io.github.valetkey.Webhook;
import io.github.valetkey.WebhookChanges;
import io.github.valetkey.WebhookDelivery;
import io.github.valetkey.WebhookEvent;
import io.github.valetkey.WebhookSecret;
import io.github.valetkey.WebhookVerificationException;
import io.github.valetkey.WebhookVerifier;
import io.github.valetkey.Webhooks;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Webhooks with the real server: an endpoint of an app that verifies what it is told. */
final class WebhookScenariosTest {
  private static final class Message {
    final Map<String, List<String>> headers;
    final byte[] body;

    Message(Map<String, List<String>> headers, byte[] body) {
      this.headers = headers;
      this.body = body;
    }
  }

  /** An endpoint of an app; it answers with a status. */
  private static final class Receiver implements AutoCloseable {
    final List<Message> seen = new CopyOnWriteArrayList<>();
    volatile int status = 200;
    private final HttpServer http;

    Receiver() throws IOException {
      http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      http.createContext(
          "/hooks",
          exchange -> {
            seen.add(new Message(Map.copyOf(exchange.getRequestHeaders()), exchange.getRequestBody().readAllBytes()));
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
          });
      http.start();
    }

    String url() {
      return "http://127.0.0.1:" + http.getAddress().getPort() + "/hooks";
    }

    Message last() {
      return seen.get(seen.size() - 1);
    }

    /** What arrived of a type, once it is so many. */
    List<Message> of(String secret, String type, int count) throws InterruptedException {
      WebhookVerifier verifier = new WebhookVerifier(secret);
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (System.nanoTime() < end) {
        List<Message> found = new ArrayList<>();
        for (Message message : seen) {
          if (verifier.verify(message.headers, message.body).getType().equals(type)) {
            found.add(message);
          }
        }
        if (found.size() >= count) {
          return found;
        }
        Thread.sleep(20);
      }
      return fail(type + " does not arrive");
    }

    WebhookEvent event(String secret, String type) throws InterruptedException {
      Message message = of(secret, type, 1).get(0);
      return new WebhookVerifier(secret).verify(message.headers, message.body);
    }

    @Override
    public void close() {
      http.stop(0);
    }
  }

  @Test
  void appIsToldAndVerifiesWhatItIsTold() throws Exception {
    try (Server server = new Server();
        Receiver receiver = new Receiver()) {
      ValetkeyClient client = server.client().build();
      Webhooks hooks = client.webhooks();
      List<String> types = List.of("account.activated", "execution.finished");
      NewWebhook wanted = new NewWebhook(receiver.url()).description("Tells the app").eventTypes(types);
      WebhookSecret made = hooks.create(wanted);
      String id = made.getWebhook().getId();
      String secret = made.getSecret();
      assertTrue(secret.startsWith("whsec_"));
      assertNull(made.getOldSecretValidUntil());
      assertEquals(types, made.getWebhook().getEventTypes());
      assertTrue(made.getWebhook().isEnabled());
      assertEquals("healthy", made.getWebhook().getStatus());

      WebhookDelivery tested = hooks.test(id);
      assertEquals("webhook.test", tested.getType());
      assertEquals("delivered", tested.getOutcome());
      assertEquals(1, tested.getAttempts());
      assertEquals(200, tested.getResponseStatus());
      assertNull(tested.getError());
      assertNull(tested.getNextAttemptAt());
      WebhookEvent event = receiver.event(secret, "webhook.test");
      assertEquals(tested.getId(), event.getId());
      assertEquals(Map.of("webhook_id", id), event.getData());
      Message first = receiver.last();
      byte[] altered = Arrays.copyOf(first.body, first.body.length + 1);
      assertThrows(
          WebhookVerificationException.class, () -> new WebhookVerifier(secret).verify(first.headers, altered));

      server.connect(client, "hooked_1", "grace", new LinkOptions());
      WebhookEvent activated = receiver.event(secret, "account.activated");
      assertEquals("hooked_1", activated.getData().get("identifier"));
      assertEquals("ACTIVE", activated.getData().get("status"));
      ToolCall call = new ToolCall("sandbox_get_profile").identifier("hooked_1").toolInput(Map.of());
      StartedExecution started = client.actions().startTool(call);
      WebhookEvent finished = receiver.event(secret, "execution.finished");
      assertEquals(started.getExecutionId(), finished.getData().get("id"));
      assertEquals("grace@example.com", ((Map<?, ?>) finished.getData().get("data")).get("email"));
      DeliveryFilter delivered = new DeliveryFilter().outcome("delivered").pageSize(1);
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (hooks.deliveries(id, delivered).toList().size() != 3) {
        assertTrue(System.nanoTime() < end, "not all of it is noted");
        Thread.sleep(20);
      }
      assertNotNull(hooks.get(id).getLastDeliveryAt());

      // The same message once more: its bytes are the same.
      WebhookDelivery again = hooks.redeliver(id, activated.getId());
      assertEquals(activated.getId(), again.getId());
      assertEquals("pending", again.getOutcome());
      List<Message> both = receiver.of(secret, "account.activated", 2);
      assertArrayEquals(both.get(0).body, both.get(1).body);

      WebhookSecret rotated = hooks.rotateSecret(id);
      assertNotNull(rotated.getOldSecretValidUntil());
      receiver.status = 503;
      WebhookDelivery failed = hooks.test(id);
      assertEquals("failed", failed.getOutcome());
      assertEquals(503, failed.getResponseStatus());
      assertNotNull(failed.getError());
      Message last = receiver.last();
      for (String valid : List.of(secret, rotated.getSecret())) {
        assertEquals(failed.getId(), new WebhookVerifier(valid).verify(last.headers, last.body).getId());
      }
      List<WebhookDelivery> failures = hooks.deliveries(id, new DeliveryFilter().outcome("failed")).toList();
      assertEquals(1, failures.size());
      assertEquals(failed.getId(), failures.get(0).getId());

      Webhook changed = hooks.update(id, new WebhookChanges().description(null).enabled(false));
      assertNull(changed.getDescription());
      assertEquals("disabled", changed.getStatus());
      assertEquals("operator", changed.getDisabledReason());
      assertTrue(hooks.list().stream().anyMatch(one -> one.getId().equals(id)));
      NotFoundException unknown = assertThrows(NotFoundException.class, () -> hooks.redeliver(id, "dl_none"));
      assertEquals("delivery_not_found", unknown.getCode());
      hooks.delete(id);
      NotFoundException gone = assertThrows(NotFoundException.class, () -> hooks.get(id));
      assertEquals("webhook_not_found", gone.getCode());
      NewWebhook wrong = new NewWebhook("ftp://app.example/hooks");
      assertThrows(InvalidRequestException.class, () -> hooks.create(wrong));
      NewWebhook renamed = new NewWebhook(receiver.url()).eventTypes(List.of("account.renamed"));
      assertThrows(InvalidRequestException.class, () -> hooks.create(renamed));
    }
  }
}
