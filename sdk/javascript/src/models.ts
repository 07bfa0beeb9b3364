// What the API gives. Fields of newer servers come along, under JavaScript's names, though no type names them.

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
  lastUsedAt?: Timestamp | null;
  tokenExpiresAt?: Timestamp | null;
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
}

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
  error?: { code: string; message: string } | null;
}

/** A tool. */
export interface Tool {
  name: string;
  connector: string;
  provider: string;
  /** Name, description and JSON Schema of input and output, as the catalogue has them. */
  definition: ToolDefinition;
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
  score: number;
  connections: Record<string, unknown>[];
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
  /** `certain`, `likely` or `possible`. */
  confidence: string;
  actor?: string;
  message?: string;
  cause?: string;
  evidence: { kind: string; ref?: string | null; at?: Timestamp | null; detail?: string | null }[];
  remedies: { action: string; text: string; url?: string | null }[];
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
  overrides: Record<string, unknown>;
  variables: Record<string, unknown>;
  fault?: Record<string, unknown> | null;
  createdAt: Timestamp;
  updatedAt: Timestamp;
}

/** What a test of a connection found. */
export interface ConnectionTest {
  ok: boolean;
  checked: Record<string, unknown>[];
  notChecked: Record<string, unknown>[];
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
  fields: Record<string, unknown>[];
  variables: Record<string, unknown>[];
}
