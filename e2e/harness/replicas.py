"""Several servers on one PostgreSQL, with nothing else beside them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

import requests

from .process import Process, free_port, wait_for
from .valetkey import ApiError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server to throw away: its URL."""
    with tempfile.TemporaryDirectory() as folder:
        # The server runs as another user when this runs as root.
        os.chmod(folder, 0o711)
        script, data = str(ROOT / "scripts/postgres.sh"), f"{folder}/postgres"
        started = subprocess.run(["bash", script, "start", data], check=True, capture_output=True, text=True)
        try:
            yield started.stdout.strip()
        finally:
            subprocess.run(["bash", script, "stop", data], check=True, capture_output=True)


class Replica:
    """One `valetkey serve` of several."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, env: dict[str, str], number: int):
        self.process = Process(
            [str(binary), "serve", "--listen", "127.0.0.1:0"], folder / f"replica-{number}.log", env=env, cwd=folder
        )

        def address() -> str | None:
            self.process.require_running()
            ready = [line for line in self.process.output().splitlines() if "valetkey is ready" in line]
            return json.loads(ready[0])["address"] if ready else None

        self.url = "http://" + wait_for(address, f"replica {number} is ready", 60)


class Replicas:
    """Servers on one database, known to their callers under one address, as behind a balancer that is not there."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, database_url: str, count: int, connectors: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        client, secret = "replicas", secrets.token_urlsafe(32)
        self.public_url = f"http://localhost:{free_port()}"
        env = {
            "VALETKEY_DATABASE_URL": database_url,
            "VALETKEY_PUBLIC_URL": self.public_url,
            "VALETKEY_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "VALETKEY_CONNECTORS_DIR": str(connectors),
            "VALETKEY_ALLOW_PRIVATE_UPSTREAMS": "true",
            "VALETKEY_BOOTSTRAP_CLIENT_ID": client,
            "VALETKEY_BOOTSTRAP_CLIENT_SECRET": secret,
        }
        self.members: list[Replica] = []
        try:
            for number in range(count):
                self.members.append(Replica(binary, folder, env, number))
        except BaseException:
            self.stop()
            raise
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.mount("http://", requests.adapters.HTTPAdapter(pool_connections=count, pool_maxsize=128))
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        answer = self.http.post(self.members[0].url + "/oauth/token", data=form, timeout=30)
        assert answer.ok, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def api(self, replica: int, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A call of the native API at one replica; fails unless it succeeds."""
        url = f"{self.members[replica % len(self.members)].url}/v1/connect{path}"
        response = self.http.request(method, url, json=body, timeout=60, **options)
        if not response.ok:
            raise ApiError(response)
        return response.json() if response.content else None

    def at(self, replica: int, url: str) -> str:
        """A page of the public address, at one replica."""
        assert url.startswith(self.public_url + "/"), url
        return self.members[replica % len(self.members)].url + url.removeprefix(self.public_url)

    def stop(self) -> list[int]:
        """Ends them all and gives their exit codes."""
        return [replica.process.stop(seconds=60) for replica in self.members]
