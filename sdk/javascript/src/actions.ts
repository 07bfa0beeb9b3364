import { type AccountRef, invalidArgument, named, segment } from "./arguments.js";
import { completeAccount, completeFound, withAccount } from "./complete.js";
import { NotFoundError, ValetkeyError } from "./errors.js";
import { freshKey, getExecution, waitForExecution } from "./executions.js";
import type { Http, Query } from "./http.js";
import type {
  AccountEvent,
  AuthorizationLink,
  ConnectedAccount,
  Diagnosis,
  Execution,
  FoundTool,
  StartedExecution,
  Tool,
  ToolResult,
  VerifiedUser,
} from "./models.js";
import type { CallOptions } from "./options.js";
import { pages } from "./pages.js";
import { type ProxyRequest, type ProxyResponse, proxied } from "./proxy.js";

const ACCOUNTS = "/v1/connect/accounts";
const TOOLS = "/v1/connect/tools";

/** What an account carries beside its name; `null` removes a value on update. */
export interface AccountFields {
  organizationId?: string | null | undefined;
  userId?: string | null | undefined;
  /** Settings of the account that its connector asks for. */
  apiConfig?: Record<string, unknown> | undefined;
}

/** A credential of your own for the account, such as an API key, and whether to skip trying it out. */
export interface CredentialFields {
  credential?: Record<string, unknown> | undefined;
  skipProbe?: boolean | undefined;
}

/** A user's account by its natural key. */
export interface NewAccount extends AccountFields {
  identifier: string;
  connectionName: string;
}

/** Which accounts to list. */
export interface AccountFilter {
  identifier?: string | undefined;
  connectionName?: string | undefined;
  connector?: string | undefined;
  status?: string | undefined;
  organizationId?: string | undefined;
  userId?: string | undefined;
  query?: string | undefined;
  /** How many to ask for at once. */
  pageSize?: number | undefined;
}

/** What an authorization link is for. */
export interface LinkRequest extends AccountRef {
  /** Scopes instead of the connection's. */
  scopes?: string[] | undefined;
  /** Comes back to your app with the user. */
  state?: string | undefined;
  /** Where the user is sent to be confirmed by your app. */
  userVerifyUrl?: string | undefined;
  organizationId?: string | undefined;
  userId?: string | undefined;
}

/** A call of a tool. */
export interface ToolCall extends AccountRef {
  toolName: string;
  /** The tool's input, as its schema names the fields. */
  toolInput?: Record<string, unknown> | undefined;
  organizationId?: string | undefined;
  userId?: string | undefined;
  /** Groups the calls of one run of an agent. */
  agentRunId?: string | undefined;
  /** The call happens once per key, however often it is sent. Default: a fresh one per call. */
  idempotencyKey?: string | undefined;
}

/** Which executions to list. */
export interface ExecutionFilter {
  connectedAccountId?: string | undefined;
  connectionId?: string | undefined;
  toolName?: string | undefined;
  status?: string | undefined;
  pageSize?: number | undefined;
}

/** Which tools to list. */
export interface ToolFilter {
  connector?: string | undefined;
  connectionName?: string | undefined;
  identifier?: string | undefined;
  query?: string | undefined;
  pageSize?: number | undefined;
}

/** Accounts, links, tools and executions: `client.actions`. Every method rejects with a `ValetkeyError`. */
export class Actions {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** One account; `NotFoundError` if there is none. */
  async getConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<ConnectedAccount> {
    const account = named(ref);
    if (!("id" in account)) return this.#find(account.identifier, account.connectionName, options);
    return completeAccount(
      await this.#http.json({ method: "GET", path: accountPath(account.id), repeatable: true }, options),
    );
  }

  /** The account; made, `PENDING`, if it is not there yet. */
  async getOrCreateConnectedAccount(account: NewAccount, options: CallOptions = {}): Promise<ConnectedAccount> {
    const { identifier, connectionName } = account;
    named({ identifier, connectionName });
    try {
      return await this.#find(identifier, connectionName, options);
    } catch (error) {
      if (!(error instanceof NotFoundError && error.code === "account_not_found")) throw error;
    }
    try {
      return await this.createConnectedAccount(account, options);
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof ValetkeyError && error.code === "account_already_exists")) throw error;
      return this.#find(identifier, connectionName, options);
    }
  }

  /** Makes an account; `ConflictError` if it is there already. */
  async createConnectedAccount(
    account: NewAccount & CredentialFields,
    options: CallOptions = {},
  ): Promise<ConnectedAccount> {
    return completeAccount(await this.#post(ACCOUNTS, account, options));
  }

  /** Changes what is given and leaves the rest. */
  async updateConnectedAccount(
    account: AccountRef & AccountFields & CredentialFields,
    options: CallOptions = {},
  ): Promise<ConnectedAccount> {
    const { identifier, connectionName, connectedAccountId, ...json } = account;
    const path = accountPath(await this.#id({ identifier, connectionName, connectedAccountId }, options));
    return completeAccount(await this.#http.json({ method: "PATCH", path, json, repeatable: false }, options));
  }

  /** All accounts that fit. */
  listConnectedAccounts(
    filter: AccountFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<ConnectedAccount, void, undefined> {
    const query = {
      identifier: filter.identifier,
      connection_name: filter.connectionName,
      connector: filter.connector,
      status: filter.status,
      organization_id: filter.organizationId,
      user_id: filter.userId,
      query: filter.query,
      page_size: filter.pageSize,
    };
    return this.#accounts(query, options);
  }

  /** The history of an account. */
  async *listAccountEvents(
    { pageSize, ...ref }: AccountRef & { pageSize?: number | undefined },
    options: CallOptions = {},
  ): AsyncGenerator<AccountEvent, void, undefined> {
    const path = `${accountPath(await this.#id(ref, options))}/events`;
    yield* pages<AccountEvent>(this.#http, path, { page_size: pageSize }, options);
  }

  /** Gives the account's credential up, at the provider too where it allows that. */
  async disconnectConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<ConnectedAccount> {
    return completeAccount(
      await this.#post(`${accountPath(await this.#id(ref, options))}/disconnect`, undefined, options),
    );
  }

  /** Deletes an account and its credential. */
  async deleteConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<void> {
    const path = accountPath(await this.#id(ref, options));
    await this.#http.json({ method: "DELETE", path, repeatable: false }, options);
  }

  /** Renews the account's credential now. `AccountExpiredError` or `AccountRevokedError` if only its user can. */
  async refreshConnectedAccount(ref: AccountRef, options: CallOptions = {}): Promise<ConnectedAccount> {
    return completeAccount(
      await this.#post(`${accountPath(await this.#id(ref, options))}/refresh`, undefined, options),
    );
  }

  /** A link for the user to authorize the account with. Makes the account if identifier and connection name it. */
  async getAuthorizationLink(request: LinkRequest, options: CallOptions = {}): Promise<AuthorizationLink> {
    const account = named(request);
    if (!("id" in account))
      return withAccount<AuthorizationLink>(await this.#post("/v1/connect/authorization-links", request, options));
    const { scopes, state, userVerifyUrl } = request;
    const path = `${accountPath(account.id)}/authorization-link`;
    return withAccount<AuthorizationLink>(await this.#post(path, { scopes, state, userVerifyUrl }, options));
  }

  /** Confirms that the user who authorized is the one your app knows by this identifier. */
  async verifyConnectedAccountUser(
    request: { authRequestId: string; identifier: string },
    options: CallOptions = {},
  ): Promise<VerifiedUser> {
    return withAccount<VerifiedUser>(await this.#post(`${ACCOUNTS}/verify`, request, options));
  }

  /** Runs a tool and gives its output. Safe to repeat: the server runs it once per idempotency key. */
  async executeTool(call: ToolCall, options: CallOptions = {}): Promise<ToolResult> {
    return (await this.#execute(call, undefined, options)) as ToolResult;
  }

  /** Starts a tool and does not wait for it: see {@link waitForExecution}. */
  async executeToolAsync(call: ToolCall, options: CallOptions = {}): Promise<StartedExecution> {
    return (await this.#execute(call, "async", options)) as StartedExecution;
  }

  /** Sends a request to the provider's API with the account's credential; the answer comes back as it is. */
  request(request: ProxyRequest, options: CallOptions = {}): Promise<ProxyResponse> {
    const find = async (identifier: string, connectionName: string) =>
      (await this.#find(identifier, connectionName, options)).id;
    return proxied(this.#http, request, find, options);
  }

  /** All tools that fit. */
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
  async searchTools(
    search: { query: string; identifier?: string | undefined; limit?: number | undefined },
    options: CallOptions = {},
  ): Promise<FoundTool[]> {
    const call = { method: "POST", path: `${TOOLS}/search`, json: search, repeatable: true };
    return ((await this.#http.json(call, options)) as { items?: FoundTool[] }).items?.map(completeFound) ?? [];
  }

  /** One tool. */
  async getTool({ name }: { name: string }, options: CallOptions = {}): Promise<Tool> {
    return (await this.#http.json(
      { method: "GET", path: `${TOOLS}/${segment("name", name)}`, repeatable: true },
      options,
    )) as Tool;
  }

  /** The record of a call. */
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

  /** Waits until an execution has ended; `timeoutMs` (default: 300 000) is for the wait in all. */
  waitForExecution({ executionId }: { executionId: string }, options: CallOptions = {}): Promise<Execution> {
    return waitForExecution(this.#http, executionId, options);
  }

  /** What is wrong with an account or an execution. `probe` allows a request to the provider. */
  async diagnose(
    request: AccountRef & { executionId?: string | undefined; probe?: boolean | undefined },
    options: CallOptions = {},
  ): Promise<Diagnosis> {
    const { executionId, probe, ...ref } = request;
    const accountNamed = Object.values(ref).some((value) => value !== undefined);
    if ((executionId === undefined) !== accountNamed) {
      throw invalidArgument(
        accountNamed ? "Both an account and an execution are named." : "Neither an account nor an execution is named.",
        "Give executionId, or connectedAccountId, or identifier and connectionName together.",
      );
    }
    const account = executionId === undefined ? named(ref) : undefined;
    const call =
      account && "id" in account
        ? { method: "GET", path: `${accountPath(account.id)}/diagnosis`, query: { probe } }
        : { method: "POST", path: "/v1/connect/diagnoses", json: { ...account, executionId, probe } };
    const found = (await this.#http.json({ ...call, repeatable: true }, options)) as Diagnosis;
    const findings = (found.findings ?? []).map((one) => ({
      ...one,
      evidence: one.evidence ?? [],
      remedies: one.remedies ?? [],
    }));
    return { ...found, findings, steps: found.steps ?? [] };
  }

  async *#accounts(query: Query, options: CallOptions): AsyncGenerator<ConnectedAccount, void, undefined> {
    for await (const account of pages<ConnectedAccount>(this.#http, ACCOUNTS, query, options))
      yield completeAccount(account);
  }

  async #execute(call: ToolCall, mode: "async" | undefined, options: CallOptions): Promise<unknown> {
    const { idempotencyKey, ...body } = call;
    const request = {
      method: "POST",
      path: `${TOOLS}/execute`,
      json: { ...body, toolInput: call.toolInput ?? {}, mode },
      headers: { "idempotency-key": idempotencyKey ?? freshKey() },
      repeatable: true,
    };
    return this.#http.json(request, options);
  }

  #post(path: string, json: unknown, options: CallOptions): Promise<unknown> {
    return this.#http.json({ method: "POST", path, json, repeatable: false }, options);
  }

  async #id(ref: AccountRef, options: CallOptions): Promise<string> {
    const account = named(ref);
    return "id" in account ? account.id : (await this.#find(account.identifier, account.connectionName, options)).id;
  }

  async #find(identifier: string, connectionName: string, options: CallOptions): Promise<ConnectedAccount> {
    const query = { identifier, connection_name: connectionName };
    const page = (await this.#http.json({ method: "GET", path: ACCOUNTS, query, repeatable: true }, options)) as {
      items?: ConnectedAccount[];
    };
    const account = page.items?.[0];
    if (account) return completeAccount(account);
    throw new NotFoundError({
      code: "account_not_found",
      message: `${identifier} has no connected account of ${connectionName}.`,
      cause: "The user has not been given an authorization link for this connection yet, or the account was deleted.",
      remedies: [
        {
          action: "authorize",
          text: "Make one with getOrCreateConnectedAccount, and send its user the link of getAuthorizationLink.",
        },
      ],
      httpStatus: 404,
    });
  }
}

function accountPath(id: string): string {
  return `${ACCOUNTS}/${segment("connectedAccountId", id)}`;
}
