package io.github.valetkey;

import java.util.List;

/** A tool that fits a search. */
public final class FoundTool extends Answer {
  private Tool tool;
  private String description;
  private double score;
  private List<ConnectionReadiness> connections = List.of();

  FoundTool() {}

  /** {@return the tool} */
  public Tool getTool() {
    return tool;
  }

  /** {@return what it does} */
  public String getDescription() {
    return description;
  }

  /** {@return how well it fits, from 0 to 1} */
  public double getScore() {
    return score;
  }

  /** {@return the connections of its connector; empty when no user was named} */
  public List<ConnectionReadiness> getConnections() {
    return connections;
  }
}
