import type { Actions } from "../actions.js";
import type { AccountNotActiveError } from "../errors.js";
import type { Tool } from "../models.js";
import { described, runForModel, type ToolUser } from "./common.js";

/** A tool of Anthropic's messages. */
export interface AnthropicTool {
  /** The tool's name. */
  name: string;
  /** What it does. */
  description: string;
  /** The JSON Schema of its input. */
  input_schema: Record<string, unknown> & { type: "object" };
}

/** A call as the model makes it. */
export interface AnthropicToolUse {
  /** The kind of block. */
  type: "tool_use";
  /** The id that the answer must name. */
  id: string;
  /** The tool that the model wants to use. */
  name: string;
  /** The input that the model gives. */
  input: unknown;
}

/** Tools for the `tools` of a message. */
export function anthropicTools(tools: Iterable<Tool>): AnthropicTool[] {
  return Array.from(tools, (tool) => {
    const { name, description, schema } = described(tool);
    return { name, description, input_schema: { ...schema, type: "object" } };
  });
}

/** Runs one call and gives the block that answers it. */
export async function runAnthropicToolUse(
  actions: Actions,
  user: ToolUser,
  use: AnthropicToolUse,
  onAuthorizationNeeded?: (error: AccountNotActiveError) => void,
): Promise<{ type: "tool_result"; tool_use_id: string; content: string; is_error: boolean }> {
  const input = (use.input ?? {}) as Record<string, unknown>;
  const { failed, content } = await runForModel(actions, user, use.name, input, onAuthorizationNeeded);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { type: "tool_result", tool_use_id: use.id, content: text, is_error: failed };
}
