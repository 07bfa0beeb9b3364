package io.github.valetkey;

import java.util.List;

/** The definition of a third-party app. */
public final class Connector extends Answer {
  private String slug;
  private String provider;
  private String displayName;
  private String description;
  private String authType;
  private List<String> scopes = List.of();
  private List<ConnectorField> fields = List.of();
  private List<ConnectorField> variables = List.of();
  private List<String> tools = List.of();
  private boolean sharedCredentials;

  Connector() {}

  /** {@return its name: {@code gmail}} */
  public String getSlug() {
    return slug;
  }

  /** {@return its official upper-case name} */
  public String getProvider() {
    return provider;
  }

  /** {@return its name for people} */
  public String getDisplayName() {
    return displayName;
  }

  /** {@return what it is} */
  public String getDescription() {
    return description;
  }

  /** {@return how its accounts are authorized} */
  public String getAuthType() {
    return authType;
  }

  /** {@return the scopes that a connection asks for unless told otherwise} */
  public List<String> getScopes() {
    return scopes;
  }

  /** {@return the fields of a static credential} */
  public List<ConnectorField> getFields() {
    return fields;
  }

  /** {@return the variables of its URL templates, to be set on the connection} */
  public List<ConnectorField> getVariables() {
    return variables;
  }

  /** {@return the names of its tools} */
  public List<String> getTools() {
    return tools;
  }

  /** {@return whether the operator has set a shared OAuth client} */
  public boolean isSharedCredentials() {
    return sharedCredentials;
  }
}
