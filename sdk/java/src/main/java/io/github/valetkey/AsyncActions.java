package io.github.valetkey;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The calls of {@link Actions} as futures. A future fails with what the call throws, a {@link ValetkeyException}; cancelling
 * it ends the call.
 */
public final class AsyncActions {
  private final Actions actions;
  private final Background background;

  AsyncActions(Actions actions, Background background) {
    this.actions = actions;
    this.background = background;
  }

  /**
   * Gives a user's account on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account
   */
  public CompletableFuture<ConnectedAccount> getConnectedAccount(String identifier, String connectionName) {
    return background.call(() -> actions.getConnectedAccount(identifier, connectionName));
  }

  /**
   * Gives a user's account on a connection.
   *
   * @param account which account
   * @return the account
   */
  public CompletableFuture<ConnectedAccount> getConnectedAccount(AccountRef account) {
    return background.call(() -> actions.getConnectedAccount(account));
  }

  /**
   * Gives the account of a user on a connection, and makes it if there is none.
   *
   * @param account the account
   * @return the account
   */
  public CompletableFuture<ConnectedAccount> getOrCreateConnectedAccount(NewAccount account) {
    return background.call(() -> actions.getOrCreateConnectedAccount(account));
  }

  /**
   * Gives the account of a user on a connection, and makes it if there is none.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account
   */
  public CompletableFuture<ConnectedAccount> getOrCreateConnectedAccount(String identifier, String connectionName) {
    return background.call(() -> actions.getOrCreateConnectedAccount(identifier, connectionName));
  }

  /**
   * Makes an account. Without a credential it is PENDING: send its user an authorization link.
   *
   * @param account the account
   * @return the account
   */
  public CompletableFuture<ConnectedAccount> createConnectedAccount(NewAccount account) {
    return background.call(() -> actions.createConnectedAccount(account));
  }

  /**
   * Changes a user's account on a connection.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @param changes what to change
   * @return the account as it is now
   */
  public CompletableFuture<ConnectedAccount> updateConnectedAccount(
      String identifier, String connectionName, AccountChanges changes) {
    return background.call(() -> actions.updateConnectedAccount(identifier, connectionName, changes));
  }

  /**
   * Changes a user's account on a connection.
   *
   * @param account which account
   * @param changes what to change
   * @return the account as it is now
   */
  public CompletableFuture<ConnectedAccount> updateConnectedAccount(AccountRef account, AccountChanges changes) {
    return background.call(() -> actions.updateConnectedAccount(account, changes));
  }

  /**
   * Lists accounts, newest first.
   *
   * @param filter which accounts
   * @return the accounts, all of them
   */
  public CompletableFuture<List<ConnectedAccount>> listConnectedAccounts(AccountFilter filter) {
    return background.call(() -> actions.listConnectedAccounts(filter).toList());
  }

  /**
   * Lists an account's history, newest first.
   *
   * @param account which account
   * @return the events, all of them
   */
  public CompletableFuture<List<Event>> listAccountEvents(AccountRef account) {
    return background.call(() -> actions.listAccountEvents(account).toList());
  }

  /**
   * Lists an account's history, newest first.
   *
   * @param account which account
   * @param filter which events
   * @return the events, all of them
   */
  public CompletableFuture<List<Event>> listAccountEvents(AccountRef account, EventFilter filter) {
    return background.call(() -> actions.listAccountEvents(account, filter).toList());
  }

  /**
   * Renews the credential of a user's account now.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account as it is now
   */
  public CompletableFuture<ConnectedAccount> refreshConnectedAccount(String identifier, String connectionName) {
    return background.call(() -> actions.refreshConnectedAccount(identifier, connectionName));
  }

  /**
   * Renews the credential of a user's account now.
   *
   * @param account which account
   * @return the account as it is now
   */
  public CompletableFuture<ConnectedAccount> refreshConnectedAccount(AccountRef account) {
    return background.call(() -> actions.refreshConnectedAccount(account));
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return the account as it is now
   */
  public CompletableFuture<DisconnectedAccount> disconnectConnectedAccount(String identifier, String connectionName) {
    return background.call(() -> actions.disconnectConnectedAccount(identifier, connectionName));
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param account which account
   * @return the account as it is now
   */
  public CompletableFuture<DisconnectedAccount> disconnectConnectedAccount(AccountRef account) {
    return background.call(() -> actions.disconnectConnectedAccount(account));
  }

  /**
   * Erases the credential of a user's account, here and where possible at the provider. The account stays and can be
   * authorized again.
   *
   * @param account which account
   * @param siblings what shall become of other accounts that the revocation would end too: {@code revoke} or {@code
   *     keep}
   * @return the account as it is now
   */
  public CompletableFuture<DisconnectedAccount> disconnectConnectedAccount(AccountRef account, String siblings) {
    return background.call(() -> actions.disconnectConnectedAccount(account, siblings));
  }

  /**
   * Deletes a user's account with its credential.
   *
   * @param identifier the caller's own id of the user
   * @param connectionName the name (or id) of the connection
   * @return nothing, when it is done
   */
  public CompletableFuture<Void> deleteConnectedAccount(String identifier, String connectionName) {
    return background.run(() -> actions.deleteConnectedAccount(identifier, connectionName));
  }

  /**
   * Deletes a user's account with its credential.
   *
   * @param account which account
   * @return nothing, when it is done
   */
  public CompletableFuture<Void> deleteConnectedAccount(AccountRef account) {
    return background.run(() -> actions.deleteConnectedAccount(account));
  }

  /**
   * Makes a link for a user to authorize on a connection, for the first time or again. The account is made if there is
   * none.
   *
   * @param connectionName the name (or id) of the connection
   * @param identifier the caller's own id of the user
   * @return the link, to be sent to the user
   */
  public CompletableFuture<AuthorizationLink> getAuthorizationLink(String connectionName, String identifier) {
    return background.call(() -> actions.getAuthorizationLink(connectionName, identifier));
  }

  /**
   * Makes a link for a user to authorize on a connection, for the first time or again. The account is made if there is
   * none.
   *
   * @param connectionName the name (or id) of the connection
   * @param identifier the caller's own id of the user
   * @param options what the link shall do beside authorizing
   * @return the link, to be sent to the user
   */
  public CompletableFuture<AuthorizationLink> getAuthorizationLink(
      String connectionName, String identifier, LinkOptions options) {
    return background.call(() -> actions.getAuthorizationLink(connectionName, identifier, options));
  }

  /**
   * Makes a link for a user to authorize an account, for the first time or again.
   *
   * @param account which account
   * @param options what the link shall do beside authorizing
   * @return the link, to be sent to the user
   */
  public CompletableFuture<AuthorizationLink> getAuthorizationLink(AccountRef account, LinkOptions options) {
    return background.call(() -> actions.getAuthorizationLink(account, options));
  }

  /**
   * Confirms who finished an authorization.
   *
   * @param authRequestId what came to the app's user verify URL
   * @param identifier the app's own id of the user who is signed in in that browser
   * @return the account, and where to send the browser
   */
  public CompletableFuture<VerifiedUser> verifyConnectedAccountUser(String authRequestId, String identifier) {
    return background.call(() -> actions.verifyConnectedAccountUser(authRequestId, identifier));
  }

  /**
   * Calls a tool for a user, on the connection of the tool's connector that has an account of this user.
   *
   * @param identifier the caller's own id of the user
   * @param toolName the tool, by its own name or an alias
   * @param toolInput what the tool's input schema asks for
   * @return what it brought
   */
  public CompletableFuture<ToolResult> executeTool(String identifier, String toolName, Map<String, ?> toolInput) {
    return background.call(() -> actions.executeTool(identifier, toolName, toolInput));
  }

  /**
   * Calls a tool and waits for its answer. The call is repeated where that helps, under one Idempotency-Key.
   *
   * @param call the call
   * @return what it brought
   */
  public CompletableFuture<ToolResult> executeTool(ToolCall call) {
    return background.call(() -> actions.executeTool(call));
  }

  /**
   * Calls up to 50 tools in one request; the server makes a few at a time. One that fails takes no other along.
   *
   * @param calls the calls
   * @return one result for each call, in their order
   */
  public CompletableFuture<List<BatchResult>> executeTools(List<ToolCall> calls) {
    return background.call(() -> actions.executeTools(calls));
  }

  /**
   * Starts up to 50 tools in the background of the server and waits for none of them; {@link
   * #waitForExecution(String)} does.
   *
   * @param calls the calls
   * @return what became of each call, in their order
   */
  public CompletableFuture<List<BatchStart>> startTools(List<ToolCall> calls) {
    return background.call(() -> actions.startTools(calls));
  }

  /**
   * Starts a tool in the background of the server and does not wait; {@link #waitForExecution(String)} does.
   *
   * @param call the call
   * @return the execution that goes on
   */
  public CompletableFuture<StartedExecution> startTool(ToolCall call) {
    return background.call(() -> actions.startTool(call));
  }

  /**
   * Sends a request to a provider's API. Answers of the provider are given as they are, errors too; GET and HEAD are
   * repeated where that helps, everything else is sent once.
   *
   * @param request the request
   * @return the provider's answer
   */
  public CompletableFuture<ProxyResponse> request(ProxyRequest request) {
    return background.call(() -> actions.request(request));
  }

  /**
   * Lists tools, by connector.
   *
   * @param filter which tools
   * @return the tools, all of them
   */
  public CompletableFuture<List<Tool>> listTools(ToolFilter filter) {
    return background.call(() -> actions.listTools(filter).toList());
  }

  /**
   * Finds the tools that fit a task in words.
   *
   * @param search what is looked for
   * @return the tools, best first
   */
  public CompletableFuture<List<FoundTool>> searchTools(ToolSearch search) {
    return background.call(() -> actions.searchTools(search));
  }

  /**
   * Gives a tool by its name.
   *
   * @param name its name
   * @return the tool
   */
  public CompletableFuture<Tool> getTool(String name) {
    return background.call(() -> actions.getTool(name));
  }

  /**
   * Gives the record of a call.
   *
   * @param executionId its id: {@code ex_…}
   * @return the execution
   */
  public CompletableFuture<Execution> getExecution(String executionId) {
    return background.call(() -> actions.getExecution(executionId));
  }

  /**
   * Lists the records of calls, newest first.
   *
   * @param filter which executions
   * @return the executions, all of them
   */
  public CompletableFuture<List<Execution>> listExecutions(ExecutionFilter filter) {
    return background.call(() -> actions.listExecutions(filter).toList());
  }

  /**
   * Asks for an execution until it has ended, for five minutes at most. A failed execution throws nothing: see its
   * status and error.
   *
   * @param executionId its id: {@code ex_…}
   * @return the execution, ended
   */
  public CompletableFuture<Execution> waitForExecution(String executionId) {
    return background.call(() -> actions.waitForExecution(executionId));
  }

  /**
   * Asks for an execution until it has ended. A failed execution throws nothing: see its status and error.
   *
   * @param executionId its id: {@code ex_…}
   * @param timeout how long to wait at most
   * @return the execution, ended
   */
  public CompletableFuture<Execution> waitForExecution(String executionId, Duration timeout) {
    return background.call(() -> actions.waitForExecution(executionId, timeout));
  }

  /**
   * Says why an account or a call does not work, and what to do.
   *
   * @param request what is to be diagnosed
   * @return the diagnosis
   */
  public CompletableFuture<Diagnosis> diagnose(DiagnosisRequest request) {
    return background.call(() -> actions.diagnose(request));
  }
}
