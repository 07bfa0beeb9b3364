package io.github.valetkey;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A credential to import: tokens of an OAuth grant made elsewhere, or the fields that the connector asks for. It does
 * not print.
 */
public final class Credential {
  private final Map<String, Object> oauth;
  private final Map<String, String> fields;

  private Credential(Map<String, Object> oauth, Map<String, String> fields) {
    this.oauth = oauth;
    this.fields = fields;
  }

  /**
   * Makes one of the tokens of an OAuth grant.
   *
   * @param accessToken the access token
   * @return the credential
   */
  public static Credential oauth(String accessToken) {
    Map<String, Object> oauth = new LinkedHashMap<>();
    oauth.put("access_token", accessToken);
    return new Credential(oauth, null);
  }

  /**
   * Makes one of the fields of an API key, basic or bearer credential.
   *
   * @param fields the values by the connector's field names
   * @return the credential
   */
  public static Credential fields(Map<String, String> fields) {
    return new Credential(null, Map.copyOf(fields));
  }

  /**
   * Adds the refresh token of an OAuth grant.
   *
   * @param refreshToken the refresh token
   * @return the credential with it
   */
  public Credential refreshToken(String refreshToken) {
    return with("refresh_token", refreshToken);
  }

  /**
   * Adds when the access token of an OAuth grant stops working.
   *
   * @param expiresAt the end of its life
   * @return the credential with it
   */
  public Credential expiresAt(Instant expiresAt) {
    return with("expires_at", expiresAt.toString());
  }

  /**
   * Adds the scopes that an OAuth grant has.
   *
   * @param scopes the scopes
   * @return the credential with them
   */
  public Credential scopes(List<String> scopes) {
    return with("scopes", List.copyOf(scopes));
  }

  /**
   * Adds the user's domain at the provider, where the connector's URLs need it.
   *
   * @param domain the domain
   * @return the credential with it
   */
  public Credential domain(String domain) {
    return with("domain", domain);
  }

  private Credential with(String name, Object value) {
    if (oauth == null) {
      throw Failures.invalidArgument(name + " belongs to the tokens of an OAuth grant.", "credential");
    }
    Map<String, Object> more = new LinkedHashMap<>(oauth);
    more.put(name, value);
    return new Credential(more, null);
  }

  Map<String, Object> wire() {
    return oauth != null ? Map.of("oauth", oauth) : Map.of("fields", fields);
  }

  /** {@return a text without the secrets} */
  @Override
  public String toString() {
    return "Credential[redacted]";
  }
}
