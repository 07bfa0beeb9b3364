import { type AccountRef, type NaturalKey, named, segment } from "./arguments.js";
import { completeAccount } from "./complete.js";
import { ConflictError, NotFoundError } from "./errors.js";
import type { Http } from "./http.js";
import type { ConnectedAccount } from "./models.js";
import type { SharedOptions } from "./options.js";
import { pages } from "./pages.js";

export const ACCOUNTS = "/v1/connect/accounts";

/** The path of an account. */
export function accountPath(id: string): string {
  return `${ACCOUNTS}/${segment("connectedAccountId", id)}`;
}

/** The account of a natural key, if there is one: without a name the unnamed one, else the only one. */
export async function lookUp(
  http: Http,
  key: NaturalKey,
  options: SharedOptions,
): Promise<ConnectedAccount | undefined> {
  const query = {
    identifier: key.identifier,
    connection_name: key.connectionName,
    account_name: key.accountName,
  };
  const namedOnes: ConnectedAccount[] = [];
  for await (const account of pages<ConnectedAccount>(http, ACCOUNTS, query, options, true)) {
    if ((account.accountName ?? "") === (key.accountName ?? "")) return completeAccount(account);
    namedOnes.push(account);
  }
  if (key.accountName !== undefined) return undefined;
  if (namedOnes.length > 1) throw ambiguous(key);
  return namedOnes[0] && completeAccount(namedOnes[0]);
}

/** The account of a natural key; `NotFoundError` if there is none. */
export async function found(http: Http, key: NaturalKey, options: SharedOptions): Promise<ConnectedAccount> {
  const account = await lookUp(http, key, options);
  if (account) return account;
  const name = key.accountName === undefined ? "" : ` with the name ${key.accountName}`;
  throw new NotFoundError({
    code: "account_not_found",
    message: `${key.identifier} has no connected account of ${key.connectionName}${name}.`,
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

/** The path of the account that is meant, which is found first if only its natural key is known. */
export async function pathOf(http: Http, ref: AccountRef, options: SharedOptions): Promise<string> {
  const account = named(ref);
  return accountPath("id" in account ? account.id : (await found(http, account, options)).id);
}

function ambiguous({ identifier, connectionName }: NaturalKey): ConflictError {
  return new ConflictError({
    code: "ambiguous_account",
    message: "More than one account fits.",
    cause: `${identifier} has several named accounts on ${connectionName} and none without a name.`,
    remedies: [{ action: "fix_request", text: "Name the account with accountName, or give connectedAccountId." }],
    httpStatus: 409,
  });
}
