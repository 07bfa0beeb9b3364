// Lists and maps that a server leaves out are there, empty: nobody has to ask before looping over them.

import type { AuthorizationLink, ConnectedAccount, DisconnectedAccount, FoundTool, VerifiedUser } from "./models.js";

/** An account with its scopes and settings, if need be empty. */
export function completeAccount(value: unknown): ConnectedAccount {
  const account = value as ConnectedAccount;
  return { ...account, scopes: account.scopes ?? [], apiConfig: account.apiConfig ?? {} };
}

/** A disconnected account with its receipt. */
export function completeDisconnected(value: unknown): DisconnectedAccount {
  const { revocation, ...account } = value as DisconnectedAccount;
  const receipt = revocation && {
    ...revocation,
    tokens: revocation.tokens ?? [],
    siblings: revocation.siblings ?? [],
  };
  return { ...completeAccount(account), revocation: receipt ?? null };
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
