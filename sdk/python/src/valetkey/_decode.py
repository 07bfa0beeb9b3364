"""Turns JSON of the server into the dataclasses of `valetkey.models`, tolerantly.

Servers get new fields and new words before their clients do. So unknown fields are ignored (but kept in `raw`), unknown
statuses are handed on as they are, and what is missing or of another type becomes the empty value of its type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Optional, TypeVar, Union, cast, get_args, get_origin, get_type_hints

M = TypeVar("M", bound="Model")

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


def parse_time(value: Any) -> Optional[datetime]:
    """A point in time (RFC 3339) with its offset, to the microsecond; `None` if it is none."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    seconds, fraction, offset = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    try:
        return datetime.fromisoformat(f"{seconds}.{micros}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError:
        return None


@dataclass(frozen=True)
class Model:
    """What the server told about something."""

    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The JSON object as it came, with fields that this version of the package does not know."""

    @classmethod
    def from_wire(cls: type[M], data: Mapping[str, Any]) -> M:
        """Reads a JSON object of the server."""
        hints = _hints(cls)
        values = {f.name: _convert(hints[f.name], data.get(f.name)) for f in fields(cls) if f.name != "raw"}
        return cls(raw=data, **values)


@lru_cache(maxsize=None)
def _hints(cls: type[Model]) -> dict[str, Any]:
    return get_type_hints(cls)


_EMPTY: dict[Any, Any] = {str: "", bool: False, int: 0, float: 0.0}


def _convert(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin is Union:
        inner = next(argument for argument in get_args(hint) if argument is not type(None))
        return None if value is None or not _fits(inner, value) else _convert(inner, value)
    if hint is Any:
        return value
    if origin is list:
        (inner,) = get_args(hint)
        return [_convert(inner, item) for item in value if _fits(inner, item)] if isinstance(value, list) else []
    if origin is dict:
        return dict(value) if isinstance(value, Mapping) else {}
    if hint is datetime:
        return parse_time(value)
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint.from_wire(cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {})
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if _fits(hint, value) else _EMPTY[hint]


def _fits(hint: Any, value: Any) -> bool:
    if hint in (str, bool):
        return isinstance(value, hint)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    if isinstance(hint, type) and issubclass(hint, Model):
        return isinstance(value, Mapping)
    return True
