"""Adapters against the real packages. A package that is not installed skips its tests, unless all must be there."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, Union

import anyio
import httpx
import pytest

from valetkey import AccountRevokedError, AsyncValetkeyClient, InvalidRequestError, Tool, ToolError, ValetkeyClient
from valetkey.adapters import anthropic as anthropic_adapter
from valetkey.adapters import google_adk, langchain
from valetkey.adapters import openai as openai_adapter

SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}, "from": {"type": "string"}}, "additionalProperties": False}
TOOL = Tool.from_wire(
    {
        "name": "gmail_search",
        "connector": "gmail",
        "provider": "GMAIL",
        "definition": {"name": "gmail_search", "description": "Searches.", "input_schema": SCHEMA, "annotations": {}},
    }
)


def package(name: str) -> Any:
    """A package of somebody else's."""
    if os.environ.get("VALETKEY_TEST_ALL_ADAPTERS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


class Calls:
    """A server that answers tool calls: by the query, with data or an error."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.inputs.append(body)
        wanted = body["tool_input"].get("query")
        errors: dict[Any, tuple[int, dict[str, Any]]] = {
            "revoked": (409, {"code": "account_revoked", "remedies": [{"action": "reauthorize", "text": "t", "url": "https://x.test/l"}]}),
            "forbidden": (403, {"code": "upstream_forbidden"}),
            "unauthorized": (502, {"code": "upstream_unauthorized"}),
            "wrong": (400, {"code": "tool_input_invalid", "fields": [{"field": "tool_input.query", "message": "is too odd"}]}),
        }
        if wanted in errors:
            status, error = errors[wanted]
            return httpx.Response(status, json={"error": {"message": "It went wrong.", "cause": "Because.", **error}})
        data = {"found": [wanted, body["identifier"]]}
        return httpx.Response(
            200, json={"execution_id": "ex_1", "connected_account_id": "ca_1", "tool_name": body["tool_name"], "data": data}
        )

    async def ahandle(self, request: httpx.Request) -> httpx.Response:
        return self.handle(request)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(calls: Calls) -> ValetkeyClient:
    http = httpx.Client(transport=httpx.MockTransport(calls.handle))
    return ValetkeyClient("https://valetkey.test", api_token="vk_1", http_client=http, max_retries=0)


@pytest.fixture
def async_client(calls: Calls) -> AsyncValetkeyClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(calls.ahandle))
    return AsyncValetkeyClient("https://valetkey.test", api_token="vk_1", http_client=http, max_retries=0)


def test_openai_chat_tools_and_calls_are_those_of_the_package(client: ValetkeyClient, async_client: AsyncValetkeyClient) -> None:
    pydantic = package("pydantic")
    package("openai")
    chat = importlib.import_module("openai.types.chat")
    [tool] = openai_adapter.chat_tools([TOOL])
    checked = pydantic.TypeAdapter(chat.ChatCompletionToolParam).validate_python(tool)
    assert checked["function"]["parameters"] == SCHEMA
    function = {"name": "gmail_search", "arguments": '{"query": "lunch"}'}
    message = chat.ChatCompletionMessage.model_validate(
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    )
    [answer] = openai_adapter.run_chat_calls(client.actions, message, identifier="user_1")
    pydantic.TypeAdapter(chat.ChatCompletionToolMessageParam).validate_python(answer)
    assert answer["tool_call_id"] == "call_1"
    assert json.loads(answer["content"]) == {"found": ["lunch", "user_1"]}

    async def again() -> list[dict[str, Any]]:
        return await openai_adapter.arun_chat_calls(async_client.actions, message, identifier="user_1")

    assert anyio.run(again) == [answer]
    assert openai_adapter.run_chat_calls(client.actions, {"role": "assistant", "content": "hello"}, identifier="user_1") == []


def test_openai_response_tools_and_calls_are_those_of_the_package(client: ValetkeyClient, async_client: AsyncValetkeyClient) -> None:
    pydantic = package("pydantic")
    package("openai")
    responses = importlib.import_module("openai.types.responses")
    [tool] = openai_adapter.response_tools([TOOL])
    pydantic.TypeAdapter(responses.FunctionToolParam).validate_python(tool)
    call = responses.ResponseFunctionToolCall(type="function_call", call_id="c_1", name="gmail_search", arguments='{"from": "ada"}')
    [answer] = openai_adapter.run_response_calls(client.actions, {"output": [call]}, identifier="user_1")
    assert answer == {"type": "function_call_output", "call_id": "c_1", "output": '{"found": [null, "user_1"]}'}

    async def again() -> list[dict[str, Any]]:
        return await openai_adapter.arun_response_calls(async_client.actions, {"output": [call]}, identifier="user_1")

    assert anyio.run(again) == [answer]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"'])
def test_openai_arguments_that_are_no_object_are_told_to_the_model(client: ValetkeyClient, calls: Calls, arguments: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "gmail_search", "arguments": arguments}}
    [answer] = openai_adapter.run_chat_calls(client.actions, {"tool_calls": [call]}, identifier="user_1")
    assert "arguments" in answer["content"]
    assert calls.inputs == []


def test_anthropic_tools_and_uses_are_those_of_the_package(client: ValetkeyClient, async_client: AsyncValetkeyClient) -> None:
    pydantic = package("pydantic")
    package("anthropic")
    types = importlib.import_module("anthropic.types")
    [tool] = anthropic_adapter.message_tools([TOOL])
    assert pydantic.TypeAdapter(types.ToolParam).validate_python(tool)["name"] == "gmail_search"
    use = types.ToolUseBlock.model_validate(
        {"type": "tool_use", "id": "tu_1", "name": "gmail_search", "input": {"query": "lunch"}, "caller": {"type": "direct"}}
    )
    message = {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, use]}
    [block] = anthropic_adapter.run_tool_uses(client.actions, message, identifier="user_1")
    pydantic.TypeAdapter(types.ToolResultBlockParam).validate_python(block)
    assert block == {"type": "tool_result", "tool_use_id": "tu_1", "content": '{"found": ["lunch", "user_1"]}'}

    async def again() -> list[dict[str, Any]]:
        return await anthropic_adapter.arun_tool_uses(async_client.actions, message, identifier="user_1")

    assert anyio.run(again) == [block]


def test_model_is_told_what_it_can_mend_and_the_app_the_rest(client: ValetkeyClient, async_client: AsyncValetkeyClient) -> None:
    def message(query: str) -> dict[str, Any]:
        return {"content": [{"type": "tool_use", "id": "tu_1", "name": "gmail_search", "input": {"query": query}}]}

    [block] = anthropic_adapter.run_tool_uses(client.actions, message("wrong"), identifier="user_1")
    assert block["is_error"] is True
    assert "tool_input.query: is too odd" in block["content"]
    [block] = anthropic_adapter.run_tool_uses(client.actions, message("forbidden"), identifier="user_1")
    assert block["is_error"] is True
    with pytest.raises(AccountRevokedError) as revoked:
        anthropic_adapter.run_tool_uses(client.actions, message("revoked"), identifier="user_1")
    assert revoked.value.authorization_link == "https://x.test/l"
    with pytest.raises(ToolError):
        anthropic_adapter.run_tool_uses(client.actions, message("unauthorized"), identifier="user_1")

    async def again(query: str) -> list[dict[str, Any]]:
        return await anthropic_adapter.arun_tool_uses(async_client.actions, message(query), identifier="user_1")

    assert anyio.run(again, "wrong")[0]["is_error"] is True
    with pytest.raises(AccountRevokedError):
        anyio.run(again, "revoked")


def test_langchain_tools_work_in_both_ways(client: ValetkeyClient, async_client: AsyncValetkeyClient) -> None:
    package("langchain_core")
    [tool] = langchain.agent_tools(client.actions, [TOOL], identifier="user_1")
    assert (tool.name, tool.description) == ("gmail_search", "Searches.")
    function_calling = importlib.import_module("langchain_core.utils.function_calling")
    described = function_calling.convert_to_openai_tool(tool)["function"]["parameters"]["properties"]
    assert described == SCHEMA["properties"]
    expected = {"found": ["lunch", "user_1"]}
    assert json.loads(tool.invoke({"query": "lunch"})) == expected
    assert json.loads(anyio.run(tool.ainvoke, {"query": "lunch"})) == expected
    [other] = langchain.agent_tools(async_client.actions, [TOOL], identifier="user_1")
    assert json.loads(anyio.run(other.ainvoke, {"query": "lunch"})) == expected
    call = {"type": "tool_call", "id": "c_1", "name": "gmail_search", "args": {"query": "wrong"}}
    for answer in (tool.invoke(call), anyio.run(other.ainvoke, call)):
        assert answer.status == "error"
        assert "is too odd" in answer.content
    with pytest.raises(AccountRevokedError):
        tool.invoke({"query": "revoked"})
    with pytest.raises(AccountRevokedError):
        anyio.run(other.ainvoke, {"query": "revoked"})


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_google_adk_tools_declare_and_run(client: ValetkeyClient, async_client: AsyncValetkeyClient, kind: str) -> None:
    package("google.adk.tools.base_tool")
    actions: Any = client.actions if kind == "sync" else async_client.actions
    [tool] = google_adk.agent_tools(actions, [TOOL], identifier=lambda context: str(context["user"]))
    declaration: Any = tool._get_declaration()
    assert declaration.name == "gmail_search"
    assert declaration.parameters_json_schema == SCHEMA

    async def run(query: str) -> Union[dict[str, Any], Any]:
        context: Any = {"user": "user_7"}
        return await tool.run_async(args={"query": query}, tool_context=context)

    assert anyio.run(run, "lunch") == {"found": ["lunch", "user_7"]}
    assert "is too odd" in anyio.run(run, "wrong")["error"]
    with pytest.raises(AccountRevokedError):
        anyio.run(run, "revoked")


def test_adapters_say_what_to_install(client: ValetkeyClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.setitem(sys.modules, "langchain_core.tools", None)
    monkeypatch.setitem(sys.modules, "google.adk", None)
    monkeypatch.setitem(sys.modules, "google.adk.tools.base_tool", None)
    with pytest.raises(ImportError, match="langchain_core"):
        langchain.agent_tools(client.actions, [TOOL], identifier="user_1")
    with pytest.raises(ImportError, match=r"google\.adk"):
        google_adk.agent_tools(client.actions, [TOOL], identifier="user_1")


def test_tool_input_that_is_no_json_never_leaves(client: ValetkeyClient, calls: Calls) -> None:
    for wrong in (object(), float("nan")):
        with pytest.raises(InvalidRequestError) as refused:
            client.actions.execute_tool("gmail_search", {"query": wrong}, "user_1")
        assert refused.value.code == "client_invalid_argument"
    assert calls.inputs == []
