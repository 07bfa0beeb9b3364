"""Tools for Google's Agent Development Kit. Needs `google-adk`: `pip install valetkey[google-adk]`.

tools = agent_tools(actions, actions.list_tools(connection_name="gmail"), identifier="user_123")
agent = Agent(name="assistant", model=…, tools=tools)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable, Union

import anyio.to_thread

from .._async.client import AsyncActions
from .._sync.client import Actions
from ..errors import ValetkeyError
from ._shared import AnyTool, described, told

if TYPE_CHECKING:
    from google.adk.tools.base_tool import BaseTool

Identifier = Union[str, Callable[[Any], str]]
"""Whose accounts to use: fixed, or found from the ADK's `ToolContext` of each call."""


def agent_tools(actions: Union[Actions, AsyncActions], tools: Iterable[AnyTool], *, identifier: Identifier) -> list[BaseTool]:
    """Tools for an agent.

    Args:
        actions: with `Actions` each call runs in a thread of its own.
        identifier: whose accounts to use; for agents that serve many users a function of the `ToolContext`, such as
            `lambda context: context.user_id`. Take it from your own session, never from the model.

    Raises:
        ImportError: `google-adk` is not installed.
    """
    return [_tool(actions, name, description, schema, identifier) for name, description, schema in described(tools)]


async def _execute(actions: Union[Actions, AsyncActions], name: str, args: dict[str, Any], identifier: str) -> Any:
    if isinstance(actions, AsyncActions):
        return (await actions.execute_tool(name, args, identifier)).data
    blocking = actions
    return (await anyio.to_thread.run_sync(lambda: blocking.execute_tool(name, args, identifier))).data


def _tool(actions: Union[Actions, AsyncActions], name: str, description: str, schema: dict[str, Any], identifier: Identifier) -> BaseTool:
    # Here, so that the package works without it.
    from google.adk.tools.base_tool import BaseTool
    from google.genai import types

    class ValetkeyTool(BaseTool):
        def _get_declaration(self) -> types.FunctionDeclaration:
            return types.FunctionDeclaration(name=name, description=description, parameters_json_schema=schema)

        async def run_async(self, *, args: dict[str, Any], tool_context: Any) -> Any:
            user = identifier(tool_context) if callable(identifier) else identifier
            try:
                return await _execute(actions, name, args, user)
            except ValetkeyError as error:
                return {"error": told(error)}

    return ValetkeyTool(name=name, description=description)
