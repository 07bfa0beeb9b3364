"""Canaries: no secret of this run is in the database, its journal, the log or any answer (S28, S56)."""

from __future__ import annotations

import base64
import pathlib
import urllib.parse

import pytest

from harness.hop import Hop
from harness.valetkey import Valetkey

from .flows import connect_sandbox

CANARY_SECRET = "canary-client-secret-7b1f0a9d4c3e2f1a"
CANARY_KEY = "canary-bearer-key-5d2c8e7f6a1b0c9d"
CANARY_REFRESH = "canary-refresh-token-1122334455667788"


def spellings(secret: str) -> list[bytes]:
    """A secret as it might be found."""
    raw = secret.encode()
    shifted = [base64.b64encode(b"\0" * n + raw)[4:-4] for n in range(3)]  # base64 at every alignment
    return [raw, raw.hex().encode(), urllib.parse.quote(secret, safe="").encode(), *shifted]


def test_canaries_are_nowhere_in_the_clear(binary: pathlib.Path, folder: pathlib.Path) -> None:
    """S28, S56: at the most talkative log level, through good calls, refused calls and malformed answers."""
    provider = Hop(None, {("GET", "/v1/echo"): lambda call: (200, {"echo": call.headers.get("authorization")})})
    server = Valetkey(binary, folder / "canary", env={"VALETKEY_LOG_LEVEL": "trace", "VALETKEY_CONNECTORS_DIR": str(pathlib.Path(__file__).resolve().parent.parent / "connectors")})
    secrets = [CANARY_SECRET, CANARY_KEY, CANARY_REFRESH, server.api_token, server.client_secret]
    answers: list[str] = []
    try:
        connection = server.connection(
            "canary",
            "github",
            client_id="Iv1.canary",
            client_secret=CANARY_SECRET,
            overrides={"authorize_url": f"{provider.url}/authorize", "token_url": f"{provider.url}/token", "api_base_url": provider.url},
        )
        answers.append(str(connection))
        answers.append(server.raw("GET", f"/v1/connect/connections/{connection['id']}").text)
        answers.append(server.raw("POST", f"/v1/connect/connections/{connection['id']}/test", json={}).text)
        created = server.api(
            "POST",
            "/accounts",
            {"connection_name": "canary", "identifier": "u", "credential": {"oauth": {"access_token": CANARY_KEY, "refresh_token": CANARY_REFRESH, "scopes": ["repo"]}}, "skip_probe": True},
        )
        answers.append(str(created))
        for method, path, body in [
            ("POST", "/v1/connect/tools/execute", {"tool_name": "github_get_user", "identifier": "u", "tool_input": {}}),
            ("POST", f"/v1/connect/accounts/{created['id']}/refresh", None),
            ("GET", f"/v1/connect/accounts/{created['id']}/events", None),
            ("GET", "/v1/connect/executions", None),
            ("POST", "/v1/connect/connections", {"name": "bad name!", "connector": "github", "client_secret": CANARY_SECRET}),
            ("POST", "/v1/connect/connections", {"name": "x", "connector": "github", "client_secret": {"nested": CANARY_SECRET}}),
            ("POST", "/v1/connect/accounts", {"connection_name": "nope", "identifier": "x", "credential": {"oauth": {"access_token": CANARY_KEY}}}),
        ]:
            answers.append(server.raw(method, path, json=body).text)
        connect_sandbox(server, "user_canary")
        server.execute("sandbox_get_profile", "user_canary")
        echoed = server.raw("GET", "/proxy/v1/echo", headers={"connection_name": "canary", "identifier": "u"})
        answers.append(str(dict(echoed.headers)))
        log = server.process.output()
    finally:
        assert server.stop() == 0
        provider.stop()

    for answer in answers:
        for secret in secrets:
            assert secret not in answer, f"{secret[:12]}… in an answer"
    files = [path for path in (folder / "canary" / "data").rglob("*") if path.is_file()]
    databases = [path for path in files if b"SQLite format 3" in path.read_bytes()[:32] or path.name.endswith(("-wal", "-shm"))]
    assert databases, files
    for secret in secrets:
        for spelling in spellings(secret):
            for path in databases:
                assert spelling not in path.read_bytes(), f"{secret[:12]}… in {path.name}"
    for secret in (CANARY_SECRET, CANARY_KEY, CANARY_REFRESH):
        for spelling in spellings(secret):
            assert spelling not in log.encode(), f"{secret[:12]}… in the log"
    for token in ("sat_", "srt_"):
        assert token not in log, f"a {token} token of the simulator is in the log"


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
def test_server_header_and_version_are_not_told(server: Valetkey, path: str) -> None:
    """S58"""
    headers = {name.lower(): value for name, value in server.raw("GET", path).headers.items()}
    assert "server" not in headers and "x-powered-by" not in headers
    assert server.raw("TRACE", path).status_code in (405, 404, 501)


def test_data_folder_is_private(server: Valetkey) -> None:
    """S58"""
    data = server.folder / "data"
    assert data.stat().st_mode & 0o077 == 0
    assert server.env_file.stat().st_mode & 0o077 == 0
    assert pathlib.Path(server.ca_file).exists()
