// The official TypeScript client of MCP: lists what it is offered, makes one call, and prints both as JSON.
//
// node mcp-client.mjs URL TOKEN TOOL ARGUMENTS

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, token, tool, input] = process.argv.slice(2);
const client = new Client({ name: "story", version: "1" });
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
);
const { tools } = await client.listTools();
const result = await client.callTool({ name: tool, arguments: JSON.parse(input) });
console.log(JSON.stringify({ server: client.getServerVersion().name, tools, result }));
await client.close();
