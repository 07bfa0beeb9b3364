// The same from CommonJS.
import valetkey = require("valetkey");
import openai = require("valetkey/openai");
import anthropic = require("valetkey/anthropic");

const client = new valetkey.ValetkeyClient({ apiToken: "vk_1", envUrl: "https://valetkey.example.com" });

export async function story(): Promise<string> {
  const account: valetkey.ConnectedAccount = await client.actions.getConnectedAccount({ connectedAccountId: "ca_1" });
  const tools = openai.openAiTools([]).length + anthropic.anthropicTools([]).length;
  return `${account.status} ${tools}`;
}
