package io.github.valetkey;

import java.time.Instant;
import java.util.Map;

/** The record of one tool call or proxied request. */
public final class Execution extends Answer {
  private String id;
  private String status;
  private String toolName;
  private String connector;
  private String connectionId;
  private String connectedAccountId;
  private String identifier;
  private String clientId;
  private String source;
  private String agentRunId;
  private String requestId;
  private Instant startedAt;
  private Long durationUs;
  private String upstreamRequest;
  private Integer upstreamStatus;
  private String upstreamRequestId;
  private String upstreamBody;
  private String errorCode;
  private String errorMessage;
  private Object data;
  private Map<String, Object> error;
  private ShortDiagnosis diagnosis;

  Execution() {}

  /** {@return its id: {@code ex_…}} */
  public String getId() {
    return id;
  }

  /** {@return how it stands: one of {@link ExecutionStatus}, or another that a later server knows} */
  public String getStatus() {
    return status;
  }

  /** {@return the tool's own name; {@code null} for a proxied request} */
  public String getToolName() {
    return toolName;
  }

  /** {@return the connector} */
  public String getConnector() {
    return connector;
  }

  /** {@return the connection: {@code conn_…}} */
  public String getConnectionId() {
    return connectionId;
  }

  /** {@return the account: {@code ca_…}} */
  public String getConnectedAccountId() {
    return connectedAccountId;
  }

  /** {@return the account's identifier} */
  public String getIdentifier() {
    return identifier;
  }

  /** {@return the API client that called} */
  public String getClientId() {
    return clientId;
  }

  /** {@return the door the call came through: {@code rest}, {@code grpc}, {@code compat_rest}, {@code proxy} or {@code mcp}} */
  public String getSource() {
    return source;
  }

  /** {@return the caller's own id of an agent run, or {@code null}} */
  public String getAgentRunId() {
    return agentRunId;
  }

  /** {@return the request that it was part of} */
  public String getRequestId() {
    return requestId;
  }

  /** {@return when it began} */
  public Instant getStartedAt() {
    return startedAt;
  }

  /** {@return how long it took, in microseconds; {@code null} while it runs} */
  public Long getDurationUs() {
    return durationUs;
  }

  /** {@return the method and path that were sent to the provider, without the query, or {@code null}} */
  public String getUpstreamRequest() {
    return upstreamRequest;
  }

  /** {@return the provider's HTTP status; {@code null} if it did not answer} */
  public Integer getUpstreamStatus() {
    return upstreamStatus;
  }

  /**
   * {@return of a tool call that failed: the provider's name for the request, which its support asks for; else {@code null}}
   */
  public String getUpstreamRequestId() {
    return upstreamRequestId;
  }

  /**
   * {@return of a tool call that failed: the beginning of the provider's answer, at most 2048 bytes, without secrets; else
   * {@code null}}
   */
  public String getUpstreamBody() {
    return upstreamBody;
  }

  /** {@return why it failed, as a code of the catalogue, or {@code null}} */
  public String getErrorCode() {
    return errorCode;
  }

  /** {@return the error as the caller got it, or {@code null}} */
  public String getErrorMessage() {
    return errorMessage;
  }

  /** {@return the answer of a tool that ran in the background; else {@code null}} */
  public Object getData() {
    return data;
  }

  /** {@return the error of a tool that ran in the background; else {@code null}} */
  public Map<String, Object> getError() {
    return error;
  }

  /** {@return what a diagnosis says in short, of a failed call that was asked for alone; else {@code null}} */
  public ShortDiagnosis getDiagnosis() {
    return diagnosis;
  }
}
