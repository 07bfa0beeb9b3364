package io.github.valetkey;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A request to a provider's API with an account's credential, which the caller never sees. Say whose account with {@link
 * #account(AccountRef)}.
 */
public final class ProxyRequest {
  final String method;
  final String path;
  final Map<String, List<String>> query = new LinkedHashMap<>();
  final Map<String, List<String>> headers = new LinkedHashMap<>();
  AccountRef account = new AccountRef(null, null, null, null);
  String agentRunId;
  byte[] body;

  /**
   * Makes a request.
   *
   * @param method the HTTP method
   * @param path below the connector's API base URL: {@code /gmail/v1/users/me/messages}; escapes in it stay as they are
   */
  public ProxyRequest(String method, String path) {
    this.method = method.toUpperCase(Locale.ROOT);
    this.path = path;
  }

  /**
   * Makes a GET request.
   *
   * @param path below the connector's API base URL
   * @return the request
   */
  public static ProxyRequest get(String path) {
    return new ProxyRequest("GET", path);
  }

  /**
   * Says whose account it is for.
   *
   * @param account the account
   * @return this
   */
  public ProxyRequest account(AccountRef account) {
    this.account = account;
    return this;
  }

  /**
   * Adds a parameter to the query; one name may come more than once.
   *
   * @param name the name
   * @param value the value
   * @return this
   */
  public ProxyRequest query(String name, String value) {
    query.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
    return this;
  }

  /**
   * Adds a header. {@code Authorization} is not the caller's to set.
   *
   * @param name the name
   * @param value the value, in ASCII
   * @return this
   */
  public ProxyRequest header(String name, String value) {
    headers.computeIfAbsent(name.toLowerCase(Locale.ROOT), key -> new ArrayList<>()).add(value);
    return this;
  }

  /**
   * Sends a value as the JSON body.
   *
   * @param value what Jackson can write: maps, lists, a class of your own, …
   * @return this
   */
  public ProxyRequest json(Object value) {
    body = Json.bytes(value, Json.plain());
    headers.put("content-type", new ArrayList<>(List.of("application/json")));
    return this;
  }

  /**
   * Sends a body as it is.
   *
   * @param body the body
   * @param contentType its type: {@code text/csv}
   * @return this
   */
  public ProxyRequest body(byte[] body, String contentType) {
    this.body = body.clone();
    headers.put("content-type", new ArrayList<>(List.of(contentType)));
    return this;
  }

  /**
   * Sends a text, in UTF-8.
   *
   * @param text the text
   * @param contentType its type: {@code text/plain; charset=utf-8}
   * @return this
   */
  public ProxyRequest body(String text, String contentType) {
    return body(text.getBytes(StandardCharsets.UTF_8), contentType);
  }

  /**
   * Sets the caller's own id of an agent run, kept with the execution.
   *
   * @param agentRunId the id
   * @return this
   */
  public ProxyRequest agentRunId(String agentRunId) {
    this.agentRunId = agentRunId;
    return this;
  }
}
