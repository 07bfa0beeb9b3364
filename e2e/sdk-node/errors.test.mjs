// The documented exception classes, and what they tell.

import assert from "node:assert/strict";
import { afterEach, before, test } from "node:test";
import { Sandbox, consent, newClient, newUser, sdk } from "./support.mjs";

const { actions, connection } = newClient();
const identifier = newUser();
let sandbox;

before(async () => {
  sandbox = await Sandbox.find();
  await sandbox.clearFaults();
  await consent((await actions.getAuthorizationLink({ connectionName: "sandbox", identifier })).link);
});

afterEach(() => sandbox.clearFaults());

// A 401 renews the credential and repeats a reading call once; so two are needed. What passes is tried three times.
for (const [status, type, code, times] of [
  [401, "ScalekitToolUnauthorizedException", "upstream_unauthorized", 2],
  [403, "ScalekitToolForbiddenException", "upstream_forbidden", 1],
  [404, "ScalekitToolException", "upstream_not_found", 1],
  [429, "ScalekitToolRateLimitException", "upstream_rate_limited", 3],
  [500, "ScalekitToolException", "upstream_error", 1],
  [503, "ScalekitToolException", "upstream_error", 3],
]) {
  test(`tool refused with ${status} raises ${type}`, async () => {
    await sandbox.fail(status, times);
    const earlier = await sandbox.calls();
    await assert.rejects(actions.executeTool({ toolName: "sandbox_get_profile", identifier }), (error) => {
      assert.equal(error.constructor.name, type);
      assert.deepEqual([error.errorCode, error.toolErrorCode], ["TOOL_ERROR", code]);
      assert.match(error.executionId, /^ex_/);
      return true;
    });
    assert.equal((await sandbox.calls()) - earlier, times, "the SDK repeats nothing");
  });
}

test("tool input wrong raises bad request naming the field", async () => {
  const call = actions.executeTool({ toolName: "sandbox_list_messages", identifier, toolInput: { limit: "many" } });
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof sdk.ScalekitBadRequestException);
    assert.equal(error.errorCode, "tool_input_invalid");
    assert.match(error.message, /limit.*integer/);
    return true;
  });
});

test("account pending raises bad request with the remedy", async () => {
  const pending = newUser();
  await actions.getOrCreateConnectedAccount({ connectionName: "sandbox", identifier: pending });
  await assert.rejects(actions.executeTool({ toolName: "sandbox_get_profile", identifier: pending }), (error) => {
    assert.ok(error instanceof sdk.ScalekitBadRequestException);
    assert.equal(error.errorCode, "account_pending");
    assert.match(error.message, /authorization link/);
    return true;
  });
});

test("limit broken raises bad request naming the field", async () => {
  await assert.rejects(actions.listConnectedAccounts({ pageSize: 100 }), (error) => {
    assert.ok(error instanceof sdk.ScalekitBadRequestException);
    const [violation] = error.unpackedDetails[0].validationErrorInfo.fieldViolations;
    assert.deepEqual([violation.field, violation.constraint], ["page_size", "lt"]);
    return true;
  });
});

test("connection unknown raises not found", async () => {
  const call = actions.getOrCreateConnectedAccount({ connectionName: "never-there", identifier });
  await assert.rejects(call, (error) => error instanceof sdk.ScalekitNotFoundException && error.errorCode === "connection_not_found");
});

test("rpc not offered raises not implemented", async () => {
  await assert.rejects(
    connection.listConnectionsByDomain("example.com"),
    (error) => error instanceof sdk.ScalekitNotImplementedException && error.errorCode === "unimplemented",
  );
});

test("secret wrong raises at the first call", async () => {
  await assert.rejects(newClient({ secret: "wrong-secret" }).actions.listConnectedAccounts());
});
