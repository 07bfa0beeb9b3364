import type { Actions } from "../actions.js";
import type { AccountNotActiveError } from "../errors.js";
import type { Tool } from "../models.js";
import { described, runForModel, type ToolUser } from "./common.js";

/** A tool of OpenAI's chat completions. */
export interface OpenAiTool {
  /** The kind of tool. */
  type: "function";
  /** Name, description and JSON Schema of the input. */
  function: { name: string; description: string; parameters: Record<string, unknown> };
}

/** A call as the model makes it. */
export interface OpenAiToolCall {
  /** The id that the answer must name. */
  id: string;
  /** The tool that the model calls, and its input as JSON text. */
  function: { name: string; arguments: string };
}

/** Tools for the `tools` of a chat completion. */
export function openAiTools(tools: Iterable<Tool>): OpenAiTool[] {
  return Array.from(tools, (tool) => {
    const { name, description, schema } = described(tool);
    return { type: "function", function: { name, description, parameters: schema } };
  });
}

/** Runs one call and gives the message that answers it. */
export async function runOpenAiToolCall(
  actions: Actions,
  user: ToolUser,
  call: OpenAiToolCall,
  onAuthorizationNeeded?: (error: AccountNotActiveError) => void,
): Promise<{ role: "tool"; tool_call_id: string; content: string }> {
  let input: Record<string, unknown>;
  try {
    input = JSON.parse(call.function.arguments || "{}");
  } catch {
    return {
      role: "tool",
      tool_call_id: call.id,
      content: "The arguments are not JSON. Send them again as a JSON object.",
    };
  }
  const { content } = await runForModel(actions, user, call.function.name, input, onAuthorizationNeeded);
  return {
    role: "tool",
    tool_call_id: call.id,
    content: typeof content === "string" ? content : JSON.stringify(content),
  };
}
