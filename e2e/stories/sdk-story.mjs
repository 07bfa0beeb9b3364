// One user's story with the official Node SDK: `link` prints an authorization link, `call` goes on once it was used.
import { ScalekitClient, ScalekitNotFoundException } from '@scalekit-sdk/node';

const client = new ScalekitClient(process.env.VALETKEY_URL, process.env.VALETKEY_CLIENT_ID, process.env.VALETKEY_CLIENT_SECRET);
const { actions } = client;
const [step, identifier] = process.argv.slice(2);
const who = { connectionName: 'sandbox', identifier };

if (step === 'link') {
  await actions.getOrCreateConnectedAccount(who);
  console.log((await actions.getAuthorizationLink(who)).link);
} else {
  const { connectedAccount } = await actions.getConnectedAccount(who);
  console.log('status', ['UNSPECIFIED', 'ACTIVE', 'EXPIRED', 'PENDING_AUTH'][connectedAccount.status] ?? connectedAccount.status);
  const result = await actions.executeTool({ toolName: 'sandbox_get_profile', toolInput: {}, connector: 'sandbox', identifier });
  if (!result.executionId.startsWith('ex_')) throw new Error(`execution id ${result.executionId}`);
  console.log('tool', result.data.email);
  const listed = (await actions.listConnectedAccounts({ connectionName: 'sandbox', identifier })).connectedAccounts;
  if (listed.length !== 1 || listed[0].id !== connectedAccount.id) throw new Error('the list is not this account');
  console.log('listed');
  await actions.updateConnectedAccount({ ...who, apiConfig: { team: 'blue' } });
  console.log('updated');
  await actions.deleteConnectedAccount(who);
  console.log('deleted');
  try {
    await actions.getConnectedAccount(who);
  } catch (error) {
    if (error instanceof ScalekitNotFoundException) console.log('not found');
    else throw error;
  }
}
