"""The official Python SDK, unmodified, against a running `valetkey dev`.

The server is named by VALETKEY_URL, VALETKEY_CLIENT_ID, VALETKEY_CLIENT_SECRET and VALETKEY_CA_FILE.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

# Both, and before gRPC is imported: the SDK asks for tokens with requests and for everything else with gRPC.
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["VALETKEY_CA_FILE"]
os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = os.environ["VALETKEY_CA_FILE"]

import pytest  # noqa: E402
from scalekit import ScalekitClient  # noqa: E402

from provider import Sandbox, native_session  # noqa: E402


def new_client(url: str | None = None, client_id: str | None = None, secret: str | None = None) -> ScalekitClient:
    """An SDK client; as configured unless told otherwise."""
    return ScalekitClient(
        url or os.environ["VALETKEY_URL"],
        client_id or os.environ["VALETKEY_CLIENT_ID"],
        secret or os.environ["VALETKEY_CLIENT_SECRET"],
    )


@pytest.fixture(scope="session")
def client() -> ScalekitClient:
    """The SDK."""
    return new_client()


@pytest.fixture
def actions(client: ScalekitClient) -> object:
    """The part of the SDK that agents use."""
    return client.actions


@pytest.fixture
def identifier() -> str:
    """An end user that nobody else uses."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The simulator behind the connection `sandbox`."""
    return Sandbox(native_session())


@pytest.fixture(autouse=True)
def undisturbed(sandbox: Sandbox) -> Iterator[None]:
    """Every test begins and ends with a provider that behaves."""
    sandbox.clear_faults()
    yield
    sandbox.clear_faults()


@pytest.fixture
def connected(actions: object, sandbox: Sandbox, identifier: str) -> str:
    """An end user whose account is ACTIVE: linked through the hosted page and the provider's consent page."""
    link = actions.get_authorization_link(connection_name="sandbox", identifier=identifier)
    sandbox.consent(link.link)
    account = actions.get_connected_account_details(connection_name="sandbox", identifier=identifier)
    assert account.connected_account.status == "ACTIVE"
    return identifier
