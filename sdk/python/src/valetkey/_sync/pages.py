"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Callable, Generic, Optional, TypeVar

from .._decode import Model
from .._request import Request
from .transport import Call, Transport

T = TypeVar("T", bound=Model)


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    """What is on the page."""
    total_size: Optional[int]
    """How many items the whole list had when this page was made."""
    next_page_token: Optional[str]
    """Names the next page; `None` on the last one."""


class Pager(Generic[T]):
    """All items of a list, page after page, each asked for when it is needed. It can be gone through more than once.

    Going through it raises `ValetkeyError` where a page cannot be had.
    """

    def __init__(self, transport: Transport, model: type[T], first: Callable[[Call], Request]) -> None:
        self._transport = transport
        self._model = model
        self._first = first

    def pages(self) -> Iterator[Page[T]]:
        """Goes through the list by pages."""
        call = self._transport.begin()
        request = self._first(call)
        while True:
            answer = call.send(request)
            body = answer.object(request.name)
            listed = body.get("items")
            items = [self._model.from_wire(item) for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
            token = body.get("next_page_token")
            token = token if isinstance(token, str) and token else None
            total = body.get("total_size")
            yield Page(items, total if isinstance(total, int) else None, token)
            if token is None:
                return
            request = replace(request, query={**(request.query or {}), "page_token": token})
            # The caller may have taken long over the page: the time-out is one page's.
            call = self._transport.begin()

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for item in page.items:
                yield item
