"""Tools for OpenAI's API. Nothing of the `openai` package is needed here.

    tools = list(actions.list_tools(connection_name="gmail"))
    answer = openai.chat.completions.create(model=…, messages=messages, tools=chat_tools(tools))
    message = answer.choices[0].message
    messages += [message, *run_chat_calls(actions, message, identifier="user_123")]

`response_tools` and `run_response_calls` are the same for the responses API.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._async.client import AsyncActions
from .._sync.client import Actions
from ..errors import ValetkeyError
from ._shared import AnyTool, arguments_of, described, part, text_of, told


def chat_tools(tools: Iterable[AnyTool]) -> list[dict[str, Any]]:
    """The `tools` of a chat completion."""
    return [
        {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}
        for name, description, schema in described(tools)
    ]


def response_tools(tools: Iterable[AnyTool]) -> list[dict[str, Any]]:
    """The `tools` of a response."""
    return [
        {"type": "function", "name": name, "description": description, "parameters": schema, "strict": False}
        for name, description, schema in described(tools)
    ]


def run_chat_calls(actions: Actions, message: Any, *, identifier: str) -> list[dict[str, Any]]:
    """Executes the tool calls of a model's chat message; gives the messages to answer with.

    Args:
        message: `choices[0].message`, or its JSON.
        identifier: whose accounts to use. Take it from your own session, never from the model.

    Raises:
        AccountNotActiveError: the user must act; see `authorization_link`.
        ValetkeyError: what no model can mend.
    """
    return [_chat_answer(call, _run(actions, *_chat_call(call), identifier)) for call in _chat_calls(message)]


async def arun_chat_calls(actions: AsyncActions, message: Any, *, identifier: str) -> list[dict[str, Any]]:
    """`run_chat_calls` with `await`."""
    return [_chat_answer(call, await _arun(actions, *_chat_call(call), identifier)) for call in _chat_calls(message)]


def run_response_calls(actions: Actions, response: Any, *, identifier: str) -> list[dict[str, Any]]:
    """Executes the tool calls of a response; gives the input items to answer with. Arguments as for `run_chat_calls`."""
    return [
        _response_answer(call, _run(actions, part(call, "name"), part(call, "arguments"), identifier)) for call in _response_calls(response)
    ]


async def arun_response_calls(actions: AsyncActions, response: Any, *, identifier: str) -> list[dict[str, Any]]:
    """`run_response_calls` with `await`."""
    return [
        _response_answer(call, await _arun(actions, part(call, "name"), part(call, "arguments"), identifier))
        for call in _response_calls(response)
    ]


def _chat_calls(message: Any) -> list[Any]:
    return [call for call in part(message, "tool_calls") or [] if part(call, "type") == "function"]


def _chat_call(call: Any) -> tuple[Any, Any]:
    function = part(call, "function")
    return part(function, "name"), part(function, "arguments")


def _chat_answer(call: Any, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": part(call, "id"), "content": content}


def _response_calls(response: Any) -> list[Any]:
    return [item for item in part(response, "output") or [] if part(item, "type") == "function_call"]


def _response_answer(call: Any, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": part(call, "call_id"), "output": output}


def _run(actions: Actions, name: str, arguments: str, identifier: str) -> str:
    tool_input, problem = arguments_of(arguments)
    if problem is not None:
        return problem
    try:
        return text_of(actions.execute_tool(name, tool_input, identifier).data)
    except ValetkeyError as error:
        return told(error)


async def _arun(actions: AsyncActions, name: str, arguments: str, identifier: str) -> str:
    tool_input, problem = arguments_of(arguments)
    if problem is not None:
        return problem
    try:
        return text_of((await actions.execute_tool(name, tool_input, identifier)).data)
    except ValetkeyError as error:
        return told(error)
