package io.github.valetkey;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** What an agent's backend does for its users. See {@link ValetkeyClient#actions()}. */
public final class Actions {
  private static final String ACCOUNTS = Lookup.ACCOUNTS;
  private static final String EXECUTIONS = "/v1/connect/executions";
  private static final String TOOLS = ToolRequests.TOOLS;

  private final Core core;
  private final Lookup lookup;

  Actions(Core core) {
    this.core = core;
    lookup = new Lookup(core);
  }

  /**
   * Gives a user's account on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public ConnectedAccount getConnectedAccount(String identifier, String connectionName) {
    return getConnectedAccount(AccountRef.of(identifier, connectionName));
  }

  /**
   * Gives a user's account on a connection.
   *
   * @param account which account
   * @return the account
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public ConnectedAccount getConnectedAccount(AccountRef account) {
    return lookup.account(account, core.deadline());
  }

  /**
   * Gives the account of a user on a connection, and makes it if there is none.
   *
   * @param account the account
   * @return the account
   */
  public ConnectedAccount getOrCreateConnectedAccount(NewAccount account) {
    AccountRef ref = account.account();
    Instant end = core.deadline();
    try {
      return lookup.account(ref, end);
    } catch (NotFoundException e) {
      if (!e.getCode().equals("account_not_found")) {
        throw e;
      }
    }
    try {
      return create(account, end);
    } catch (ConflictException e) {
      if (!e.getCode().equals("account_already_exists")) {
        throw e;
      }
      // Somebody else was faster.
      return lookup.account(ref, end);
    }
  }

  /**
   * Gives the account of a user on a connection, and makes it if there is none.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account
   */
  public ConnectedAccount getOrCreateConnectedAccount(String identifier, String connectionName) {
    return getOrCreateConnectedAccount(new NewAccount(identifier, connectionName));
  }

  /**
   * Makes an account. Without a credential it is PENDING: send its user an authorization link.
   *
   * @param account the account
   * @return the account
   * @throws ConflictException ({@code account_already_exists}) if there is one
   */
  public ConnectedAccount createConnectedAccount(NewAccount account) {
    return create(account, core.deadline());
  }

  private ConnectedAccount create(NewAccount account, Instant end) {
    account.account().check();
    return core.send(Core.Call.of("POST", ACCOUNTS).json(wire(account)), ConnectedAccount.class, end);
  }

  /**
   * Changes a user's account on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @param changes what to change
   * @return the account as it is now
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public ConnectedAccount updateConnectedAccount(String identifier, String connectionName, AccountChanges changes) {
    return updateConnectedAccount(AccountRef.of(identifier, connectionName), changes);
  }

  /**
   * Changes a user's account on a connection.
   *
   * @param account which account
   * @param changes what to change
   * @return the account as it is now
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public ConnectedAccount updateConnectedAccount(AccountRef account, AccountChanges changes) {
    Instant end = core.deadline();
    return core.send(Core.Call.of("PATCH", lookup.path(account, "", end)).json(wire(changes)), ConnectedAccount.class, end);
  }

  /**
   * Lists accounts, newest first.
   *
   * @param filter which accounts
   * @return the accounts, fetched as one goes on
   */
  public Listing<ConnectedAccount> listConnectedAccounts(AccountFilter filter) {
    return list(() -> ACCOUNTS, filter.fields(), ConnectedAccount.class);
  }

  /**
   * Lists an account's history, newest first.
   *
   * @param account which account
   * @return the events, fetched as one goes on
   */
  public Listing<Event> listAccountEvents(AccountRef account) {
    return listAccountEvents(account, new EventFilter());
  }

  /**
   * Lists an account's history, newest first.
   *
   * @param account which account
   * @param filter which events
   * @return the events, fetched as one goes on
   */
  public Listing<Event> listAccountEvents(AccountRef account, EventFilter filter) {
    return list(() -> lookup.path(account, "/events", core.deadline()), filter.fields(), Event.class);
  }

  /**
   * Renews the credential of a user's account now.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account as it is now
   * @throws ConflictException ({@code refresh_refused}, {@code refresh_not_possible}); its {@link
   *     ValetkeyException#getAuthorizationLink()} is ready to send to the user
   */
  public ConnectedAccount refreshConnectedAccount(String identifier, String connectionName) {
    return refreshConnectedAccount(AccountRef.of(identifier, connectionName));
  }

  /**
   * Renews the credential of a user's account now.
   *
   * @param account which account
   * @return the account as it is now
   * @throws ConflictException ({@code refresh_refused}, {@code refresh_not_possible}); its {@link
   *     ValetkeyException#getAuthorizationLink()} is ready to send to the user
   */
  public ConnectedAccount refreshConnectedAccount(AccountRef account) {
    Instant end = core.deadline();
    return core.send(Core.Call.of("POST", lookup.path(account, "/refresh", end)), ConnectedAccount.class, end);
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account as it is now
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public DisconnectedAccount disconnectConnectedAccount(String identifier, String connectionName) {
    return disconnectConnectedAccount(AccountRef.of(identifier, connectionName));
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param account which account
   * @return the account as it is now
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public DisconnectedAccount disconnectConnectedAccount(AccountRef account) {
    return disconnectConnectedAccount(account, null);
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param account which account
   * @param siblings what shall become of other accounts that the revocation would end too: {@code revoke} or {@code
   *     keep}; {@code null}: the call fails if there are any
   * @return the account as it is now
   * @throws NotFoundException ({@code account_not_found}) if there is none
   * @throws ConflictException ({@code revocation_reaches_siblings}) if there are such accounts and siblings is {@code
   *     null}
   */
  public DisconnectedAccount disconnectConnectedAccount(AccountRef account, String siblings) {
    Instant end = core.deadline();
    Core.Call call = Core.Call.of("POST", lookup.path(account, "/disconnect", end));
    return core.send(
        siblings == null ? call : call.json(Map.of("siblings", siblings)), DisconnectedAccount.class, end);
  }

  /**
   * Deletes a user's account with its credential.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public void deleteConnectedAccount(String identifier, String connectionName) {
    deleteConnectedAccount(AccountRef.of(identifier, connectionName));
  }

  /**
   * Deletes a user's account with its credential.
   *
   * @param account which account
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public void deleteConnectedAccount(AccountRef account) {
    deleteConnectedAccount(account, null);
  }

  /**
   * Deletes a user's account with its credential.
   *
   * @param account which account
   * @param siblings as for {@link #disconnectConnectedAccount(AccountRef, String)}
   * @throws NotFoundException ({@code account_not_found}) if there is none
   */
  public void deleteConnectedAccount(AccountRef account, String siblings) {
    Instant end = core.deadline();
    Map<String, String> query = siblings == null ? Map.of() : Map.of("siblings", siblings);
    core.repeat(Core.Call.of("DELETE", lookup.path(account, "", end)).query(query), end);
  }

  /**
   * Makes a link for a user to authorize on a connection, for the first time or again. The account is made if there is
   * none.
   *
   * @param connectionName the name (or id) of the connection
   * @param identifier the caller's own id of the user
   * @return the link, to be sent to the user
   * @throws NotFoundException ({@code connection_not_found}) if there is no such connection
   */
  public AuthorizationLink getAuthorizationLink(String connectionName, String identifier) {
    return getAuthorizationLink(connectionName, identifier, new LinkOptions());
  }

  /**
   * Makes a link for a user to authorize on a connection, for the first time or again. The account is made if there is
   * none.
   *
   * @param connectionName the name (or id) of the connection
   * @param identifier the caller's own id of the user
   * @param options what the link shall do beside authorizing
   * @return the link, to be sent to the user
   * @throws NotFoundException ({@code connection_not_found}) if there is no such connection
   */
  public AuthorizationLink getAuthorizationLink(String connectionName, String identifier, LinkOptions options) {
    return getAuthorizationLink(AccountRef.of(identifier, connectionName), options);
  }

  /**
   * Makes a link for a user to authorize an account, for the first time or again.
   *
   * @param account which account
   * @param options what the link shall do beside authorizing
   * @return the link, to be sent to the user
   * @throws NotFoundException if there is no such account or connection
   */
  public AuthorizationLink getAuthorizationLink(AccountRef account, LinkOptions options) {
    account.check();
    Map<String, Object> body = options.fields();
    String path = "/v1/connect/authorization-links";
    if (account.byId()) {
      path = lookup.path(account, "/authorization-link", core.deadline());
    } else {
      body.put("identifier", account.identifier());
      body.put("connection_name", account.connectionName());
      if (AccountRef.given(account.accountName())) {
        body.put("account_name", account.accountName());
      }
    }
    return core.send(Core.Call.of("POST", path).json(body), AuthorizationLink.class);
  }

  /**
   * Confirms who finished an authorization.
   *
   * @param authRequestId what came to the app's user verify URL
   * @param identifier the app's own id of the user who is signed in in that browser
   * @return the account, and where to send the browser
   * @throws ForbiddenException ({@code verification_mismatch}) if the link was made for somebody else
   */
  public VerifiedUser verifyConnectedAccountUser(String authRequestId, String identifier) {
    if (!AccountRef.given(authRequestId) || !AccountRef.given(identifier)) {
      throw Failures.invalidArgument("auth_request_id and identifier are both required.", "auth_request_id");
    }
    return core.send(
        Core.Call.of("POST", ACCOUNTS + "/verify")
            .json(Map.of("auth_request_id", authRequestId, "identifier", identifier)),
        VerifiedUser.class);
  }

  /**
   * Calls a tool for a user, on the connection of the tool's connector that has an account of this user.
   *
   * @param identifier the caller's own id of the user
   * @param toolName the tool, by its own name or an alias
   * @param toolInput what the tool's input schema asks for
   * @return what it brought
   * @throws AccountNotActiveException with an authorization link to send to the user
   * @throws InsufficientScopeException if the account lacks a scope
   * @throws InvalidRequestException ({@code tool_input_invalid}) with its fields
   * @throws ToolException for what the provider refused or failed
   * @throws TimeoutException if it takes too long
   */
  public ToolResult executeTool(String identifier, String toolName, Map<String, ?> toolInput) {
    return executeTool(new ToolCall(toolName).identifier(identifier).toolInput(toolInput));
  }

  /**
   * Calls a tool and waits for its answer. The call is repeated where that helps, under one Idempotency-Key.
   *
   * @param call the call
   * @return what it brought
   * @throws AccountNotActiveException with an authorization link to send to the user
   * @throws InsufficientScopeException if the account lacks a scope
   * @throws InvalidRequestException ({@code tool_input_invalid}) with its fields
   * @throws ToolException for what the provider refused or failed
   * @throws TimeoutException if it takes too long
   */
  public ToolResult executeTool(ToolCall call) {
    return core.send(ToolRequests.execute(call, null), ToolResult.class);
  }

  /**
   * Calls up to 50 tools in one request; the server makes a few at a time. One that fails takes no other along. Each call
   * carries an idempotency key of its own, so that the whole is repeated where that helps.
   *
   * @param calls the calls
   * @return one result for each call, in their order
   * @throws InvalidRequestException if there are too many calls, or none
   */
  public List<BatchResult> executeTools(List<ToolCall> calls) {
    return Batch.send(core, calls, null, ToolResult.class, BatchResult::new);
  }

  /**
   * Starts up to 50 tools in the background of the server and waits for none of them; {@link
   * #waitForExecution(String)} does. For the rest as {@link #executeTools(List)}; such calls take no {@code maxAge}.
   *
   * @param calls the calls
   * @return what became of each call, in their order
   * @throws InvalidRequestException if there are too many calls, or none
   */
  public List<BatchStart> startTools(List<ToolCall> calls) {
    return Batch.send(core, calls, "async", StartedExecution.class, BatchStart::new);
  }

  /**
   * Starts a tool in the background of the server and does not wait; {@link #waitForExecution(String)} does.
   *
   * @param call the call
   * @return the execution that goes on
   */
  public StartedExecution startTool(ToolCall call) {
    return core.send(ToolRequests.execute(call, "async"), StartedExecution.class);
  }

  /**
   * Sends a request to a provider's API. Answers of the provider are given as they are, errors too; GET and HEAD are
   * repeated where that helps, everything else is sent once.
   *
   * @param request the request
   * @return the provider's answer
   * @throws AccountNotActiveException if the account cannot be used as it is
   */
  public ProxyResponse request(ProxyRequest request) {
    Instant end = core.deadline();
    return new ProxyResponse(core.repeat(ToolRequests.proxied(request, lookup, end), end));
  }

  /**
   * Lists tools, by connector.
   *
   * @param filter which tools
   * @return the tools, fetched as one goes on
   */
  public Listing<Tool> listTools(ToolFilter filter) {
    return list(() -> TOOLS, filter.fields(), Tool.class);
  }

  /**
   * Finds the tools that fit a task in words.
   *
   * @param search what is looked for
   * @return the tools, best first
   */
  public List<FoundTool> searchTools(ToolSearch search) {
    return all(Core.Call.of("POST", TOOLS + "/search").json(search.fields()).repeatable(Map.of()), FoundTool.class);
  }

  /**
   * Gives a tool by its name.
   *
   * @param name its name
   * @return the tool
   * @throws NotFoundException ({@code tool_not_found}) if there is none
   */
  public Tool getTool(String name) {
    return core.send(Core.Call.of("GET", TOOLS + "/" + Encoding.segment("name", name)), Tool.class);
  }

  /**
   * Gives the record of a call.
   *
   * @param executionId its id: {@code ex_…}
   * @return the execution
   * @throws NotFoundException ({@code execution_not_found}) if there is none
   */
  public Execution getExecution(String executionId) {
    return core.send(
        Core.Call.of("GET", EXECUTIONS + "/" + Encoding.segment("execution_id", executionId)), Execution.class);
  }

  /**
   * Lists the records of calls, newest first.
   *
   * @param filter which executions
   * @return the executions, fetched as one goes on
   */
  public Listing<Execution> listExecutions(ExecutionFilter filter) {
    return list(() -> EXECUTIONS, filter.fields(), Execution.class);
  }

  /**
   * Asks for an execution until it has ended, for five minutes at most. A failed execution throws nothing: see its
   * status and error.
   *
   * @param executionId its id: {@code ex_…}
   * @return the execution, ended
   * @throws TimeoutException with the execution id if it still runs then
   */
  public Execution waitForExecution(String executionId) {
    return waitForExecution(executionId, Duration.ofMinutes(5));
  }

  /**
   * Asks for an execution until it has ended. A failed execution throws nothing: see its status and error.
   *
   * @param executionId its id: {@code ex_…}
   * @param timeout how long to wait at most
   * @return the execution, ended
   * @throws TimeoutException with the execution id if it still runs then
   */
  public Execution waitForExecution(String executionId, Duration timeout) {
    Core.Call question = Core.Call.of("GET", EXECUTIONS + "/" + Encoding.segment("execution_id", executionId));
    Instant end = core.deadlineOf(timeout);
    for (long wait = 500; ; wait = Math.min(2 * wait, 5000)) {
      Execution execution = ask(question, end, executionId, timeout);
      if (!ExecutionStatus.RUNNING.equals(execution.getStatus())) {
        return execution;
      }
      Duration left = Duration.between(core.clock.instant(), end);
      if (left.isZero() || left.isNegative()) {
        throw Broken.stillRunning(executionId, timeout);
      }
      Duration next = Duration.ofMillis(wait);
      core.sleep(next.compareTo(left) < 0 ? next : left);
    }
  }

  /** Asks once; the question ends with the wait. The last one may still be asked when that is over. */
  private Execution ask(Core.Call question, Instant end, String executionId, Duration timeout) {
    Instant own = core.deadline();
    boolean bounded = core.clock.instant().isBefore(end) && end.isBefore(own);
    try {
      return core.send(question, Execution.class, bounded ? end : own);
    } catch (TimeoutException e) {
      if (bounded && ErrorCodes.TIMEOUT.equals(e.getCode())) {
        throw Broken.stillRunning(executionId, timeout);
      }
      throw e;
    }
  }

  /**
   * Says why an account, a call or a connection does not work, and what to do.
   *
   * @param request what is to be diagnosed
   * @return the diagnosis
   * @throws NotFoundException if there is no such account or execution
   */
  public Diagnosis diagnose(DiagnosisRequest request) {
    AccountRef account = request.account();
    boolean call = AccountRef.given(request.text("execution_id"));
    if (call == account.names()) {
      throw Failures.invalidArgument(
          call
              ? "Two things to diagnose are named: give execution_id, or an account."
              : "Nothing to diagnose is named: give execution_id, connected_account_id, or identifier and"
                  + " connection_name.",
          "execution_id");
    }
    boolean connectionAlone = account.equals(new AccountRef(null, null, account.connectionName(), null));
    if (!call && !connectionAlone) {
      account.check();
    }
    Map<String, Object> fields = request.fields();
    Object id = fields.remove("connected_account_id");
    if (account.byId() && fields.containsKey("registered_redirect_uris")) {
      fields.put("account_id", id);
    } else if (account.byId()) {
      return core.send(Core.Call.of("GET", lookup.path(account, "/diagnosis", core.deadline())).query(fields), Diagnosis.class);
    }
    return core.send(
        Core.Call.of("POST", "/v1/connect/diagnoses").json(fields).repeatable(Map.of()), Diagnosis.class);
  }

  private <T> Listing<T> list(Supplier<String> path, Map<String, ?> query, Class<T> type) {
    return Pages.list(core, path, query, type);
  }

  private <T> List<T> all(Core.Call call, Class<T> type) {
    return Pages.all(core, call, type);
  }

  private static Map<String, Object> wire(Request request) {
    Map<String, Object> body = request.fields();
    body.computeIfPresent("credential", (name, value) -> ((Credential) value).wire());
    return body;
  }
}
