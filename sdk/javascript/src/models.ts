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
  connectionId: string;
  connectionName: string;
  connector: string;
  provider: string;
  authType: string;
  status: AccountStatus;
  /** Why the status is what it is, as a code of the error catalogue. */
  cause?: string | null;
  /** The scopes that were granted. */
  scopes: string[];
  label?: string | null;
  organizationId?: string | null;
  userId?: string | null;
  apiConfig: Record<string, unknown>;
  createdAt: Timestamp;
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
  link: string;
  expiresAt: Timestamp;
  account: ConnectedAccount;
}

/** An account whose user your app has confirmed, and where to send the user now. */
export interface VerifiedUser {
  account: ConnectedAccount;
  postUserVerifyRedirectUrl: string;
}

/** One entry of the history of an account or a connection. */
export interface AccountEvent {
  id: string;
  kind: string;
  at: Timestamp;
  actor: string;
  code?: string | null;
  accountId?: string | null;
  connectionId?: string | null;
  data: Record<string, unknown>;
}

/** What a tool gave. */
export interface ToolResult {
  /** `ex_…`, the record of the call. */
  executionId: string;
  connectedAccountId: string;
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

/** A tool that runs by itself: see `waitForExecution`. */
export interface StartedExecution {
  executionId: string;
  status: string;
}

/** The record of one call of a tool or of one proxied request. */
export interface Execution {
  id: string;
  /** `RUNNING`, `SUCCEEDED`, `FAILED`, `UNKNOWN`, or what a newer server knows. */
  status: string;
  connectedAccountId: string;
  connectionId: string;
  connector: string;
  identifier: string;
  clientId: string;
  source: string;
  requestId: string;
  startedAt: Timestamp;
  toolName?: string | null;
  agentRunId?: string | null;
  /** How long it took, in microseconds. */
  durationUs?: number | null;
  errorCode?: string | null;
  errorMessage?: string | null;
  upstreamRequest?: string | null;
  upstreamStatus?: number | null;
  /** The output of a tool that ran by itself. */
  data?: Record<string, unknown> | null;
  /** Why a tool that ran by itself failed. */
  error?: { code: string; message: string; cause?: string } | null;
  /** Of a failed call that was asked for alone: what a diagnosis says in short. */
  diagnosis?: ShortDiagnosis | null;
}

/** A tool. */
export interface Tool {
  name: string;
  connector: string;
  provider: string;
  /** Name, description and JSON Schema of input and output, as the catalogue has them. */
  definition: ToolDefinition;
  /** Whether it accepts `maxAge`. */
  cacheable?: boolean;
}

/** The definition of a tool, in the names of the wire. */
export interface ToolDefinition {
  name?: string;
  description?: string;
  input_schema?: Record<string, unknown>;
  [more: string]: unknown;
}

/** A tool that fits a search, best first. */
export interface FoundTool {
  tool: Tool;
  description: string;
  /** How well it fits, from 0 to 1. */
  score: number;
  /** The connections of its connector; empty when no user was named. */
  connections: ConnectionReadiness[];
}

/** How a tool stands with one connection. */
export interface ConnectionReadiness {
  connectionName: string;
  /** `READY`, `NEEDS_CONNECTION` or `NEEDS_REAUTH`. */
  state: string;
  /** The user's account on it, if there is one. */
  connectedAccountId?: string | null;
  accountName?: string | null;
}

/** What is wrong with an account or an execution, and what to do. */
export interface Diagnosis {
  subject?: Record<string, unknown>;
  /** `healthy`, `degraded` or `broken`. */
  verdict: string;
  summary: string;
  findings: Finding[];
  steps: { name: string; outcome?: string; detail?: string | null }[];
}

/** One finding of a diagnosis. */
export interface Finding {
  code: string;
  /** What it means for the subject: `healthy`, `degraded` or `broken`. */
  severity?: string;
  /** `certain`, `likely` or `possible`. */
  confidence: string;
  actor?: string;
  message?: string;
  cause?: string;
  evidence: { kind: string; ref?: string | null; at?: Timestamp | null; detail?: string | null }[];
  remedies: { action: string; text: string; url?: string | null }[];
  /** The page that explains the code. */
  docs?: string;
}

/** A provider set up for your app. */
export interface Connection {
  id: string;
  name: string;
  displayName: string;
  connector: string;
  provider: string;
  authType: string;
  enabled: boolean;
  clientId?: string | null;
  hasClientSecret: boolean;
  useSharedCredentials: boolean;
  redirectUri: string;
  scopes: string[];
  overrides: Overrides;
  variables: Record<string, unknown>;
  /** What to do when a user authorizes again with another account at the provider: `flag` or `refuse`. */
  identityPolicy: string;
  /** The longest that a call may take, in milliseconds; `null` leaves it to connector and server. */
  callTimeoutMs?: number | null;
  /** Set while the provider refuses the connection's own configuration. */
  fault?: { code: string; message: string; since: Timestamp } | null;
  createdAt: Timestamp;
  updatedAt: Timestamp;
}

/** Base URLs that replace the connector's own. */
export interface Overrides {
  /** The base URL of the API; the credential goes nowhere else. */
  apiBaseUrl?: string | null;
  authorizeUrl?: string | null;
  tokenUrl?: string | null;
  revokeUrl?: string | null;
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
  slug: string;
  displayName: string;
  description: string;
  provider: string;
  authType: string;
  scopes: string[];
  tools: string[];
  sharedCredentials: boolean;
  /** The fields of a static credential. */
  fields: ConnectorField[];
  /** The variables of its URL templates, to be set on the connection. */
  variables: ConnectorField[];
}

/** One field that a connector asks for. */
export interface ConnectorField {
  name: string;
  /** Its label for people. */
  label: string;
  required: boolean;
  secret: boolean;
  /** Where to find the value. */
  help?: string | null;
}
