"""What the adapters share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from ..errors import InsufficientScopeError, InvalidRequestError, ToolError, ToolUnauthorizedError, ValetkeyError
from ..models import FoundTool, Tool

AnyTool = Union[Tool, FoundTool]
"""A tool as `list_tools`, `get_tool` or `search_tools` gives it."""


def described(tools: Iterable[AnyTool]) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, description and input schema of each tool."""
    found = []
    for item in tools:
        tool = item.tool if isinstance(item, FoundTool) else item
        schema = tool.definition.get("input_schema")
        description = tool.definition.get("description")
        found.append(
            (
                tool.name,
                description if isinstance(description, str) else "",
                dict(schema) if isinstance(schema, Mapping) else {"type": "object", "properties": {}},
            )
        )
    return found


def told(error: ValetkeyError) -> str:
    """What to tell the model about an error.

    Raises:
        ValetkeyError: the error itself, if no model can do anything about it.
    """
    for_app = isinstance(error, (ToolUnauthorizedError, InsufficientScopeError))
    if for_app or not isinstance(error, (ToolError, InvalidRequestError)):
        raise error
    return str(error)


def text_of(data: Any) -> str:
    """A tool's answer as text for a model."""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def part(value: Any, name: str) -> Any:
    """A field of an object of a provider's package, or of the JSON that it stands for."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def arguments_of(text: Optional[str]) -> tuple[dict[str, Any], Optional[str]]:
    """The arguments that a model wrote as JSON, or what is wrong with them."""
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        return {}, f"The arguments are no JSON: {error}."
    return (value, None) if isinstance(value, dict) else ({}, "The arguments must be a JSON object.")
