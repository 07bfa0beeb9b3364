"""Tools for LangChain and LangGraph. Needs `langchain-core`: `pip install valetkey[langchain]`.

tools = agent_tools(actions, actions.list_tools(connection_name="gmail"), identifier="user_123")
agent = create_agent(model, tools)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

from .._async.client import AsyncActions
from .._sync.client import Actions
from ..errors import ValetkeyError
from ._shared import AnyTool, described, text_of, told

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


def agent_tools(actions: Union[Actions, AsyncActions], tools: Iterable[AnyTool], *, identifier: str) -> list[BaseTool]:
    """Tools that call with the accounts of one user.

    With `Actions` they work in blocking and asynchronous agents, with `AsyncActions` in asynchronous ones.

    Args:
        identifier: whose accounts to use. Take it from your own session, never from the model.

    Raises:
        ImportError: `langchain-core` is not installed.
    """
    return [_tool(actions, name, description, schema, identifier) for name, description, schema in described(tools)]


def _tool(actions: Union[Actions, AsyncActions], name: str, description: str, schema: dict[str, Any], identifier: str) -> BaseTool:
    # Here, so that the package works without it.
    from langchain_core.tools import StructuredTool, ToolException

    def failed(error: ValetkeyError) -> ToolException:
        return ToolException(told(error))

    if isinstance(actions, AsyncActions):

        async def arun(**tool_input: Any) -> str:
            try:
                return text_of((await actions.execute_tool(name, tool_input, identifier)).data)
            except ValetkeyError as error:
                raise failed(error) from error

        return StructuredTool(name=name, description=description, args_schema=schema, coroutine=arun, func=None, handle_tool_error=True)

    def run(**tool_input: Any) -> str:
        try:
            return text_of(actions.execute_tool(name, tool_input, identifier).data)
        except ValetkeyError as error:
            raise failed(error) from error

    return StructuredTool(name=name, description=description, args_schema=schema, func=run, handle_tool_error=True)
