// The adapter for the Vercel AI SDK fits its `tools`.
import { generateText } from "ai";
import { type Tool, ValetkeyClient } from "valetkey";
import { aiSdkTools } from "valetkey/ai-sdk";

export async function answer(tools: Tool[], show: (link: string | undefined) => void): Promise<string> {
  const { actions } = new ValetkeyClient();
  const set = aiSdkTools(actions, { identifier: "user_123" }, tools, (error) => show(error.authorizationLink));
  return (await generateText({ model: "a-model", prompt: "Who am I?", tools: set })).text;
}
