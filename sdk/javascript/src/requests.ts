// What calls take. Names become those of the wire; what is `undefined` is not sent.

import type { AccountRef } from "./arguments.js";

/** What an account carries beside its name; `null` removes a value on update. */
export interface AccountFields {
  /** Your own id of the user's organization. */
  organizationId?: string | null | undefined;
  /** Your own further id of the user. */
  userId?: string | null | undefined;
  /** Free settings that are kept with the account. */
  apiConfig?: Record<string, unknown> | null | undefined;
}

/** Tokens of an OAuth grant made elsewhere. */
export interface OAuthTokens {
  /** The access token. */
  accessToken: string;
  /** The refresh token, if there is one. */
  refreshToken?: string | null | undefined;
  /** When the access token stops working, if known. */
  expiresAt?: Date | string | null | undefined;
  /** The scopes that the grant has. */
  scopes?: string[] | undefined;
  /** The user's domain at the provider, where the connector's URLs need it. */
  domain?: string | null | undefined;
}

/** A credential to import: the fields that the connector asks for, by its names, or tokens of an OAuth grant. */
export type Credential = { fields: Record<string, string> } | { oauth: OAuthTokens };

/** A credential of your own for the account, and whether to store it without trying it first. */
export interface CredentialFields {
  /** Replaces the account's credential; the account is `ACTIVE` afterwards. */
  credential?: Credential | undefined;
  /** Stores the credential without trying it at the provider. Default: false. */
  skipProbe?: boolean | undefined;
}

/** A user's account by its natural key. */
export interface NewAccount extends AccountFields {
  /** Your own id of the user. */
  identifier: string;
  /** The name (or id) of the connection. */
  connectionName: string;
  /** What tells it apart from other accounts of the user on the connection; most users have one, without a name. */
  accountName?: string | undefined;
}

/** What shall become of other accounts that a revocation at the provider would end too. */
export interface Siblings {
  /** `revoke` ends them too, `keep` leaves the grant at the provider. Left out: the call fails if there are any. */
  siblings?: "revoke" | "keep" | (string & {}) | undefined;
}

/** Which accounts to list; every field given must fit. */
export interface AccountFilter {
  /** Your own id of the user. */
  identifier?: string | undefined;
  /** The name of the connection. */
  connectionName?: string | undefined;
  /** What tells an account apart from others of the user on the connection. */
  accountName?: string | undefined;
  /** The connector, such as `gmail`. */
  connector?: string | undefined;
  /** Such as `EXPIRED`. */
  status?: string | undefined;
  /** Your own id of the user's organization. */
  organizationId?: string | undefined;
  /** Your own further id of the user. */
  userId?: string | undefined;
  /** Words in identifier or label. */
  query?: string | undefined;
  /** How many to ask for at once: 1 to 100. Default: 20. */
  pageSize?: number | undefined;
}

/** Which entries of a history to list; every field given must fit. */
export interface EventFilter {
  /** Such as `account.expired`; several with commas between. */
  kind?: string | undefined;
  /** With this cause, a code of the catalogue. */
  code?: string | undefined;
  /** At or after this instant. */
  since?: Date | string | undefined;
  /** Before this instant. */
  until?: Date | string | undefined;
  /** How many to ask for at once: 1 to 100. Default: 20. */
  pageSize?: number | undefined;
}

/** What an authorization link is for. */
export interface LinkRequest extends AccountRef {
  /** Asks for these scopes instead of the connection's. */
  scopes?: string[] | undefined;
  /** Asks for these scopes besides the connection's and those that the account has. */
  addScopes?: string[] | undefined;
  /** Comes back to your `userVerifyUrl` untouched. */
  state?: string | undefined;
  /** A page of your app that confirms who the user is: see `verifyConnectedAccountUser`. */
  userVerifyUrl?: string | undefined;
  /** For an account that is made by this call. */
  organizationId?: string | undefined;
  /** For an account that is made by this call. */
  userId?: string | undefined;
}

/** A call of a tool. `connectionName` may be missing: then it is the user's account for the tool's connector. */
export interface ToolCall extends AccountRef {
  /** Such as `gmail_get_profile`. */
  toolName: string;
  /** The tool's input, as its schema names the fields. Default: `{}`. */
  toolInput?: Record<string, unknown> | undefined;
  /** Your own id of the user's organization. */
  organizationId?: string | undefined;
  /** Your own further id of the user. */
  userId?: string | undefined;
  /** Your own id of the agent's run, kept with the execution. */
  agentRunId?: string | undefined;
  /**
   * The longest that the call may take at the server, in milliseconds. How long to wait for the server is the
   * `timeoutMs` of the client, or of the options.
   */
  timeoutMs?: number | undefined;
  /**
   * For a tool that is `cacheable`: how old an answer may be that was given before, in seconds. Left out: the provider is
   * asked.
   */
  maxAge?: number | undefined;
  /** The call happens once per key, however often it is sent. Default: a fresh one per call. */
  idempotencyKey?: string | undefined;
}

/** Which executions to list; every field given must fit. */
export interface ExecutionFilter {
  /** The account: `ca_…`. */
  connectedAccountId?: string | undefined;
  /** The connection: `conn_…`. */
  connectionId?: string | undefined;
  /** The tool's own name. */
  toolName?: string | undefined;
  /** Such as `FAILED`. */
  status?: string | undefined;
  /** How many to ask for at once: 1 to 100. Default: 20. */
  pageSize?: number | undefined;
}

/** Which tools to list; every field given must fit. */
export interface ToolFilter {
  /** The connector, such as `gmail`. */
  connector?: string | undefined;
  /** Only tools of the connector of this connection. */
  connectionName?: string | undefined;
  /** Only tools of connectors to which this user is connected. */
  identifier?: string | undefined;
  /** Words in name or description. */
  query?: string | undefined;
  /** How many to ask for at once: 1 to 100. Default: 20. */
  pageSize?: number | undefined;
}

/** A task, in words, that a tool is looked for. */
export interface ToolSearch {
  /** The task in words. */
  query: string;
  /** Whose connections to show with each tool. */
  identifier?: string | undefined;
  /** How many tools at most: 1 to 100. Default: 10. */
  limit?: number | undefined;
}

/** What is to be diagnosed: an account, one call, or, by `connectionName` alone, a connection. */
export interface DiagnosisRequest extends AccountRef {
  /** `ex_…`, instead of naming an account. */
  executionId?: string | undefined;
  /** Whether to try it at the provider, with a call that changes nothing. Left out: the server decides. */
  probe?: boolean | undefined;
  /** The redirect URIs that the provider's console shows; a difference is found then. */
  registeredRedirectUris?: string[] | undefined;
}
