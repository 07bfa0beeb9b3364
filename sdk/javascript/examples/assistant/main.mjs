// An assistant's backend in small: connect an account, call a tool, break it, find out why, recover.
//
// Run it beside `./x dev`, with the environment of the folder in which that was called:
//
//     set -a; . .valetkey/env; set +a
//     node main.mjs [IDENTIFIER]

import { readFileSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { AccountNotActiveError, ValetkeyClient, ValetkeyError } from "valetkey";

const CONNECTION = "sandbox";
const PROFILE = { toolName: "sandbox_get_profile", toolInput: {} };

const indented = (text) => text.replaceAll("\n", "\n   ");

/** Shows the link and waits until the user has authorized. */
async function authorize(actions, user, link, show, seconds) {
  await show(link);
  const deadline = Date.now() + seconds * 1000;
  while ((await actions.getConnectedAccount(user)).status !== "ACTIVE") {
    if (Date.now() > deadline) throw new Error("Nobody has opened the link. Start again when you are ready.");
    await pause(500);
  }
}

/** Makes the simulator take access away, as if the user had done so at the provider. */
async function breakIt(connections, username, caFile) {
  const { overrides } = await connections.get(CONNECTION);
  const url = new URL("/_sim/revoke-grants", overrides.apiBaseUrl);
  const status = await new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const order = request(url, { method: "POST", headers, ca: readFileSync(caFile) }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    order.on("error", reject);
    order.end(JSON.stringify({ user: username }));
  });
  if (status !== 200) throw new Error(`The simulator answered ${status}.`);
}

/** Prints why the account does not work. */
async function explain(actions, user, print) {
  const diagnosis = await actions.diagnose({ ...user, probe: false });
  print(`   ${diagnosis.verdict}: ${diagnosis.summary}`);
  for (const finding of diagnosis.findings) {
    print(`   - ${finding.message} (${finding.confidence}; it is up to: ${finding.actor})`);
    for (const remedy of finding.remedies) print(`     → ${remedy.text}`);
  }
}

/** The whole story. `show` brings a link to the user, `seconds` is how long the user may take. */
export async function story(client, { caFile, identifier, show, print = console.log, seconds = 300 }) {
  const { actions, connections } = client;
  const user = { identifier, connectionName: CONNECTION };

  print("1. Create the account");
  const account = await actions.getOrCreateConnectedAccount(user);
  print(`   ${account.id} is ${account.status}`);

  if (account.status !== "ACTIVE") {
    print("2. Authorize it in the browser");
    const { link } = await actions.getAuthorizationLink(user);
    await authorize(actions, user, link, show, seconds);
  }

  print("3. Call a tool");
  const { data: profile } = await actions.executeTool({ ...user, ...PROFILE });
  print(`   hello, ${profile.name}`);

  print("4. Break it: access is taken away at the provider");
  await breakIt(connections, profile.username, caFile);
  let link;
  try {
    await actions.executeTool({ ...user, ...PROFILE });
    throw new Error("That should not have worked.");
  } catch (error) {
    if (!(error instanceof AccountNotActiveError)) throw error;
    print(`   ${indented(String(error))}`);
    link = error.authorizationLink;
  }

  print("5. Why?");
  await explain(actions, user, print);

  print("6. Recover: the user authorizes again");
  link ??= (await actions.getAuthorizationLink(user)).link;
  await authorize(actions, user, link, show, seconds);
  const again = await actions.executeTool({ ...user, ...PROFILE });
  print(`   hello again, ${again.data.name}`);
}

async function main() {
  const client = new ValetkeyClient();
  try {
    await story(client, {
      caFile: process.env.VALETKEY_CA_FILE,
      identifier: process.argv[2] ?? "user_123",
      show: (link) => console.log(`   Open this and press Continue, then Allow:\n   ${link}`),
    });
  } finally {
    await client.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error(error instanceof ValetkeyError ? String(error) : error);
    process.exitCode = 1;
  });
}
