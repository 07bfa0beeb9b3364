// Connected accounts through the SDK.

import assert from "node:assert/strict";
import { test } from "node:test";
import { consent, newClient, newUser, sdk } from "./support.mjs";

const { actions, connectedAccounts } = newClient();
const ACTIVE = 1;
const PENDING_AUTH = 3;
const PENDING_VERIFICATION = 4;

async function account(identifier) {
  return (await actions.getConnectedAccount({ connectionName: "sandbox", identifier })).connectedAccount;
}

test("account is got or created, then linked, then active", async () => {
  const identifier = newUser();
  // The SDK sends an empty token for "no details": the account stays pending.
  const created = (await actions.getOrCreateConnectedAccount({ connectionName: "sandbox", identifier })).connectedAccount;
  assert.equal(created.status, PENDING_AUTH);
  assert.deepEqual([created.identifier, created.connector, created.provider], [identifier, "sandbox", "SANDBOX"]);
  const again = (await actions.getOrCreateConnectedAccount({ connectionName: "sandbox", identifier })).connectedAccount;
  assert.equal(again.id, created.id);

  const link = await actions.getAuthorizationLink({ connectionName: "sandbox", identifier });
  assert.ok(Number(link.expiry.seconds) > Date.now() / 1000);
  assert.equal((await consent(link.link)).status, 200);
  const active = await account(identifier);
  assert.deepEqual([active.id, active.status], [created.id, ACTIVE]);
  // What an agent needs is the tool, not the token.
  const token = active.authorizationDetails.details.value;
  assert.ok(token.scopes.includes("profile"));
  assert.deepEqual([token.accessToken, token.refreshToken], ["", ""]);
});

test("account is verified by the app", async () => {
  const identifier = newUser();
  const userVerifyUrl = "https://app.example/verify";
  const link = await actions.getAuthorizationLink({ connectionName: "sandbox", identifier, state: "st-1", userVerifyUrl });
  const answer = await consent(link.link);
  const address = new URL(answer.headers.location);
  assert.deepEqual([address.host, address.searchParams.get("state")], ["app.example", "st-1"]);
  assert.equal((await account(identifier)).status, PENDING_VERIFICATION);

  const authRequestId = address.searchParams.get("auth_request_id");
  await assert.rejects(actions.verifyConnectedAccountUser({ authRequestId, identifier: "somebody-else" }), sdk.ScalekitForbiddenException);
  const verified = await actions.verifyConnectedAccountUser({ authRequestId, identifier });
  assert.match(verified.postUserVerifyRedirectUrl, /^https:\/\//);
  assert.equal((await account(identifier)).status, ACTIVE);
});

test("account is created, listed, updated and deleted", async () => {
  const identifier = newUser();
  const oauthToken = (accessToken) => ({
    details: { case: "oauthToken", value: { accessToken, refreshToken: "imported-too", scopes: ["profile"] } },
  });
  const created = (
    await actions.createConnectedAccount({
      connectionName: "sandbox",
      identifier,
      organizationId: "org_1",
      userId: "usr_1",
      authorizationDetails: oauthToken("imported"),
      apiConfig: { region: "eu", shard: 7 },
    })
  ).connectedAccount;
  assert.equal(created.status, ACTIVE);
  assert.deepEqual(created.apiConfig, { region: "eu", shard: 7 });

  const listed = await actions.listConnectedAccounts({ connectionName: "sandbox", identifier, organizationId: "org_1", userId: "usr_1" });
  assert.deepEqual([listed.totalSize, listed.connectedAccounts[0].id], [1, created.id]);
  assert.equal((await actions.listConnectedAccounts({ identifier, organizationId: "org_9" })).totalSize, 0);
  assert.equal((await actions.listConnectedAccounts({ query: identifier, provider: "SANDBOX", connectionNames: ["sandbox"] })).totalSize, 1);

  const updated = await actions.updateConnectedAccount({ connectedAccountId: created.id, apiConfig: { region: "us" } });
  assert.deepEqual(updated.connectedAccount.apiConfig, { region: "us" });
  const upserted = await actions.upsertConnectedAccount({
    connectionName: "sandbox",
    identifier,
    organizationId: "org_1",
    authorizationDetails: oauthToken("newer"),
  });
  assert.deepEqual([upserted.connectedAccount.id, upserted.connectedAccount.status], [created.id, ACTIVE]);

  await assert.rejects(
    actions.createConnectedAccount({ connectionName: "sandbox", identifier, authorizationDetails: oauthToken("x") }),
    (error) => error instanceof sdk.ScalekitConflictException && error.errorCode === "account_already_exists",
  );
  await actions.deleteConnectedAccount({ connectionName: "sandbox", identifier });
  await assert.rejects(
    connectedAccounts.getConnectedAccountByIdentifier({ connectedAccountId: created.id }),
    (error) => error instanceof sdk.ScalekitNotFoundException && error.errorCode === "account_not_found",
  );
});

test("accounts are paged", async () => {
  const identifier = newUser();
  for (const number of [1, 2, 3]) {
    await actions.getOrCreateConnectedAccount({ connectionName: "sandbox", identifier: `${identifier}-${number}` });
  }
  const first = await actions.listConnectedAccounts({ query: identifier, pageSize: 2 });
  assert.deepEqual([first.connectedAccounts.length, first.totalSize], [2, 3]);
  const second = await actions.listConnectedAccounts({ query: identifier, pageSize: 2, pageToken: first.nextPageToken });
  assert.deepEqual([second.connectedAccounts.length, second.nextPageToken], [1, ""]);
  const back = await actions.listConnectedAccounts({ query: identifier, pageSize: 2, pageToken: second.prevPageToken });
  assert.deepEqual(back.connectedAccounts.map((a) => a.id), first.connectedAccounts.map((a) => a.id));
});
