package consumer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/**
 * A server that plays the exchanges of a case over TLS. The client finds it behind any name, since it poses as the HTTP
 * proxy through which the client tunnels.
 */
final class Script implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Certificates certificates;
  private final Clock clock;
  private final JsonNode exchanges;
  private final ServerSocket listener;
  private final Map<String, String> bound = new HashMap<>();
  private final List<String> wrong = new ArrayList<>();
  private final List<Socket> open = new ArrayList<>();
  private int next;

  Script(Certificates certificates, Clock clock, JsonNode exchanges) throws IOException {
    this.certificates = certificates;
    this.clock = clock;
    this.exchanges = exchanges;
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread thread = new Thread(this::accept, "script");
    thread.setDaemon(true);
    thread.start();
  }

  HttpClient client() {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .sslContext(certificates.client)
        .proxy(new Route())
        .build();
  }

  /** Leads each exchange to where its fault is. */
  private final class Route extends ProxySelector {
    @Override
    public List<Proxy> select(URI uri) {
      SocketAddress target =
          switch (fault()) {
            case "refused" -> {
              passed();
              yield closedPort();
            }
            case "dns" -> {
              passed();
              yield InetSocketAddress.createUnresolved("no-such-host.invalid", 443);
            }
            default -> listener.getLocalSocketAddress();
          };
      return List.of(new Proxy(Proxy.Type.HTTP, target));
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException thrown) {
      // The client tells.
    }
  }

  /** An address at which nothing listens any more. */
  private static SocketAddress closedPort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalSocketAddress();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private synchronized String fault() {
    return next < exchanges.size() ? exchanges.get(next).path("fault").asText("") : "";
  }

  private synchronized void passed() {
    next++;
  }

  synchronized List<String> done() {
    if (next != exchanges.size()) {
      wrong.add(next + " requests arrived, expected " + exchanges.size());
    }
    return List.copyOf(wrong);
  }

  @Override
  public void close() throws IOException {
    listener.close();
    synchronized (this) {
      for (Socket socket : open) {
        socket.close();
      }
    }
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket socket = listener.accept();
        synchronized (this) {
          open.add(socket);
        }
        Thread thread = new Thread(() -> serve(socket), "exchange");
        thread.setDaemon(true);
        thread.start();
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      String[] tunnel = head(socket.getInputStream());
      if (!tunnel[0].startsWith("CONNECT ")) {
        throw new IOException("no tunnel: " + tunnel[0]);
      }
      socket.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      boolean strange = fault().equals("tls");
      if (strange) {
        passed();
      }
      SSLContext context = strange ? certificates.stranger : certificates.server;
      try (SSLSocket secure = (SSLSocket) context.getSocketFactory().createSocket(socket, null, true)) {
        secure.setUseClientMode(false);
        exchange(secure);
      }
    } catch (IOException e) {
      // The client went away, as it does where it does not trust us or its time is over; it tells.
      return;
    }
  }

  private static String[] head(InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    while (!bytes.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
      int b = in.read();
      if (b < 0) {
        throw new IOException("the request ends early");
      }
      bytes.write(b);
    }
    return bytes.toString(StandardCharsets.ISO_8859_1).split("\r\n");
  }

  private void exchange(SSLSocket socket) throws IOException {
    InputStream in = socket.getInputStream();
    String[] head = head(in);
    Map<String, String> headers = new LinkedHashMap<>();
    for (int i = 1; i < head.length; i++) {
      int colon = head[i].indexOf(':');
      headers.merge(
          head[i].substring(0, colon).toLowerCase(Locale.ROOT),
          head[i].substring(colon + 1).strip(),
          (a, b) -> a + ", " + b);
    }
    byte[] body = in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
    JsonNode now;
    synchronized (this) {
      now = next < exchanges.size() ? exchanges.get(next) : null;
      next++;
      if (now == null) {
        wrong.add("one request too many: " + head[0]);
      } else {
        check(now.get("request"), head[0], headers, body);
      }
    }
    OutputStream out = socket.getOutputStream();
    String fault = now == null ? "" : now.path("fault").asText("");
    if (fault.equals("cut")) {
      // With nothing at all the JDK's client repeats a GET by itself, once, as HTTP allows it to.
      out.write("HTTP/1.1 2".getBytes(StandardCharsets.US_ASCII));
      out.flush();
      return;
    }
    if (fault.equals("timeout")) {
      in.read(); // until the client leaves
      return;
    }
    answer(out, now == null ? JSON.createObjectNode().put("status", 418) : now.get("response"), now);
  }

  private void answer(OutputStream out, JsonNode response, JsonNode now) throws IOException {
    if (now != null) {
      clock.advance(now.path("takes_ms").asDouble(0));
    }
    byte[] body =
        response.has("json")
            ? JSON.writeValueAsBytes(response.get("json"))
            : response.path("text").asText("").getBytes(StandardCharsets.UTF_8);
    int status = response.get("status").asInt();
    StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " Scripted\r\nconnection: close\r\n");
    if (status != 204) {
      head.append("content-length: ").append(body.length).append("\r\n");
    }
    if (response.has("json") && !response.path("headers").has("content-type")) {
      head.append("content-type: application/json\r\n");
    }
    response
        .path("headers")
        .properties()
        .forEach(field -> head.append(field.getKey()).append(": ").append(field.getValue().asText()).append("\r\n"));
    out.write(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    out.write(body);
    out.flush();
  }

  private void check(JsonNode expected, String line, Map<String, String> headers, byte[] body) throws IOException {
    String at = "request " + next + " (" + line + ") ";
    String[] words = line.split(" ");
    String[] target = words[1].split("\\?", 2);
    if (!words[0].equals(expected.get("method").asText()) || !target[0].equals(expected.get("path").asText())) {
      wrong.add(at + "should be " + expected.get("method") + " " + expected.get("path"));
    }
    fields(at + "query: ", expected.path("query"), target.length > 1 ? target[1] : "");
    expected
        .path("headers")
        .properties()
        .forEach(
            field -> {
              String got = headers.get(field.getKey());
              if (!Matching.matches(field.getValue(), got, bound)) {
                wrong.add(at + "header " + field.getKey() + " is " + got + ", expected " + field.getValue());
              }
            });
    if (expected.has("json")) {
      if (!Matching.exactly(expected.get("json"), body.length == 0 ? null : JSON.readTree(body), bound)) {
        wrong.add(at + "body is " + new String(body, StandardCharsets.UTF_8) + ", expected " + expected.get("json"));
      }
    } else if (expected.has("form")) {
      fields(at + "form: ", expected.get("form"), new String(body, StandardCharsets.UTF_8));
    } else if (body.length > 0) {
      wrong.add(at + "has a body: " + new String(body, StandardCharsets.UTF_8));
    }
  }

  private void fields(String at, JsonNode expected, String encoded) {
    Map<String, List<String>> got = new LinkedHashMap<>();
    for (String pair : encoded.isEmpty() ? new String[0] : encoded.split("&")) {
      String[] parts = pair.split("=", 2);
      got.computeIfAbsent(URLDecoder.decode(parts[0], StandardCharsets.UTF_8), name -> new ArrayList<>())
          .add(URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
    }
    Matching.fields(expected, got, bound).forEach(text -> wrong.add(at + text));
  }
}
