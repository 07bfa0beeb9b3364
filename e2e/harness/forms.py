"""Just enough HTML to press a button on a page without a browser."""

from __future__ import annotations

import dataclasses
import html.parser
import urllib.parse

import requests


@dataclasses.dataclass
class Form:
    """A form with its fields and submit buttons."""

    action: str
    method: str
    fields: dict[str, str]
    buttons: list[tuple[str, str, str]]  # name, value, label
    text: str = ""

    def submit(self, session: requests.Session, button: str | None = None, **values: str) -> requests.Response:
        """Sends the form, as if `button` (by label or value) had been pressed. Redirects are not followed."""
        data = {**self.fields, **values}
        for name, value, label in self.buttons:
            if button is not None and button.lower() in (label.lower(), value.lower()) and name:
                data[name] = value
        return session.request(self.method, self.action, data=data, allow_redirects=False, timeout=30)


class _Parser(html.parser.HTMLParser):
    def __init__(self, base: str):
        super().__init__()
        self.base = base
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._button: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urllib.parse.urljoin(self.base, values.get("action") or self.base)
            self._open = Form(action, values.get("method", "get").upper(), {}, [])
            self.forms.append(self._open)
        if self._open is None:
            return
        if tag == "input":
            if values.get("type") == "submit":
                self._open.buttons.append((values.get("name", ""), values.get("value", ""), values.get("value", "")))
            elif values.get("type") in ("radio", "checkbox"):
                if "checked" in values and values.get("name"):
                    self._open.fields[values["name"]] = values.get("value", "on")
            elif values.get("name"):
                self._open.fields[values["name"]] = values.get("value", "")
        elif tag == "button":
            self._button = [values.get("name", ""), values.get("value", ""), ""]
        elif tag == "select" and values.get("name"):
            self._open.fields.setdefault(values["name"], "")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.text += data
        if self._button is not None:
            self._button[2] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None and self._open is not None:
            name, value, label = self._button
            self._open.buttons.append((name, value, label.strip()))
            self._button = None
        elif tag == "form":
            self._open = None


def forms_of(response: requests.Response) -> list[Form]:
    """The forms of a page."""
    parser = _Parser(response.url)
    parser.feed(response.text)
    return parser.forms
