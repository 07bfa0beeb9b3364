"""Webhooks: which addresses of your app are told of events, and what became of each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

from .._request import UNSET, Request, Unset, changed, get, given, segment, send
from ..models import Webhook, WebhookDelivery, WebhookSecret
from .base import AsyncResource
from .pages import AsyncPager
from .transport import AsyncCall


def _path(webhook_id: str) -> str:
    return "/webhooks/" + segment("webhook_id", webhook_id)


class AsyncWebhooks(AsyncResource):
    """Webhooks, each named by its id. `verify_webhook` verifies what they receive."""

    async def create(
        self,
        url: str,
        *,
        description: Optional[str] = None,
        event_types: Optional[Sequence[str]] = None,
        enabled: Optional[bool] = None,
    ) -> WebhookSecret:
        """Makes a webhook. Keep its secret: it is not shown again.

        Args:
            url: an HTTPS address of your app.
            description: your own words about it.
            event_types: such as `account.revoked`; left out: all.
            enabled: left out: it is.

        Raises:
            InvalidRequestError: the address cannot be used.
        """
        types = None if event_types is None else list(event_types)
        fields = given(url=url, description=description, event_types=types, enabled=enabled)
        return await self._one(WebhookSecret, send("POST", "/webhooks", fields))

    def list(self, *, page_size: Optional[int] = None) -> AsyncPager[Webhook]:
        """All webhooks.

        Args:
            page_size: how many to get at a time.
        """

        async def first(call: AsyncCall) -> Request:
            return get("/webhooks", given(page_size=page_size))

        return AsyncPager(self._transport, Webhook, first)

    async def get(self, webhook_id: str) -> Webhook:
        """A webhook by its id.

        Raises:
            NotFoundError: there is none (`webhook_not_found`).
        """
        return await self._one(Webhook, get(_path(webhook_id)))

    async def update(
        self,
        webhook_id: str,
        *,
        url: Optional[str] = None,
        description: Union[str, Unset, None] = UNSET,
        event_types: Union[Sequence[str], Unset, None] = UNSET,
        enabled: Optional[bool] = None,
    ) -> Webhook:
        """Changes a webhook. What is not given stays as it is; `None` removes it.

        Raises:
            NotFoundError: there is none (`webhook_not_found`).
        """
        types = event_types if event_types is None or isinstance(event_types, Unset) else list(event_types)
        fields = {**given(url=url, enabled=enabled), **changed(description=description, event_types=types)}
        return await self._one(Webhook, send("PATCH", _path(webhook_id), fields))

    async def delete(self, webhook_id: str) -> None:
        """Deletes a webhook, with what is still on its way to it.

        Raises:
            NotFoundError: there is none (`webhook_not_found`).
        """
        await self._transport.begin().send(send("DELETE", _path(webhook_id)))

    async def rotate_secret(self, webhook_id: str) -> WebhookSecret:
        """Gives a webhook another secret. Until `old_secret_valid_until` deliveries are signed with both.

        Raises:
            NotFoundError: there is none (`webhook_not_found`).
        """
        return await self._one(WebhookSecret, send("POST", _path(webhook_id) + "/rotate-secret"))

    async def test(self, webhook_id: str) -> WebhookDelivery:
        """Sends a `webhook.test` event now and says what your app answered.

        Raises:
            NotFoundError: there is none (`webhook_not_found`).
        """
        return await self._one(WebhookDelivery, send("POST", _path(webhook_id) + "/test"))

    def deliveries(self, webhook_id: str, *, outcome: Optional[str] = None, page_size: Optional[int] = None) -> AsyncPager[WebhookDelivery]:
        """What went out to a webhook, newest first.

        Args:
            webhook_id: `wh_…`
            outcome: `pending`, `delivered` or `failed`.
            page_size: how many to get at a time.
        """
        path = _path(webhook_id) + "/deliveries"

        async def first(call: AsyncCall) -> Request:
            return get(path, given(outcome=outcome, page_size=page_size))

        return AsyncPager(self._transport, WebhookDelivery, first)

    async def redeliver(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Sends a delivery once more, with the same id and body.

        Raises:
            NotFoundError: there is no such delivery, or not any more.
        """
        path = f"{_path(webhook_id)}/deliveries/{segment('delivery_id', delivery_id)}/redeliver"
        return await self._one(WebhookDelivery, send("POST", path))
