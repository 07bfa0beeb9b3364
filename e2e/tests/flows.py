"""Whole stories that several tests need."""

from __future__ import annotations

from typing import Any

import requests

from harness.forms import forms_of
from harness.valetkey import Valetkey


def sandbox_callback(server: Valetkey, link: str, session: requests.Session, user: str = "ada", decision: str = "allow", scopes: list[str] | None = None) -> str:
    """Opens a link of the sandbox, presses Continue, decides on the simulator's page; gives the callback URL."""
    authorize_url = server.start_authorization(link, session)
    page = session.get(authorize_url, timeout=30)
    form = forms_of(page)[0]
    data: dict[str, Any] = {**form.fields, "user": user, "decision": decision}
    if scopes is None:
        data.pop("scopes_shown", None)
        data.pop("scope", None)
    else:
        data["scope"] = scopes
    answer = session.post(form.action, data=data, allow_redirects=False, timeout=30)
    assert answer.is_redirect, (answer.status_code, answer.text[:1000])
    return answer.headers["location"]


def connect_sandbox(server: Valetkey, identifier: str, user: str = "ada", **link: Any) -> dict[str, Any]:
    """Connects `identifier` to the simulator; gives the account."""
    session = server.browser_session()
    callback = sandbox_callback(server, server.link("sandbox", identifier, **link), session, user)
    done = session.get(callback, timeout=60)
    assert done.status_code == 200, done.text[:3000]
    return server.account("sandbox", identifier)
