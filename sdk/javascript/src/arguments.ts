// What is checked here, before a request, because the address of the request depends on it.

import { InvalidRequestError } from "./errors.js";

/** Which account: its id, or whose account it is and of which connection. */
export interface AccountRef {
  /** Your name of the user. */
  identifier?: string | undefined;
  /** The connection, by name. */
  connectionName?: string | undefined;
  /** Which of several accounts that the user has on the connection. Left out: the one without a name, else the only one. */
  accountName?: string | undefined;
  /** `ca_…`, instead of all of these. */
  connectedAccountId?: string | undefined;
}

/** An account by whose it is. */
export interface NaturalKey {
  identifier: string;
  connectionName: string;
  accountName?: string;
}

/** An account named in one way. */
export type NamedAccount = { id: string } | NaturalKey;

export function invalidArgument(message: string, remedy: string): InvalidRequestError {
  return new InvalidRequestError({
    code: "client_invalid_argument",
    message,
    cause: "The request cannot be built from the arguments given; none was sent.",
    remedies: [{ action: "fix_request", text: remedy }],
  });
}

const HOW = "Give connectedAccountId, or identifier and connectionName together.";

/** Which account is meant; throws if it is named in no way, by half, or in two ways. */
export function named(ref: AccountRef): NamedAccount {
  const { identifier, connectionName, accountName, connectedAccountId: id } = ref;
  if (id !== undefined) {
    if (identifier !== undefined || connectionName !== undefined || accountName !== undefined)
      throw invalidArgument("The account is named in two ways.", HOW);
    return { id };
  }
  if (identifier && connectionName) {
    return accountName ? { identifier, connectionName, accountName } : { identifier, connectionName };
  }
  throw invalidArgument(
    identifier || connectionName ? "Only half of the account's name is given." : "No account is named.",
    HOW,
  );
}

/** A natural key; throws unless it is whole. */
export function naturalKey({
  identifier,
  connectionName,
  accountName,
}: Omit<AccountRef, "connectedAccountId">): NaturalKey {
  return named({ identifier, connectionName, accountName }) as NaturalKey;
}

function encoded(text: string): string {
  // RFC 3986 §2.3: only these are unreserved.
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** One segment of a path. An empty one, `.` and `..` would lead to another path, with the token. */
export function segment(what: string, value: string): string {
  if (typeof value !== "string" || value === "" || value === "." || value === "..") {
    throw invalidArgument(
      `${what} is ${value ? `"${value}"` : "empty"}.`,
      `Give ${what}; it becomes part of the address.`,
    );
  }
  return encoded(value);
}

/** The path of a proxied request, encoded where it is not yet (RFC 3986 §3.3). */
export function proxiedPath(path: string): string {
  const rest = path.replace(/^\//, "");
  if (rest === "") throw invalidArgument("The path is empty.", "Give the path of the provider's API, such as /v1/me.");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  if (/[?#\\\u0000-\u001f\u007f]/.test(rest)) {
    throw invalidArgument(
      "The path holds ?, #, \\ or a control character.",
      "Give the query as `query`, and encode the rest.",
    );
  }
  if (rest.split("/").some((part) => /^(\.|%2e){1,2}$/i.test(part))) {
    throw invalidArgument("The path holds a . or .. segment.", "Give the path as it is at the provider, without dots.");
  }
  return rest.replace(/%[0-9a-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]+/gi, (piece) =>
    /^%[0-9a-f]{2}$/i.test(piece) ? piece : encoded(piece),
  );
}
