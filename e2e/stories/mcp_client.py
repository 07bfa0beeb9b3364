"""The official Python client of MCP: lists what it is offered, makes one call, and prints both as JSON.

python mcp_client.py URL TOKEN TOOL ARGUMENTS [REVISION]
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, token: str, tool: str, arguments: str, mode: str = "auto") -> None:
    """Prints `{server, revision, tools, result}`."""
    trusted = ssl.create_default_context(cafile=os.environ["VALETKEY_CA_FILE"])
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(verify=trusted, headers=headers, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            tools = [found.model_dump(by_alias=True, mode="json") for found in (await client.list_tools()).tools]
            result = (await client.call_tool(tool, json.loads(arguments))).model_dump(by_alias=True, mode="json")
            print(json.dumps({"server": client.server_info.name, "revision": client.protocol_version, "tools": tools, "result": result}))


asyncio.run(main(*sys.argv[1:]))
