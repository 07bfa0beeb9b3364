"""Tools for Anthropic's API. Nothing of the `anthropic` package is needed here.

tools = list(actions.list_tools(connection_name="gmail"))
message = anthropic.messages.create(model=…, messages=messages, tools=message_tools(tools), max_tokens=1024)
messages += [
    {"role": "assistant", "content": message.content},
    {"role": "user", "content": run_tool_uses(actions, message, identifier="user_123")},
]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._async.client import AsyncActions
from .._sync.client import Actions
from ..errors import ValetkeyError
from ._shared import AnyTool, described, part, text_of, told


def message_tools(tools: Iterable[AnyTool]) -> list[dict[str, Any]]:
    """The `tools` of a message."""
    return [{"name": name, "description": description, "input_schema": schema} for name, description, schema in described(tools)]


def run_tool_uses(actions: Actions, message: Any, *, identifier: str) -> list[dict[str, Any]]:
    """Executes the tool uses of a model's message; gives the content blocks to answer with.

    Args:
        message: the message, or its JSON.
        identifier: whose accounts to use. Take it from your own session, never from the model.

    Raises:
        AccountNotActiveError: the user must act; see `authorization_link`.
        ValetkeyError: what no model can mend.
    """
    results = []
    for use in _uses(message):
        try:
            result = actions.execute_tool(part(use, "name"), part(use, "input"), identifier)
            results.append(_result(use, text_of(result.data), failed=False))
        except ValetkeyError as error:
            results.append(_result(use, told(error), failed=True))
    return results


async def arun_tool_uses(actions: AsyncActions, message: Any, *, identifier: str) -> list[dict[str, Any]]:
    """`run_tool_uses` with `await`."""
    results = []
    for use in _uses(message):
        try:
            result = await actions.execute_tool(part(use, "name"), part(use, "input"), identifier)
            results.append(_result(use, text_of(result.data), failed=False))
        except ValetkeyError as error:
            results.append(_result(use, told(error), failed=True))
    return results


def _uses(message: Any) -> list[Any]:
    return [block for block in part(message, "content") or [] if part(block, "type") == "tool_use"]


def _result(use: Any, content: str, *, failed: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part(use, "id"), "content": content}
    return {**block, "is_error": True} if failed else block
