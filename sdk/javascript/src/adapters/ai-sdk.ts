import { dynamicTool, jsonSchema, type ToolSet } from "ai";
import type { Actions } from "../actions.js";
import type { AccountNotActiveError } from "../errors.js";
import type { Tool } from "../models.js";
import { described, runForModel, type ToolUser } from "./common.js";

/** Tools for `generateText` and `streamText` of the Vercel AI SDK (package `ai`), called for one user. */
export function aiSdkTools(
  actions: Actions,
  user: ToolUser,
  tools: Iterable<Tool>,
  onAuthorizationNeeded?: (error: AccountNotActiveError) => void,
): ToolSet {
  const set: ToolSet = {};
  for (const tool of tools) {
    const { name, description, schema } = described(tool);
    set[name] = dynamicTool({
      description,
      inputSchema: jsonSchema(schema),
      execute: async (input, { abortSignal }) => {
        const options = abortSignal ? { signal: abortSignal } : {};
        const { content } = await runForModel(
          actions,
          user,
          name,
          input as Record<string, unknown>,
          onAuthorizationNeeded,
          options,
        );
        return content;
      },
    });
  }
  return set;
}
