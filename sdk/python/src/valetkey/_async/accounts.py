"""Connected accounts and their authorization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Optional, Union

from .._request import UNSET, Request, Unset, Who, changed, get, given, instant, send
from ..errors import ConflictError
from ..models import AuthorizationLink, ConnectedAccount, DisconnectedAccount, Event, VerifiedUser
from .base import AsyncResource
from .pages import AsyncPager
from .transport import AsyncCall


class AsyncAccounts(AsyncResource):
    """Connected accounts. Each is named by `identifier` and `connection_name`, or by `connected_account_id`."""

    async def get_connected_account(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
    ) -> ConnectedAccount:
        """The account of a user on a connection.

        Args:
            identifier: your own id of the end user, together with
            connection_name: the name of the connection; or instead
            connected_account_id: `ca_…`
            account_name: which of several accounts that the user has on the connection. Left out: the one without a
                name, else the only one.

        Raises:
            NotFoundError: there is none (`account_not_found`).
            ConflictError: there are several and all have names (`ambiguous_account`).
        """
        who = Who(connected_account_id, identifier, connection_name, account_name).checked()
        call = self._transport.begin()
        if who.connected_account_id is None:
            return await self._found(call, who)
        return await self._one(ConnectedAccount, get(await self._path(call, who)), call)

    async def get_or_create_connected_account(
        self,
        identifier: str,
        connection_name: str,
        *,
        account_name: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
        api_config: Optional[Mapping[str, Any]] = None,
    ) -> ConnectedAccount:
        """The account of a user on a connection, made as `PENDING` if there is none. What exists is not changed.

        Raises:
            NotFoundError: there is no such connection.
        """
        who = Who(None, identifier, connection_name, account_name).checked()
        call = self._transport.begin()
        account = await self._look_up(call, who)
        if account is not None:
            return account
        fields = {**who.key, **given(organization_id=organization_id, user_id=user_id, api_config=api_config)}
        try:
            return await self._one(ConnectedAccount, send("POST", "/accounts", fields), call)
        except ConflictError as error:
            if error.code != "account_already_exists":
                raise
        # Somebody else made it at the same moment.
        return await self._found(call, who)

    async def create_connected_account(
        self,
        identifier: str,
        connection_name: str,
        *,
        account_name: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
        api_config: Optional[Mapping[str, Any]] = None,
        credential: Optional[Mapping[str, Any]] = None,
        skip_probe: Optional[bool] = None,
    ) -> ConnectedAccount:
        """Makes an account: `PENDING`, or `ACTIVE` when it comes with its credential.

        Args:
            credential: `{"fields": {"api_key": …}}` for a static credential, `{"oauth": {"access_token": …,
                "refresh_token": …}}` to take over tokens.
            skip_probe: stores the credential without trying it first.

        Raises:
            ConflictError: there is one already (`account_already_exists`).
            InvalidRequestError: the credential lacks a field, or the provider refused it.
        """
        who = Who(None, identifier, connection_name, account_name).checked()
        more = given(organization_id=organization_id, user_id=user_id, api_config=api_config, credential=credential, skip_probe=skip_probe)
        return await self._one(ConnectedAccount, send("POST", "/accounts", {**who.key, **more}))

    async def update_connected_account(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        organization_id: Union[str, Unset, None] = UNSET,
        user_id: Union[str, Unset, None] = UNSET,
        api_config: Union[Mapping[str, Any], Unset, None] = UNSET,
        credential: Optional[Mapping[str, Any]] = None,
        skip_probe: Optional[bool] = None,
    ) -> ConnectedAccount:
        """Changes an account. What is not given stays as it is; `None` removes it.

        Args:
            credential: replaces the stored one; shapes as in `create_connected_account`.
            skip_probe: stores the credential without trying it first.
        """
        call = self._transport.begin()
        path = await self._path(call, Who(connected_account_id, identifier, connection_name, account_name))
        fields = {
            **changed(organization_id=organization_id, user_id=user_id, api_config=api_config),
            **given(credential=credential, skip_probe=skip_probe),
        }
        return await self._one(ConnectedAccount, send("PATCH", path, fields), call)

    def list_connected_accounts(
        self,
        *,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        account_name: Optional[str] = None,
        connector: Optional[str] = None,
        status: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
        query: Optional[str] = None,
        page_size: Optional[int] = None,
    ) -> AsyncPager[ConnectedAccount]:
        """All accounts that fit every filter given.

        Args:
            status: such as `EXPIRED`.
            query: words in identifier or label.
            page_size: how many to get at a time.
        """
        filters = given(
            identifier=identifier,
            connection_name=connection_name,
            account_name=account_name,
            connector=connector,
            status=status,
            organization_id=organization_id,
            user_id=user_id,
            query=query,
            page_size=page_size,
        )

        async def first(call: AsyncCall) -> Request:
            return get("/accounts", filters)

        return AsyncPager(self._transport, ConnectedAccount, first)

    async def refresh_connected_account(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
    ) -> ConnectedAccount:
        """Renews the account's access token at the provider now. Calls do this by themselves when it is due.

        Raises:
            AccountNotActiveError: the account must be authorized again; see `authorization_link`.
            ConflictError: the provider refuses to renew it (`refresh_refused`).
        """
        call = self._transport.begin()
        path = await self._path(call, Who(connected_account_id, identifier, connection_name, account_name))
        return await self._one(ConnectedAccount, send("POST", path + "/refresh"), call)

    async def disconnect_connected_account(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        siblings: Optional[str] = None,
    ) -> DisconnectedAccount:
        """Ends the account's access: revokes it at the provider where that works, and forgets the credential.

        Args:
            siblings: what shall become of other accounts that the revocation would end too: `revoke` or `keep`.

        Raises:
            ConflictError: there are such accounts and `siblings` was left out (`revocation_reaches_siblings`).
        """
        call = self._transport.begin()
        path = await self._path(call, Who(connected_account_id, identifier, connection_name, account_name))
        return await self._one(DisconnectedAccount, send("POST", path + "/disconnect", given(siblings=siblings) or None), call)

    async def delete_connected_account(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        siblings: Optional[str] = None,
    ) -> None:
        """Deletes the account and its credential; `siblings` as for `disconnect_connected_account`."""
        call = self._transport.begin()
        path = await self._path(call, Who(connected_account_id, identifier, connection_name, account_name))
        await call.send(replace(send("DELETE", path), query=given(siblings=siblings)))

    def list_account_events(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        kind: Optional[str] = None,
        code: Optional[str] = None,
        since: Optional[datetime] = None,
        until: Optional[datetime] = None,
        page_size: Optional[int] = None,
    ) -> AsyncPager[Event]:
        """The account's history, newest first.

        Args:
            kind: such as `account.expired`; several with commas between.
            code: with this cause, a code of the catalogue.
            since: at or after this instant.
            until: before this instant.
            page_size: how many to get at a time.
        """
        who = Who(connected_account_id, identifier, connection_name, account_name).checked()
        filters = given(kind=kind, code=code, since=instant(since), until=instant(until), page_size=page_size)

        async def first(call: AsyncCall) -> Request:
            return get(await self._path(call, who) + "/events", filters)

        return AsyncPager(self._transport, Event, first)

    async def get_authorization_link(
        self,
        identifier: Optional[str] = None,
        connection_name: Optional[str] = None,
        *,
        account_name: Optional[str] = None,
        connected_account_id: Optional[str] = None,
        scopes: Optional[Sequence[str]] = None,
        add_scopes: Optional[Sequence[str]] = None,
        state: Optional[str] = None,
        user_verify_url: Optional[str] = None,
        organization_id: Optional[str] = None,
        user_id: Optional[str] = None,
    ) -> AuthorizationLink:
        """A link at which the end user authorizes the account, for the first time or again. It is a secret.

        With a natural key the account is made if there is none.

        Args:
            scopes: ask for these instead of the connection's.
            add_scopes: ask for these besides the connection's and those that the account has.
            state: comes back at `user_verify_url`.
            user_verify_url: a page of your app that confirms who the user is, with `verify_connected_account_user`.
            organization_id, user_id: for an account that is made by this call.

        Raises:
            NotFoundError: there is no such connection or account.
        """
        who = Who(connected_account_id, identifier, connection_name, account_name).checked()
        call = self._transport.begin()
        fields = given(
            scopes=None if scopes is None else list(scopes),
            add_scopes=None if add_scopes is None else list(add_scopes),
            state=state,
            user_verify_url=user_verify_url,
        )
        if who.connected_account_id is not None:
            path = await self._path(call, who) + "/authorization-link"
        else:
            path = "/authorization-links"
            fields = {**who.key, **fields, **given(organization_id=organization_id, user_id=user_id)}
        return await self._one(AuthorizationLink, send("POST", path, fields), call)

    async def verify_connected_account_user(self, auth_request_id: str, identifier: str) -> VerifiedUser:
        """Confirms that the user who came to your `user_verify_url` is `identifier`; the account becomes `ACTIVE`.

        Take `identifier` from your own session, never from the request's address.

        Raises:
            ForbiddenError: the authorization was begun for somebody else (`verification_mismatch`).
        """
        return await self._one(
            VerifiedUser, send("POST", "/accounts/verify", {"auth_request_id": auth_request_id, "identifier": identifier})
        )
