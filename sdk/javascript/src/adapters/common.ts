import type { Actions } from "../actions.js";
import type { AccountRef } from "../arguments.js";
import { AccountNotActiveError, ValetkeyError } from "../errors.js";
import type { Tool } from "../models.js";
import type { CallOptions } from "../options.js";

/** A tool as models want it described. */
export interface Described {
  /** The tool's name. */
  name: string;
  /** What it does. */
  description: string;
  /** The JSON Schema of its input. */
  schema: Record<string, unknown>;
}

/** A tool's name, description and input schema as models want them. */
export function described(tool: Tool): Described {
  const { definition } = tool;
  const schema = definition.input_schema ?? { type: "object", properties: {} };
  return { name: tool.name, description: definition.description ?? "", schema };
}

/** For whom tools are called. */
export type ToolUser = AccountRef & { agentRunId?: string | undefined };

/**
 * Runs a tool for a model. A failure is given as text that a model can act on; an authorization link is not part of it,
 * it goes to `onAuthorizationNeeded`, since it belongs to the user and nobody else.
 */
export async function runForModel(
  actions: Actions,
  user: ToolUser,
  toolName: string,
  toolInput: Record<string, unknown>,
  onAuthorizationNeeded?: (error: AccountNotActiveError) => void,
  options: CallOptions = {},
): Promise<{ failed: boolean; content: unknown }> {
  try {
    const { data } = await actions.executeTool({ ...user, toolName, toolInput }, options);
    return { failed: false, content: data };
  } catch (error) {
    if (!(error instanceof ValetkeyError)) throw error;
    if (error instanceof AccountNotActiveError) onAuthorizationNeeded?.(error);
    return { failed: true, content: error.toString() };
  }
}
