// Lists and maps that a server leaves out are there, empty: nobody has to ask before looping over them.

import type { AuthorizationLink, ConnectedAccount, FoundTool, VerifiedUser } from "./models.js";

/** An account with its scopes and settings, if need be empty. */
export function completeAccount(value: unknown): ConnectedAccount {
  const account = value as ConnectedAccount;
  return { ...account, scopes: account.scopes ?? [], apiConfig: account.apiConfig ?? {} };
}

/** Something that holds an account. */
export function withAccount<T extends AuthorizationLink | VerifiedUser>(value: unknown): T {
  const holder = value as T;
  return { ...holder, account: completeAccount(holder.account) };
}

/** A found tool with the connections that have it. */
export function completeFound(found: FoundTool): FoundTool {
  return { ...found, connections: found.connections ?? [] };
}
