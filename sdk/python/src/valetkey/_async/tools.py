"""Tools: find them, execute them; and any other request to a provider's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .._answer import ProxyResponse
from .._batch import BatchResult, BatchStart, ToolCall, results_of, starts_of
from .._request import Query, Request, Who, encode, get, given, proxied, segment, send
from ..errors import invalid_argument
from ..models import FoundTool, StartedExecution, Tool, ToolResult
from .base import AsyncResource
from .pages import AsyncPager
from .transport import AsyncCall


class AsyncTools(AsyncResource):
    """Tools and proxied requests."""

    async def execute_tool(
        self,
        tool_name: str,
        tool_input: Optional[Mapping[str, Any]] = None,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
        agent_run_id: Optional[str] = None,
        timeout: Optional[float] = None,
        max_age: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> ToolResult:
        """Calls a tool with a user's account and waits for its answer.

        It is safe to let this repeat itself: the server calls the provider once per idempotency key.

        Args:
            tool_name: such as `gmail_get_profile`.
            tool_input: what the tool's `input_schema` asks for.
            identifier: your own id of the end user.
            connection_name: needed only where the user has accounts on several connections of the tool's connector.
            account_name: which of several accounts that the user has on the connection.
            connected_account_id: names the account instead of `identifier`.
            agent_run_id: your own id of the agent's run, for the records.
            timeout: the longest that the call may take at the server, in seconds; how long to wait for the server is the
                client's `timeout`.
            max_age: for a tool that is `cacheable`: how old an answer may be that was given before, in seconds. Left out:
                the provider is asked.
            idempotency_key: your own name of this very act. Left out: a fresh one for each call.

        Raises:
            InvalidRequestError: `tool_input` does not fit; `fields` says where.
            NotFoundError: there is no such tool or account.
            AccountNotActiveError: the user must act; see `authorization_link`.
            InsufficientScopeError: the account lacks a scope that the tool needs.
            ToolError: the provider did not do it.
        """
        call = ToolCall(
            tool_name,
            tool_input,
            identifier,
            connection_name,
            account_name,
            connected_account_id,
            organization_id,
            user_id,
            agent_run_id,
            timeout,
            max_age,
            idempotency_key,
        )
        return await self._one(ToolResult, self._execution(call))

    async def execute_tool_async(
        self,
        tool_name: str,
        tool_input: Optional[Mapping[str, Any]] = None,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
        agent_run_id: Optional[str] = None,
        timeout: Optional[float] = None,
        idempotency_key: Optional[str] = None,
    ) -> StartedExecution:
        """Begins a tool call that goes on in the background of the server; arguments as for `execute_tool`.

        Get its outcome with `wait_for_execution`.
        """
        call = ToolCall(
            tool_name,
            tool_input,
            identifier,
            connection_name,
            account_name,
            connected_account_id,
            organization_id,
            user_id,
            agent_run_id,
            timeout,
            None,
            idempotency_key,
        )
        return await self._one(StartedExecution, self._execution(call, mode="async"))

    async def execute_tools(self, calls: Sequence[ToolCall]) -> list[BatchResult]:
        """Calls up to 50 tools in one request; the server makes a few at a time. One that fails takes no other along.

        Each call carries an idempotency key of its own, so that the whole is safe to repeat.

        Returns:
            One result for each call, in their order.

        Raises:
            InvalidRequestError: there are too many calls, or none.
        """
        request = self._batch(calls)
        return results_of(await self._transport.begin().send(request), request.name, len(calls))

    async def execute_tools_async(self, calls: Sequence[ToolCall]) -> list[BatchStart]:
        """Begins up to 50 tool calls that go on in the background of the server; for the rest as `execute_tools`.

        Get their outcomes with `wait_for_execution`. Such calls take no `max_age`.

        Returns:
            What became of each call, in their order.

        Raises:
            InvalidRequestError: there are too many calls, or none.
        """
        request = self._batch(calls, mode="async")
        return starts_of(await self._transport.begin().send(request), request.name, len(calls))

    def _batch(self, calls: Sequence[ToolCall], **mode: str) -> Request:
        items = [{**call.fields(), **given(idempotency_key=call.key(self._transport.system.key))} for call in calls]
        return send("POST", "/tools/execute/batch", {"calls": items, **mode}, repeatable=True)

    def _execution(self, call: ToolCall, **mode: str) -> Request:
        headers = {"idempotency-key": key} if (key := call.key(self._transport.system.key)) else {}
        return send("POST", "/tools/execute", {**call.fields(), **mode}, repeatable=True, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        query: Optional[Query] = None,
        headers: Optional[Mapping[str, str]] = None,
        json: Any = None,
        content: Optional[bytes] = None,
        content_type: Optional[str] = None,
        agent_run_id: Optional[str] = None,
    ) -> ProxyResponse:
        """Sends a request to the provider's API with a user's credential, for what no tool does.

        The provider's answer is given as it is, whatever its status. GET and HEAD are repeated like other safe calls.

        Args:
            method: such as `GET`.
            path: below the connector's API base URL.
            query: `None` is left out, a sequence repeats the name.
            json: a body to send as JSON; or instead
            content: a body to send as it is, with its `content_type`.
            agent_run_id: your own id of the agent's run, for the records.

        Raises:
            AccountNotActiveError: the user must act; see `authorization_link`.
            ToolUnreachableError: the server could not reach the provider.
        """
        who = Who(connected_account_id, identifier, connection_name, account_name).checked()
        if json is not None and content is not None:
            raise invalid_argument("The body is given twice: as json and as content.")
        body = content if json is None else encode(json)
        body_type = content_type or (None if json is None else "application/json")
        # Checked before anything is sent, an account's lookup included.
        proxied(method, path, query, headers or {}, body, body_type)
        call = self._transport.begin()
        if who.connected_account_id is not None:
            account = {"connected_account_id": who.connected_account_id}
        elif who.fits_headers:
            account = who.key
        else:
            account = {"connected_account_id": (await self._found(call, who)).id}
        account = {**account, **given(agent_run_id=agent_run_id)}
        answer = await call.send(proxied(method, path, query, {**(headers or {}), **account}, body, body_type))
        return ProxyResponse(answer.status, answer.headers, answer.content, answer.execution_id)

    def list_tools(
        self,
        *,
        connector: Optional[str] = None,
        connection_name: Optional[str] = None,
        identifier: Optional[str] = None,
        query: Optional[str] = None,
        page_size: Optional[int] = None,
    ) -> AsyncPager[Tool]:
        """All tools that fit every filter given.

        Args:
            identifier: only tools of connectors to which this user is connected.
            query: words in name or description.
            page_size: how many to get at a time.
        """
        filters = given(connector=connector, connection_name=connection_name, identifier=identifier, query=query, page_size=page_size)

        async def first(call: AsyncCall) -> Request:
            return get("/tools", filters)

        return AsyncPager(self._transport, Tool, first)

    async def search_tools(self, query: str, *, identifier: Optional[str] = None, limit: Optional[int] = None) -> list[FoundTool]:
        """The tools that fit a task best, best first.

        Args:
            query: the task in words.
            identifier: whose connections to show with each tool.
            limit: how many at most.
        """
        fields = given(query=query, identifier=identifier, limit=limit)
        return await self._many(FoundTool, send("POST", "/tools/search", fields, repeatable=True))

    async def get_tool(self, name: str) -> Tool:
        """A tool by its name.

        Raises:
            NotFoundError: there is none (`tool_not_found`).
        """
        return await self._one(Tool, get("/tools/" + segment("name", name)))
