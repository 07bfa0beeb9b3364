"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Callable, Generic, Optional, TypeVar

from .._decode import Model
from .._request import Request
from .transport import AsyncCall, AsyncTransport

T = TypeVar("T", bound=Model)


@dataclass(frozen=True)
class AsyncPage(Generic[T]):
    """One page of a list."""

    items: list[T]
    """What is on the page."""
    total_size: Optional[int]
    """How many items the whole list had when this page was made."""
    next_page_token: Optional[str]
    """Names the next page; `None` on the last one."""


class AsyncPager(Generic[T]):
    """All items of a list, page after page, each asked for when it is needed. It can be gone through more than once.

    Going through it raises `ValetkeyError` where a page cannot be had.
    """

    def __init__(self, transport: AsyncTransport, model: type[T], first: Callable[[AsyncCall], Awaitable[Request]]) -> None:
        self._transport = transport
        self._model = model
        self._first = first

    async def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """Goes through the list by pages."""
        call = self._transport.begin()
        request = await self._first(call)
        while True:
            answer = await call.send(request)
            body = answer.object(request.name)
            listed = body.get("items")
            items = [self._model.from_wire(item) for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
            token = body.get("next_page_token")
            token = token if isinstance(token, str) and token else None
            total = body.get("total_size")
            yield AsyncPage(items, total if isinstance(total, int) else None, token)
            if token is None:
                return
            request = replace(request, query={**(request.query or {}), "page_token": token})
            # The caller may have taken long over the page: the time-out is one page's.
            call = self._transport.begin()

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
