"""The package itself: what it exports, that both clients are the same, that nothing shows a secret."""

from __future__ import annotations

import ast
import copy
import importlib.metadata
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import valetkey
from valetkey import (
    AccountRevokedError,
    Actions,
    AsyncActions,
    AsyncValetkeyClient,
    AsyncWebhooks,
    ConfigurationError,
    Event,
    Remedy,
    ToolRateLimitedError,
    ValetkeyClient,
    ValetkeyError,
    Webhooks,
    errors,
)


def test_installed_package_is_typed_and_has_its_version() -> None:
    folder = Path(valetkey.__file__).parent
    assert (folder / "py.typed").exists()
    assert importlib.metadata.version("valetkey") == valetkey.__version__


def test_everything_exported_exists_once() -> None:
    assert len(set(valetkey.__all__)) == len(valetkey.__all__)
    for name in valetkey.__all__:
        assert getattr(valetkey, name) is not None


def methods(kind: type[Any]) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize(("one", "other"), [(Actions, AsyncActions), (ValetkeyClient, AsyncValetkeyClient), (Webhooks, AsyncWebhooks)])
def test_both_clients_have_the_same_methods_and_all_are_explained(one: type[Any], other: type[Any]) -> None:
    names = {"aclose": "close"}
    asynchronous = {names.get(name, name): value for name, value in methods(other).items()}
    assert methods(one).keys() == asynchronous.keys()
    for name, method in methods(one).items():
        assert method.__doc__, name
        assert list(inspect.signature(method).parameters) == list(inspect.signature(asynchronous[name]).parameters)


def test_every_field_is_explained() -> None:
    folder = Path(valetkey.__file__).parent
    bare, seen = [], 0
    for file in ("models.py", "errors.py", "webhooks.py", "_batch.py", "_answer.py"):
        for kind in ast.walk(ast.parse((folder / file).read_text(encoding="utf-8"))):
            if not isinstance(kind, ast.ClassDef) or kind.name.startswith("_"):
                continue
            assert ast.get_docstring(kind), kind.name
            for field, after in zip(kind.body, [*kind.body[1:], None]):
                if isinstance(field, ast.AnnAssign):
                    seen += 1
                    said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                    bare += [] if said else [f"{kind.name}.{ast.unparse(field.target)}"]
    assert seen > 200
    assert not bare


def test_every_error_is_in_the_one_tree() -> None:
    for name in errors.__all__:
        kind = getattr(valetkey, name)
        assert issubclass(kind, ValetkeyError), name
        assert kind.__doc__


def test_error_survives_pickle_and_copy() -> None:
    remedy = Remedy.from_wire({"action": "reauthorize", "text": "Ask.", "url": "https://x.test/canary"})
    error = AccountRevokedError("Gone.", code="account_revoked", remedies=[remedy], request_id="req_1")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is AccountRevokedError
        assert str(twin) == str(error)
        assert twin.authorization_link == "https://x.test/canary"


def test_error_text_says_everything_that_3_am_needs() -> None:
    error = ToolRateLimitedError(
        "The provider's rate limit is reached.",
        code="upstream_rate_limited",
        cause="Too many calls.",
        remedies=[Remedy.from_wire({"action": "wait", "text": "Wait."})],
        docs="https://x.test/docs",
        request_id="req_1",
        execution_id="ex_1",
        retry_after_ms=1500,
    )
    assert str(error).splitlines() == [
        "The provider's rate limit is reached. [upstream_rate_limited]",
        "Cause: Too many calls.",
        "What to do:",
        "  - Wait.",
        "Retry after: 1.5 s",
        "More: https://x.test/docs",
        "Request id: req_1",
        "Execution: ex_1",
    ]
    # What hand-written code around other clients looks for.
    assert "rate limit" in str(error).lower()


def test_nothing_shows_a_secret_as_text() -> None:
    client = ValetkeyClient("https://valetkey.test", "vkc_1", "canary")
    shown = [repr(client), repr(vars(client)), repr(client._transport), repr(client._transport.tokens)]
    link = valetkey.AuthorizationLink.from_wire({"link": "https://x.test/canary", "account": {}})
    remedy = Remedy.from_wire({"action": "reauthorize", "text": "t", "url": "https://x.test/canary"})
    shown += [repr(link), repr(remedy), repr(AccountRevokedError("m", code="c", remedies=[remedy]))]
    assert not [text for text in shown if "canary" in text]


@pytest.mark.parametrize(
    "options",
    [
        {"api_token": "vk_1\n"},
        {"api_token": "vk 1"},
        {"api_token": "vk_ä"},
        {"timeout": 0},
        {"timeout": -1},
        {"max_retries": -1},
        {"ca_file": "/nowhere/ca.pem"},
        {"env_url": "https://h.test?x=1"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        ValetkeyClient(**{"env_url": "https://valetkey.test", "api_token": "vk_1", **options})
    assert wrong.value.remedies


def test_ca_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match="CA file"):
        ValetkeyClient("https://valetkey.test", api_token="vk_1", ca_file=tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00+00:00"),
        ("2026-03-01t09:00:00.1234567891+02:00", "2026-03-01T09:00:00.123456+02:00"),
        ("2026-03-01", None),
        ("2026-13-01T09:00:00Z", None),
        (5, None),
    ],
)
def test_times_are_read_or_nothing(text: Any, iso: Any) -> None:
    at = Event.from_wire({"at": text}).at
    assert (at.isoformat() if at else None) == iso


def test_readme_names_only_methods_that_exist() -> None:
    readme = Path(__file__).resolve().parent.parent / "README.md"
    called = set(re.findall(r"\bactions\.([a-z_]+)\(", readme.read_text(encoding="utf-8")))
    assert len(called) > 8
    assert called <= set(methods(Actions))
