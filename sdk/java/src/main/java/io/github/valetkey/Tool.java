package io.github.valetkey;

import java.util.Map;

/** A tool of a connector. */
public final class Tool extends Answer {
  private String name;
  private String connector;
  private String provider;
  private Map<String, Object> definition = Map.of();
  private boolean cacheable;

  Tool() {}

  /** {@return its name: {@code gmail_get_profile}} */
  public String getName() {
    return name;
  }

  /** {@return its connector} */
  public String getConnector() {
    return connector;
  }

  /** {@return the connector's official upper-case name} */
  public String getProvider() {
    return provider;
  }

  /** {@return name, description, input_schema and annotations, to hand to a model as they are} */
  public Map<String, Object> getDefinition() {
    return definition;
  }

  /** {@return whether it accepts {@link ToolCall#maxAge(java.time.Duration)}} */
  public boolean isCacheable() {
    return cacheable;
  }
}
