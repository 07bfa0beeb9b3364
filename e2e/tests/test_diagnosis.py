"""What the diagnosis makes of the reasons that a provider gives."""

from __future__ import annotations

import pytest
import requests

from harness.valetkey import ApiError, Valetkey

from .flows import connect_sandbox


@pytest.mark.parametrize(
    ("verb", "fields", "code", "actor"),
    [
        ("revoke-grants", {"by": "user"}, "access_revoked_by_user", "end_user"),
        ("revoke-grants", {"by": "admin"}, "access_revoked_by_admin", "provider_admin"),
        ("change-password", {}, "password_changed", "end_user"),
    ],
)
def test_grant_ended_is_diagnosed_by_the_words_of_the_provider(server: Valetkey, verb: str, fields: dict[str, str], code: str, actor: str) -> None:
    user = "alan"
    account = connect_sandbox(server, f"user_{code}", user)
    simulator = "/".join(server.api("GET", "/connections/sandbox")["overrides"]["api_base_url"].split("/")[:3])
    ended = requests.post(f"{simulator}/_sim/{verb}", json={"user": user, **fields}, verify=server.ca_file, timeout=30)
    assert ended.ok, ended.text
    with pytest.raises(ApiError):
        server.execute("sandbox_get_profile", f"user_{code}")
    diagnosis = server.api("GET", f"/accounts/{account['id']}/diagnosis")
    first = diagnosis["findings"][0]
    assert (diagnosis["verdict"], first["code"], first["actor"]) == ("broken", code, actor), diagnosis
    if actor == "end_user":
        assert any(remedy.get("url") for remedy in first["remedies"]), "a new authorization link is at hand"
