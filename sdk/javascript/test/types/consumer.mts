// What an application in TypeScript writes, as ES modules. It is compiled against the installed package, never run.
import {
  AccountNotActiveError,
  type Actions,
  type ConnectedAccount,
  type Diagnosis,
  type Execution,
  type ProxyResponse,
  ValetkeyClient,
  type ValetkeyClientOptions,
  ValetkeyError,
} from "valetkey";
import { anthropicTools } from "valetkey/anthropic";
import { openAiTools } from "valetkey/openai";

const options: ValetkeyClientOptions = { envUrl: process.env["VALETKEY_ENV_URL"], debug: true, maxRetries: 2 };
const client = new ValetkeyClient(options);
const actions: Actions = client.actions;
const user = { identifier: "user_123", connectionName: "gmail" };

export async function story(signal: AbortSignal): Promise<string> {
  const account: ConnectedAccount = await actions.getConnectedAccount(user, { signal, timeoutMs: 1000 });
  if (account.status === "PENDING") return (await actions.getAuthorizationLink({ ...user, addScopes: ["a"] })).link;
  try {
    const { data, executionId } = await actions.executeTool({ ...user, toolName: "gmail_get_profile", toolInput: {} });
    return `${String(data["email_address"])} ${executionId}`;
  } catch (error) {
    if (error instanceof AccountNotActiveError) return error.authorizationLink ?? error.accountStatus;
    if (error instanceof ValetkeyError)
      return `${error.code} ${error.retryAfterMs?.toFixed(0)} ${error.fields[0]?.field}`;
    throw error;
  }
}

export async function lists(): Promise<number> {
  let count = 0;
  for await (const account of actions.listConnectedAccounts({ status: "EXPIRED", pageSize: 10 })) {
    const granted: string[] = account.scopes;
    count += granted.length + (account.degraded?.failures ?? 0);
  }
  for await (const event of actions.listAccountEvents({ ...user, since: new Date() })) count += event.kind.length;
  const started = await actions.executeToolAsync({ ...user, toolName: "t", idempotencyKey: "k" });
  const execution: Execution = await actions.waitForExecution(started);
  const answer: ProxyResponse = await actions.request({ ...user, method: "GET", path: "/me", query: { page: 1 } });
  const diagnosis: Diagnosis = await actions.diagnose({ executionId: execution.id, probe: false });
  const { revocation } = await actions.disconnectConnectedAccount({ connectedAccountId: "ca_1", siblings: "keep" });
  await actions.updateConnectedAccount({ ...user, userId: null, credential: { oauth: { accessToken: "x" } } });
  await actions.deleteConnectedAccount({ connectedAccountId: "ca_1" });
  return count + answer.status + diagnosis.findings.length + (revocation?.tokens.length ?? 0);
}

export async function tools(): Promise<unknown[]> {
  const found = await actions.searchTools({ query: "mail", identifier: "user_123" });
  const state: string | undefined = found[0]?.connections[0]?.state;
  const all = found.map(({ tool }) => tool);
  const connection = await client.connections.get("gmail");
  return [
    state,
    openAiTools(all)[0]?.function.name,
    anthropicTools(all)[0]?.input_schema,
    connection.overrides.apiBaseUrl,
  ];
}

// What would be a mistake is one for the compiler too.
// @ts-expect-error the tool's name is missing
actions.executeTool({ identifier: "user_123" });
// @ts-expect-error there is no such option
new ValetkeyClient({ clientID: "vkc_1" });
// @ts-expect-error an account has no token
account.accessToken;
declare const account: ConnectedAccount;
