import { type AccountRef, named, naturalKey, segment } from "./arguments.js";
import { completeAccount, completeDisconnected, completeFound, withAccount } from "./complete.js";
import { diagnose } from "./diagnose.js";
import { ValetkeyError } from "./errors.js";
import { getExecution, keyOf, waitForExecution } from "./executions.js";
import type { Http, Query } from "./http.js";
import { ACCOUNTS, accountPath, found, lookUp, pathOf } from "./lookup.js";
import type {
  AccountEvent,
  AuthorizationLink,
  BatchResult,
  BatchStart,
  ConnectedAccount,
  Diagnosis,
  DisconnectedAccount,
  Execution,
  FoundTool,
  StartedExecution,
  Tool,
  ToolResult,
  VerifiedUser,
} from "./models.js";
import type { CallOptions, SharedOptions } from "./options.js";
import { eventQuery, pages } from "./pages.js";
import { type ProxyRequest, type ProxyResponse, proxied } from "./proxy.js";
import type {
  AccountFields,
  AccountFilter,
  CredentialFields,
  DiagnosisRequest,
  EventFilter,
  ExecutionFilter,
  LinkRequest,
  NewAccount,
  Siblings,
  ToolCall,
  ToolFilter,
  ToolSearch,
} from "./requests.js";

const TOOLS = "/v1/connect/tools";

/**
 * Accounts, links, tools and executions: `client.actions`. Every method rejects with a `ValetkeyError`, and takes
 * {@link CallOptions} last.
 */
export class Actions {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * One account.
   *
   * @throws NotFoundError if there is none (`account_not_found`).
   * @throws ConflictError if there are several and all have names (`ambiguous_account`).
   */
  async getConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<ConnectedAccount> {
    const account = named(ref);
    if (!("id" in account)) return found(this.#http, account, this.#http.begin(options));
    return completeAccount(await this.#get(accountPath(account.id), options));
  }

  /**
   * The account; made, `PENDING`, if it is not there yet. What exists is not changed.
   *
   * @throws NotFoundError if there is no such connection.
   */
  async getOrCreateConnectedAccount(account: NewAccount, options: CallOptions = {}): Promise<ConnectedAccount> {
    const { identifier, connectionName, accountName } = account;
    const key = naturalKey({ identifier, connectionName, accountName });
    const shared = this.#http.begin(options);
    const existing = await lookUp(this.#http, key, shared);
    if (existing) return existing;
    try {
      return await this.createConnectedAccount(account, shared);
    } catch (error) {
      if (!(error instanceof ValetkeyError && error.code === "account_already_exists")) throw error;
      // Somebody else was faster.
      return found(this.#http, key, shared);
    }
  }

  /**
   * Makes an account: `PENDING`, or `ACTIVE` when it comes with its credential.
   *
   * @throws ConflictError if it is there already (`account_already_exists`).
   * @throws InvalidRequestError if the credential lacks a field, or the provider refused it.
   */
  async createConnectedAccount(
    account: NewAccount & CredentialFields,
    options: CallOptions = {},
  ): Promise<ConnectedAccount> {
    return completeAccount(await this.#post(ACCOUNTS, account, options));
  }

  /** Changes what is given and leaves the rest; `null` removes a value. */
  async updateConnectedAccount(
    account: AccountRef & AccountFields & CredentialFields,
    options: CallOptions = {},
  ): Promise<ConnectedAccount> {
    const { identifier, connectionName, accountName, connectedAccountId, ...json } = account;
    const shared = this.#http.begin(options);
    const path = await pathOf(this.#http, { identifier, connectionName, accountName, connectedAccountId }, shared);
    return completeAccount(await this.#http.json({ method: "PATCH", path, json, repeatable: false }, shared));
  }

  /** All accounts that fit, newest first. */
  listConnectedAccounts(
    filter: AccountFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<ConnectedAccount, void, undefined> {
    const query = {
      identifier: filter.identifier,
      connection_name: filter.connectionName,
      account_name: filter.accountName,
      connector: filter.connector,
      status: filter.status,
      organization_id: filter.organizationId,
      user_id: filter.userId,
      query: filter.query,
      page_size: filter.pageSize,
    };
    return this.#accounts(query, options);
  }

  /** The history of an account, newest first. */
  async *listAccountEvents(
    { kind, code, since, until, pageSize, ...ref }: AccountRef & EventFilter,
    options: CallOptions = {},
  ): AsyncGenerator<AccountEvent, void, undefined> {
    const shared = this.#http.begin(options);
    const path = `${await pathOf(this.#http, ref, shared)}/events`;
    yield* pages<AccountEvent>(this.#http, path, eventQuery({ kind, code, since, until, pageSize }), shared);
  }

  /**
   * Ends the account's access: revokes it at the provider where that works, and forgets the credential. The account
   * stays and can be authorized again.
   *
   * @throws ConflictError if the revocation would end other accounts too and `siblings` does not say what shall become
   * of them (`revocation_reaches_siblings`).
   */
  async disconnectConnectedAccount(
    { siblings, ...ref }: AccountRef & Siblings,
    options: CallOptions = {},
  ): Promise<DisconnectedAccount> {
    const shared = this.#http.begin(options);
    const path = `${await pathOf(this.#http, ref, shared)}/disconnect`;
    return completeDisconnected(await this.#post(path, siblings && { siblings }, shared));
  }

  /** Deletes an account and its credential; `siblings` as for {@link disconnectConnectedAccount}. */
  async deleteConnectedAccount({ siblings, ...ref }: AccountRef & Siblings, options: CallOptions = {}): Promise<void> {
    const shared = this.#http.begin(options);
    const path = await pathOf(this.#http, ref, shared);
    await this.#http.json({ method: "DELETE", path, query: { siblings }, repeatable: false }, shared);
  }

  /**
   * Renews the account's access token at the provider now. Calls do this by themselves when it is due.
   *
   * @throws AccountNotActiveError if its user must authorize again; see `authorizationLink`.
   * @throws ConflictError if the provider refuses to renew it (`refresh_refused`, `refresh_not_possible`).
   */
  async refreshConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<ConnectedAccount> {
    const shared = this.#http.begin(options);
    return completeAccount(await this.#post(`${await pathOf(this.#http, ref, shared)}/refresh`, undefined, shared));
  }

  /**
   * A link at which the user authorizes the account, for the first time or again. It is a secret of that user.
   * With a natural key the account is made if there is none.
   *
   * @throws NotFoundError if there is no such connection or account.
   */
  async getAuthorizationLink(request: LinkRequest, options: CallOptions = {}): Promise<AuthorizationLink> {
    const { identifier, connectionName, accountName, connectedAccountId, ...rest } = request;
    const account = named({ identifier, connectionName, accountName, connectedAccountId });
    const [path, json] =
      "id" in account
        ? [`${accountPath(account.id)}/authorization-link`, rest]
        : ["/v1/connect/authorization-links", { ...account, ...rest }];
    return withAccount<AuthorizationLink>(await this.#post(path, json, options));
  }

  /**
   * Confirms that the user who came to your `userVerifyUrl` is `identifier`; the account becomes `ACTIVE`. Take
   * `identifier` from your own session, never from the request's address.
   *
   * @throws ForbiddenError if the authorization was begun for somebody else (`verification_mismatch`).
   */
  async verifyConnectedAccountUser(
    request: { authRequestId: string; identifier: string },
    options: CallOptions = {},
  ): Promise<VerifiedUser> {
    return withAccount<VerifiedUser>(await this.#post(`${ACCOUNTS}/verify`, request, options));
  }

  /**
   * Runs a tool and gives its output. Safe to repeat: the server runs it once per idempotency key.
   *
   * @throws InvalidRequestError if `toolInput` does not fit; `fields` says where.
   * @throws NotFoundError if there is no such tool or account.
   * @throws AccountNotActiveError if the user must act; see `authorizationLink`.
   * @throws InsufficientScopeError if the account lacks a scope that the tool needs.
   * @throws ToolError if the provider did not do it.
   */
  async executeTool(call: ToolCall, options: CallOptions = {}): Promise<ToolResult> {
    return (await this.#execute(call, undefined, options)) as ToolResult;
  }

  /** Starts a tool and does not wait for it: {@link waitForExecution} does. */
  async executeToolAsync(call: ToolCall, options: CallOptions = {}): Promise<StartedExecution> {
    return (await this.#execute(call, "async", options)) as StartedExecution;
  }

  /**
   * Calls up to 50 tools in one request; the server makes a few at a time. One that fails takes no other along: there
   * is one result for each call, in their order. Each call carries an idempotency key, so that the whole is safe to
   * repeat.
   *
   * @throws InvalidRequestError if there are too many calls, or none.
   */
  async executeTools(calls: readonly ToolCall[], options: CallOptions = {}): Promise<BatchResult[]> {
    const results = await this.#batch(calls, undefined, options);
    return results.map((one) => (one instanceof ValetkeyError ? { error: one } : { result: one as ToolResult }));
  }

  /**
   * Starts up to 50 tools and waits for none of them: {@link waitForExecution} does. For the rest as
   * {@link executeTools}; such calls take no `maxAge`.
   *
   * @throws InvalidRequestError if there are too many calls, or none.
   */
  async executeToolsAsync(calls: readonly ToolCall[], options: CallOptions = {}): Promise<BatchStart[]> {
    const results = await this.#batch(calls, "async", options);
    return results.map((one) => (one instanceof ValetkeyError ? { error: one } : { started: one as StartedExecution }));
  }

  #batch(calls: readonly ToolCall[], mode: string | undefined, options: CallOptions) {
    const json = {
      calls: calls.map((call) => ({
        ...call,
        toolInput: call.toolInput ?? {},
        idempotencyKey: keyOf(call),
      })),
      mode,
    };
    const call = { method: "POST", path: `${TOOLS}/execute/batch`, json, repeatable: true };
    return this.#http.results(call, calls.length, options);
  }

  /**
   * Sends a request to the provider's API with the account's credential, for what no tool does. The answer comes back
   * as it is, whatever its status.
   *
   * @throws AccountNotActiveError if the user must act; see `authorizationLink`.
   * @throws ToolUnreachableError if the server could not reach the provider.
   */
  request(request: ProxyRequest, options: CallOptions = {}): Promise<ProxyResponse> {
    return proxied(this.#http, request, options);
  }

  /** All tools that fit, by connector. */
  listTools(filter: ToolFilter = {}, options: CallOptions = {}): AsyncGenerator<Tool, void, undefined> {
    const query = {
      connector: filter.connector,
      connection_name: filter.connectionName,
      identifier: filter.identifier,
      query: filter.query,
      page_size: filter.pageSize,
    };
    return pages(this.#http, TOOLS, query, options);
  }

  /** The tools for a task in words, best first, and whether the user can use them. */
  async searchTools(search: ToolSearch, options: CallOptions = {}): Promise<FoundTool[]> {
    const call = { method: "POST", path: `${TOOLS}/search`, json: search, repeatable: true };
    return ((await this.#http.json(call, options)) as { items?: FoundTool[] }).items?.map(completeFound) ?? [];
  }

  /**
   * One tool.
   *
   * @throws NotFoundError if there is none (`tool_not_found`).
   */
  async getTool({ name }: { name: string }, options: CallOptions = {}): Promise<Tool> {
    return (await this.#get(`${TOOLS}/${segment("name", name)}`, options)) as Tool;
  }

  /**
   * The record of a call.
   *
   * @throws NotFoundError if there is none (`execution_not_found`).
   */
  getExecution({ executionId }: { executionId: string }, options: CallOptions = {}): Promise<Execution> {
    return getExecution(this.#http, executionId, options);
  }

  /** All executions that fit, newest first. */
  listExecutions(filter: ExecutionFilter = {}, options: CallOptions = {}): AsyncGenerator<Execution, void, undefined> {
    const query = {
      connected_account_id: filter.connectedAccountId,
      connection_id: filter.connectionId,
      tool_name: filter.toolName,
      status: filter.status,
      page_size: filter.pageSize,
    };
    return pages(this.#http, "/v1/connect/executions", query, options);
  }

  /**
   * Waits until an execution has ended; `timeoutMs` (default: 300 000) is for the wait in all. A failed execution is no
   * error: see its `status` and `error`.
   *
   * @throws TimeoutError with the `executionId` if it still runs then.
   */
  waitForExecution({ executionId }: { executionId: string }, options: CallOptions = {}): Promise<Execution> {
    return waitForExecution(this.#http, executionId, options);
  }

  /** Why an account, one call or a connection does not work: verdict, findings with evidence, and what to do. */
  diagnose(request: DiagnosisRequest, options: CallOptions = {}): Promise<Diagnosis> {
    return diagnose(this.#http, request, options);
  }

  async *#accounts(query: Query, options: CallOptions): AsyncGenerator<ConnectedAccount, void, undefined> {
    for await (const account of pages<ConnectedAccount>(this.#http, ACCOUNTS, query, options))
      yield completeAccount(account);
  }

  async #execute(call: ToolCall, mode: "async" | undefined, options: CallOptions): Promise<unknown> {
    const { idempotencyKey: _, ...body } = call;
    const key = keyOf(call);
    const request = {
      method: "POST",
      path: `${TOOLS}/execute`,
      json: { ...body, toolInput: call.toolInput ?? {}, mode },
      headers: key === undefined ? {} : { "idempotency-key": key },
      repeatable: true,
    };
    return this.#http.json(request, options);
  }

  #get(path: string, options: CallOptions): Promise<unknown> {
    return this.#http.json({ method: "GET", path, repeatable: true }, options);
  }

  #post(path: string, json: unknown, options: SharedOptions): Promise<unknown> {
    return this.#http.json({ method: "POST", path, json, repeatable: false }, options);
  }
}
