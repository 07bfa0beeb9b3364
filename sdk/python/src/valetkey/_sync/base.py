"""What the parts of the API share."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from .._decode import M
from .._request import Request, Who, get, segment
from ..errors import ConflictError, NotFoundError, remedy, unreadable
from ..models import ConnectedAccount
from .transport import Call, Transport


class Resource:
    """A part of the API."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _one(self, model: type[M], request: Request, call: Optional[Call] = None) -> M:
        """Sends a request whose answer is one object."""
        answer = (call or self._transport.begin()).send(request)
        return model.from_wire(answer.object(request.name))

    def _many(self, model: type[M], request: Request) -> list[M]:
        """Sends a request whose answer is a list without pages."""
        answer = self._transport.begin().send(request)
        items = answer.object(request.name).get("items")
        return [model.from_wire(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    def _look_up(self, call: Call, who: Who) -> Optional[ConnectedAccount]:
        """The account of a natural key, if there is one: without a name the unnamed one, else the only one."""
        request = get("/accounts", who.key)
        named = []
        while True:
            answer = call.send(request)
            body = answer.object(request.name)
            items = body.get("items")
            if not isinstance(items, list):
                raise unreadable(answer.status, request.name, answer.request_id)
            for account in [ConnectedAccount.from_wire(item) for item in items if isinstance(item, dict)]:
                if (account.account_name or None) == (who.account_name or None):
                    return account
                named.append(account)
            token = body.get("next_page_token")
            if not isinstance(token, str) or not token:
                break
            request = replace(request, query={**(request.query or {}), "page_token": token})
        if who.account_name or not named:
            return None
        if len(named) > 1:
            raise ConflictError(
                "More than one account fits.",
                code="ambiguous_account",
                cause=f"{who.identifier!r} has several named accounts on {who.connection_name!r} and none without a name.",
                remedies=[remedy("fix_request", "Name the account in account_name, or give connected_account_id.")],
            )
        return named[0]

    def _found(self, call: Call, who: Who) -> ConnectedAccount:
        account = self._look_up(call, who)
        if account is None:
            raise NotFoundError(
                f"{who.identifier!r} has no account on the connection {who.connection_name!r}.",
                code="account_not_found",
                cause="It was never made, or it was deleted.",
                remedies=[remedy("create_account", "Make it with get_or_create_connected_account.")],
            )
        return account

    def _path(self, call: Call, who: Who) -> str:
        """The path of an account, which is found first if only its natural key is known."""
        who.checked()
        account_id = who.connected_account_id or (self._found(call, who)).id
        return "/accounts/" + segment("connected_account_id", account_id)
