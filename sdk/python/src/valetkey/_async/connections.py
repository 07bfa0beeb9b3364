"""Connections and the connectors that they configure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Optional, Union

from .._request import UNSET, Request, Unset, changed, get, given, instant, segment, send
from ..models import Connection, ConnectionTest, Connector, Event
from .base import AsyncResource
from .pages import AsyncPager
from .transport import AsyncCall


def _path(connection: str) -> str:
    return "/connections/" + segment("connection", connection)


class AsyncConnections(AsyncResource):
    """Connections, each named by its name or its id, and connectors."""

    async def create_connection(
        self,
        connector: str,
        name: Optional[str] = None,
        *,
        client_id: Optional[str] = None,
        client_secret: Optional[str] = None,
        client_secret_expires_at: Optional[datetime] = None,
        scopes: Optional[Sequence[str]] = None,
        use_shared_credentials: Optional[bool] = None,
        overrides: Optional[Mapping[str, str]] = None,
        variables: Optional[Mapping[str, str]] = None,
        identity_policy: Optional[str] = None,
        call_timeout_ms: Optional[int] = None,
        enabled: Optional[bool] = None,
    ) -> Connection:
        """Makes a connection. Register its `redirect_uri` at the provider.

        Args:
            connector: such as `gmail`.
            name: unique; left out: the connector's.
            client_id, client_secret: your OAuth client at the provider.
            client_secret_expires_at: when that secret ends at the provider, with its time zone; the server tells of it in
                time. Left out: it does not end, or nobody knows.
            scopes: what to ask users for; left out: the connector's defaults.
            use_shared_credentials: use the operator's OAuth client.
            overrides: other addresses than the connector's: `api_base_url`, `authorize_url`, `token_url`,
                `userinfo_url`, `revoke_url`.
            variables: values for the connector's URL templates.
            identity_policy: what to do when a user authorizes again with another account at the provider: `flag` or
                `refuse`.
            call_timeout_ms: the longest that a call may take, in milliseconds.

        Raises:
            ConflictError: the name is taken (`connection_already_exists`).
        """
        fields = given(
            connector=connector,
            name=name,
            client_id=client_id,
            client_secret=client_secret,
            client_secret_expires_at=instant(client_secret_expires_at),
            scopes=None if scopes is None else list(scopes),
            use_shared_credentials=use_shared_credentials,
            overrides=overrides,
            variables=variables,
            identity_policy=identity_policy,
            call_timeout_ms=call_timeout_ms,
            enabled=enabled,
        )
        return await self._one(Connection, send("POST", "/connections", fields))

    async def get_connection(self, connection: str) -> Connection:
        """A connection by its name or id.

        Raises:
            NotFoundError: there is none (`connection_not_found`).
        """
        return await self._one(Connection, get(_path(connection)))

    async def update_connection(
        self,
        connection: str,
        *,
        name: Optional[str] = None,
        client_id: Union[str, Unset, None] = UNSET,
        client_secret: Union[str, Unset, None] = UNSET,
        client_secret_expires_at: Union[datetime, Unset, None] = UNSET,
        scopes: Union[Sequence[str], Unset, None] = UNSET,
        use_shared_credentials: Optional[bool] = None,
        overrides: Union[Mapping[str, str], Unset, None] = UNSET,
        variables: Union[Mapping[str, str], Unset, None] = UNSET,
        identity_policy: Optional[str] = None,
        call_timeout_ms: Union[int, Unset, None] = UNSET,
        enabled: Optional[bool] = None,
    ) -> Connection:
        """Changes a connection. What is not given stays as it is; `None` removes it.

        After a change of scopes, accounts have the new ones once their users authorize again. A new `client_secret` forgets
        when the old one was to end, unless `client_secret_expires_at` is given too.

        Raises:
            NotFoundError: there is no such connection (`connection_not_found`).
            ConflictError: another connection has the name (`connection_already_exists`).
        """
        fields = {
            **given(name=name, use_shared_credentials=use_shared_credentials, identity_policy=identity_policy, enabled=enabled),
            **changed(
                client_id=client_id,
                client_secret=client_secret,
                client_secret_expires_at=client_secret_expires_at
                if isinstance(client_secret_expires_at, Unset)
                else instant(client_secret_expires_at),
                scopes=scopes if scopes is None or isinstance(scopes, Unset) else list(scopes),
                overrides=overrides,
                variables=variables,
                call_timeout_ms=call_timeout_ms,
            ),
        }
        return await self._one(Connection, send("PATCH", _path(connection), fields))

    def list_connections(
        self, *, connector: Optional[str] = None, query: Optional[str] = None, page_size: Optional[int] = None
    ) -> AsyncPager[Connection]:
        """All connections that fit every filter given.

        Args:
            query: words in the name.
            page_size: how many to get at a time.
        """
        filters = given(connector=connector, query=query, page_size=page_size)

        async def first(call: AsyncCall) -> Request:
            return get("/connections", filters)

        return AsyncPager(self._transport, Connection, first)

    async def test_connection(self, connection: str) -> ConnectionTest:
        """Asks the provider about the connection's own configuration, and says what could not be checked."""
        return await self._one(ConnectionTest, send("POST", _path(connection) + "/test"))

    async def delete_connection(self, connection: str) -> None:
        """Deletes a connection.

        Raises:
            ConflictError: it has accounts (`connection_in_use`).
        """
        await self._transport.begin().send(send("DELETE", _path(connection)))

    def list_connection_events(
        self,
        connection: str,
        *,
        kind: Optional[str] = None,
        code: Optional[str] = None,
        since: Optional[datetime] = None,
        until: Optional[datetime] = None,
        page_size: Optional[int] = None,
    ) -> AsyncPager[Event]:
        """The connection's history, newest first; filters as for `list_account_events`."""
        path = _path(connection) + "/events"
        filters = given(kind=kind, code=code, since=instant(since), until=instant(until), page_size=page_size)

        async def first(call: AsyncCall) -> Request:
            return get(path, filters)

        return AsyncPager(self._transport, Event, first)

    async def list_connectors(self) -> list[Connector]:
        """All connectors that the server has."""
        return await self._many(Connector, get("/connectors"))

    async def get_connector(self, name: str) -> Connector:
        """A connector by its name.

        Raises:
            NotFoundError: there is none (`connector_not_found`).
        """
        return await self._one(Connector, get("/connectors/" + segment("name", name)))
