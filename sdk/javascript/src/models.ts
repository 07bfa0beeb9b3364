// What the API gives. Fields of newer servers come along, under JavaScript's names, though no type names them.

import type { ShortDiagnosis, ValetkeyError } from "./errors.js";

/** A point in time as the API writes it: RFC 3339 in UTC, such as `2026-03-01T09:00:00Z`. */
export type Timestamp = string;

/** A status of a connected account; a newer server may know more. */
export type AccountStatus =
  | "PENDING"
  | "PENDING_VERIFICATION"
  | "ACTIVE"
  | "EXPIRED"
  | "REVOKED"
  | "ERROR"
  | "DISCONNECTED"
  | (string & {});

/** One user's account at a provider. */
export interface ConnectedAccount {
  /** `ca_…` */
  id: string;
  /** Your name of the user. */
  identifier: string;
  /** `conn_…`, its connection. */
  connectionId: string;
  /** The name of its connection. */
  connectionName: string;
  /** The connector, such as `gmail`. */
  connector: string;
  /** The connector's official upper-case name. */
  provider: string;
  /** How it is authorized: `OAUTH`, `OAUTH_CLIENT_CREDENTIALS`, `API_KEY`, `BASIC`, `BEARER` or `NONE`. */
  authType: string;
  /** How it stands. */
  status: AccountStatus;
  /** Why the status is what it is, as a code of the error catalogue. */
  cause?: string | null;
  /** The scopes that were granted. */
  scopes: string[];
  /** The e-mail address or user name at the provider, if known. */
  label?: string | null;
  /** Your own id of the user's organization. */
  organizationId?: string | null;
  /** Your own further id of the user. */
  userId?: string | null;
  /** Free settings that you keep with the account. */
  apiConfig: Record<string, unknown>;
  /** When it was made. */
  createdAt: Timestamp;
  /** When it last changed. */
  updatedAt: Timestamp;
  /** When it was last used for a call, to the minute. */
  lastUsedAt?: Timestamp | null;
  /** When the provider's access token stops working; `null` if unknown or never. */
  tokenExpiresAt?: Timestamp | null;
  /** What tells it apart from other accounts of the user on the connection; `null` for the unnamed one. */
  accountName?: string | null;
  /** When its credential is renewed next without anybody asking. */
  refreshAt?: Timestamp | null;
  /** Set while renewals fail in passing; the account works as long as its access token lives. */
  degraded?: Degraded | null;
  /** The site, company or workspace at the provider that it works in; `null` where accounts have none. */
  place?: Place | null;
}

/** A site, company or workspace at the provider. */
export interface Place {
  /** The provider's id of it. */
  id: string;
  /** Its name. */
  name?: string | null;
  /** Its address for people. */
  url?: string | null;
}

/** Renewals fail in passing. */
export interface Degraded {
  /** What the last one failed with, as a code of the catalogue. */
  code: string;
  /** Since when they fail. */
  since: Timestamp;
  /** How many failed in a row. */
  failures: number;
  /** The provider is not asked again before. */
  retryAt: Timestamp;
  /** Whether the provider named that time. */
  askedFor: boolean;
}

/** What became of a grant at the provider. */
export interface Revocation {
  /** `revoked_and_verified`, `revoked`, `not_offered`, `kept_for_siblings`, `failed_will_retry` or `given_up`. */
  outcome: string;
  /** The kinds of tokens that the provider took back. */
  tokens: string[];
  /** The accounts for whose sake the grant was kept. */
  siblings: string[];
  /** What a try failed with, as a code of the catalogue. */
  code?: string | null;
  /** The case in words, if there is more to say. */
  detail?: string | null;
  /** When it is tried again. */
  retryAt?: Timestamp | null;
}

/** An account that was disconnected. */
export interface DisconnectedAccount extends ConnectedAccount {
  /** What became of the grant at the provider; `null` if there was none. */
  revocation: Revocation | null;
}

/** A link that lets its user authorize an account. Whoever opens it can: send it to nobody else. */
export interface AuthorizationLink {
  /** The address to send to the user. */
  link: string;
  /** When it stops working. */
  expiresAt: Timestamp;
  /** The account that it authorizes. */
  account: ConnectedAccount;
}

/** An account whose user your app has confirmed, and where to send the user now. */
export interface VerifiedUser {
  /** The account, `ACTIVE` now. */
  account: ConnectedAccount;
  /** Where to send the user now. */
  postUserVerifyRedirectUrl: string;
}

/** One entry of the history of an account or a connection. */
export interface AccountEvent {
  /** `ev_…` */
  id: string;
  /** What happened, such as `account.expired`. */
  kind: string;
  /** When it happened. */
  at: Timestamp;
  /** Who did it: `client:…`, `token:…`, `end_user` or `system`. */
  actor: string;
  /** The cause, as a code of the error catalogue. */
  code?: string | null;
  /** The account concerned: `ca_…`. */
  accountId?: string | null;
  /** The connection concerned: `conn_…`. */
  connectionId?: string | null;
  /** Evidence and detail. */
  data: Record<string, unknown>;
}

/** What a tool gave. */
export interface ToolResult {
  /** `ex_…`, the record of the call. */
  executionId: string;
  /** `ca_…`, the account that was used. */
  connectedAccountId: string;
  /** The tool's own name. */
  toolName: string;
  /** The tool's output, as the provider names its fields. */
  data: Record<string, unknown>;
  /** Whether the answer was given before and the provider was not asked (`maxAge`). */
  cached?: boolean;
  /** How old such an answer is, in seconds. */
  age?: number;
}

/** What one call of a batch brought: one of the two. */
export type BatchResult = { result: ToolResult; error?: undefined } | { result?: undefined; error: ValetkeyError };

/** What became of one call of a batch that goes on by itself: one of the two. */
export type BatchStart =
  | { started: StartedExecution; error?: undefined }
  | { started?: undefined; error: ValetkeyError };

/** A tool that runs by itself: see `waitForExecution`. */
export interface StartedExecution {
  /** `ex_…`, the record of the call. */
  executionId: string;
  /** `RUNNING`, or how it ended if it was taken on before under the same key. */
  status: string;
}

/** The record of one call of a tool or of one proxied request. */
export interface Execution {
  /** `ex_…` */
  id: string;
  /** `RUNNING`, `SUCCEEDED`, `FAILED`, `UNKNOWN`, or what a newer server knows. */
  status: string;
  /** The account that was used: `ca_…`. */
  connectedAccountId: string;
  /** The connection that was used: `conn_…`. */
  connectionId: string;
  /** The connector, such as `gmail`. */
  connector: string;
  /** The account's identifier. */
  identifier: string;
  /** The API client that called. */
  clientId: string;
  /** Through which door the call came: `rest`, `grpc`, `compat_rest`, `proxy`, `mcp`, … */
  source: string;
  /** The id of the request, as in the server's log: `req_…`. */
  requestId: string;
  /** When it began. */
  startedAt: Timestamp;
  /** The tool's own name; `null` for a proxied request. */
  toolName?: string | null;
  /** Your own id of the agent's run. */
  agentRunId?: string | null;
  /** How long it took, in microseconds. */
  durationUs?: number | null;
  /** Why it failed, as a code of the error catalogue. */
  errorCode?: string | null;
  /** The error message as the caller got it. */
  errorMessage?: string | null;
  /** Method and path sent to the provider, without the query. */
  upstreamRequest?: string | null;
  /** The provider's HTTP status, if it answered. */
  upstreamStatus?: number | null;
  /** Of a tool call that failed: the provider's name for the request, which its support asks for. */
  upstreamRequestId?: string | null;
  /** Of a tool call that failed: the beginning of the provider's answer, at most 2048 bytes, without secrets. */
  upstreamBody?: string | null;
  /** The output of a tool that ran by itself. */
  data?: Record<string, unknown> | null;
  /** Why a tool that ran by itself failed. */
  error?: { code: string; message: string; cause?: string } | null;
  /** Of a failed call that was asked for alone: what a diagnosis says in short. */
  diagnosis?: ShortDiagnosis | null;
}

/** A tool. */
export interface Tool {
  /** Its name, such as `gmail_get_profile`. */
  name: string;
  /** The connector that it belongs to. */
  connector: string;
  /** The connector's official upper-case name. */
  provider: string;
  /** Name, description and JSON Schema of input and output, as the catalogue has them. */
  definition: ToolDefinition;
  /** Whether it accepts `maxAge`. */
  cacheable?: boolean;
}

/** The definition of a tool, in the names of the wire. */
export interface ToolDefinition {
  /** The tool's name. */
  name?: string;
  /** What it does, for models. */
  description?: string;
  /** The JSON Schema of its input. */
  input_schema?: Record<string, unknown>;
  [more: string]: unknown;
}

/** A tool that fits a search, best first. */
export interface FoundTool {
  /** The tool. */
  tool: Tool;
  /** What it does. */
  description: string;
  /** How well it fits, from 0 to 1. */
  score: number;
  /** The connections of its connector; empty when no user was named. */
  connections: ConnectionReadiness[];
}

/** How a tool stands with one connection. */
export interface ConnectionReadiness {
  /** The name of the connection. */
  connectionName: string;
  /** `READY`, `NEEDS_CONNECTION` or `NEEDS_REAUTH`. */
  state: string;
  /** The user's account on it, if there is one. */
  connectedAccountId?: string | null;
  /** What tells that account apart from others of the user on the connection. */
  accountName?: string | null;
}

/** What is wrong with an account or an execution, and what to do. */
export interface Diagnosis {
  /** What was diagnosed: its ids. */
  subject?: Record<string, unknown>;
  /** `healthy`, `degraded` or `broken`. */
  verdict: string;
  /** The answer in a few sentences. */
  summary: string;
  /** The reasons, most certain first. */
  findings: Finding[];
  /** What was looked at. */
  steps: { name: string; outcome?: string; detail?: string | null }[];
}

/** One finding of a diagnosis. */
export interface Finding {
  /** The code of the error catalogue. */
  code: string;
  /** What it means for the subject: `healthy`, `degraded` or `broken`. */
  severity?: string;
  /** `certain`, `likely` or `possible`. */
  confidence: string;
  /** Whose move it is: `end_user`, `developer`, `operator`, `provider_admin` or `nobody`. */
  actor?: string;
  /** What is wrong. */
  message?: string;
  /** Why. */
  cause?: string;
  /** What it rests on: events, executions and probes, by their ids. */
  evidence: { kind: string; ref?: string | null; at?: Timestamp | null; detail?: string | null }[];
  /** What to do, in order. */
  remedies: { action: string; text: string; url?: string | null }[];
  /** The page that explains the code. */
  docs?: string;
}

/** A provider set up for your app. */
export interface Connection {
  /** `conn_…` */
  id: string;
  /** Its name, unique within the environment. */
  name: string;
  /** The connector's name for people. */
  displayName: string;
  /** The connector that it configures. */
  connector: string;
  /** The connector's official upper-case name. */
  provider: string;
  /** How its accounts are authorized. */
  authType: string;
  /** Whether it is enabled. */
  enabled: boolean;
  /** The OAuth client at the provider. */
  clientId?: string | null;
  /** Whether a client secret is stored. */
  hasClientSecret: boolean;
  /** When the client secret ends at the provider, if somebody said so. */
  clientSecretExpiresAt?: Timestamp | null;
  /** Whether the operator-wide OAuth client is used. */
  useSharedCredentials: boolean;
  /** Register exactly this at the provider. */
  redirectUri: string;
  /** The scopes asked for; empty means the connector's defaults. */
  scopes: string[];
  /** Other base URLs than the connector's. */
  overrides: Overrides;
  /** Values for the connector's URL templates. */
  variables: Record<string, unknown>;
  /** What to do when a user authorizes again with another account at the provider: `flag` or `refuse`. */
  identityPolicy: string;
  /** The longest that a call may take, in milliseconds; `null` leaves it to connector and server. */
  callTimeoutMs?: number | null;
  /** Set while the provider refuses the connection's own configuration. */
  fault?: { code: string; message: string; since: Timestamp } | null;
  /** When it was made. */
  createdAt: Timestamp;
  /** When it last changed. */
  updatedAt: Timestamp;
}

/** Base URLs that replace the connector's own. */
export interface Overrides {
  /** The base URL of the API; the credential goes nowhere else. */
  apiBaseUrl?: string | null;
  /** The authorization endpoint. */
  authorizeUrl?: string | null;
  /** The token endpoint. */
  tokenUrl?: string | null;
  /** The revocation endpoint. */
  revokeUrl?: string | null;
  /** The userinfo endpoint. */
  userinfoUrl?: string | null;
}

/** What a test of a connection found. */
export interface ConnectionTest {
  /** Whether everything that could be checked is in order. */
  ok: boolean;
  /** What was checked; `code` is of the catalogue, where it is not in order. */
  checked: { item: string; ok: boolean; detail: string; code?: string | null }[];
  /** What could not be checked from here, and how to find out. */
  notChecked: { item: string; reason: string }[];
}

/** A provider that connections can be made for. */
export interface Connector {
  /** Its name. */
  slug: string;
  /** Its name for people. */
  displayName: string;
  /** What it is. */
  description: string;
  /** Its official upper-case name. */
  provider: string;
  /** How its accounts are authorized. */
  authType: string;
  /** The scopes that a connection asks for unless told otherwise. */
  scopes: string[];
  /** The names of its tools. */
  tools: string[];
  /** Whether the operator has set a shared OAuth client. */
  sharedCredentials: boolean;
  /** The fields of a static credential. */
  fields: ConnectorField[];
  /** The variables of its URL templates, to be set on the connection. */
  variables: ConnectorField[];
}

/** One field that a connector asks for. */
export interface ConnectorField {
  /** Its name in requests. */
  name: string;
  /** Its label for people. */
  label: string;
  /** Whether it must be given. */
  required: boolean;
  /** Whether it is a secret. */
  secret: boolean;
  /** Where to find the value. */
  help?: string | null;
}
