"""Every OAuth connector against a provider that none of us wrote, through a hop that notes whose token arrived."""

from __future__ import annotations

import base64
import dataclasses
import email
import email.policy
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from harness.emulated import Emulated, consent
from harness.hop import Answer, Call, Hop
from harness.process import free_port
from harness.valetkey import Valetkey


@dataclasses.dataclass
class Provider:
    """How one emulated provider is set up."""

    service: str
    connector: str
    user: str
    seed: Callable[[str], dict[str, Any]]  # redirect URI -> seed
    overrides: Callable[[str, str], dict[str, str]]  # emulator URL, hop URL -> overrides
    client: tuple[str, str] = ("e2e-client", "e2e-secret")
    answers: dict[tuple[str, str], Callable[[Call], Answer]] = dataclasses.field(default_factory=dict)
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)


def google_seed(redirect_uri: str) -> dict[str, Any]:
    return {
        "users": [{"email": "ada@example.com", "name": "Ada"}, {"email": "bob@example.com", "name": "Bob"}, {"email": "carol@example.com", "name": "Carol"}, {"email": "eve@example.com", "name": "Eve"}],
        "oauth_clients": [{"client_id": "e2e-client", "client_secret": "e2e-secret", "name": "Valetkey", "redirect_uris": [redirect_uri]}],
        "messages": [
            {"id": "msg_hello", "user_email": "ada@example.com", "from": "bob@example.com", "to": "ada@example.com", "subject": "Hello", "body_text": "Hi Ada", "label_ids": ["INBOX"]}
        ],
        "calendars": [{"id": "primary", "user_email": "ada@example.com", "summary": "ada", "primary": True, "selected": True, "time_zone": "UTC"}],
        "drive_items": [{"id": "drv_docs", "user_email": "ada@example.com", "name": "Docs", "mime_type": "application/vnd.google-apps.folder", "parent_ids": ["root"]}],
    }


def google_overrides(api_path: str) -> Callable[[str, str], dict[str, str]]:
    def build(emulator: str, hop: str) -> dict[str, str]:
        return {
            "authorize_url": f"{emulator}/o/oauth2/v2/auth",
            "token_url": f"{emulator}/oauth2/token",
            "revoke_url": f"{emulator}/oauth2/revoke",
            "userinfo_url": f"{emulator}/oauth2/v2/userinfo",
            "api_base_url": f"{hop}{api_path}",
        }

    return build


GMAIL_PROFILE = {("GET", "/gmail/v1/users/me/profile"): lambda _call: (200, {"emailAddress": "ada@example.com", "messagesTotal": 1, "threadsTotal": 1, "historyId": "1"})}

PROVIDERS = {
    "gmail": Provider("google", "gmail", "ada@example.com", google_seed, google_overrides(""), answers=GMAIL_PROFILE),
    "googlecalendar": Provider("google", "googlecalendar", "ada@example.com", google_seed, google_overrides("")),
    "googledrive": Provider("google", "googledrive", "ada@example.com", google_seed, google_overrides("")),
    "slack": Provider(
        "slack",
        "slack",
        "developer",
        lambda redirect: {
            "team": {"name": "E2E", "domain": "e2e"},
            "users": [{"name": "developer", "real_name": "Developer", "email": "dev@example.com"}],
            "channels": [{"name": "general", "topic": "all"}],
            "oauth_apps": [
                {
                    "client_id": "e2e-client",
                    "client_secret": "e2e-secret",
                    "app_id": "A000000001",
                    "name": "Valetkey",
                    "redirect_uris": [redirect],
                    "scopes": ["chat:write", "channels:read", "channels:history", "groups:read", "groups:history", "im:read", "im:history", "im:write", "mpim:read",
                               "mpim:history", "mpim:write", "users:read", "users:read.email", "files:read", "files:write", "reactions:read", "reactions:write",
                               "channels:join", "channels:manage", "pins:read", "pins:write", "team:read", "users.profile:read", "search:read"],
                    "user_scopes": ["users:read", "users.profile:read", "search:read"],
                    "bot_name": "valetkey-bot",
                }
            ],
        },
        lambda emulator, hop: {"authorize_url": f"{emulator}/oauth/v2/authorize", "token_url": f"{emulator}/api/oauth.v2.access", "api_base_url": f"{hop}/api"},
    ),
    "microsoft365": Provider(
        "microsoft",
        "microsoft365",
        "ada@outlook.com",
        lambda redirect: {
            "users": [{"email": "ada@outlook.com", "name": "Ada"}],
            "oauth_clients": [{"client_id": "e2e-client", "client_secret": "e2e-secret", "name": "Valetkey", "redirect_uris": [redirect]}],
        },
        lambda emulator, hop: {
            "authorize_url": f"{emulator}/oauth2/v2.0/authorize",
            "token_url": f"{emulator}/oauth2/v2.0/token",
            "revoke_url": f"{emulator}/oauth2/v2.0/revoke",
            "api_base_url": f"{hop}/v1.0",
        },
    ),
    "github": Provider(
        "github",
        "github",
        "octocat",
        lambda redirect: {
            "users": [{"login": "octocat", "name": "Octo Cat", "email": "octocat@example.com"}],
            "repos": [{"owner": "octocat", "name": "hello-world", "description": "first", "auto_init": True}],
            "oauth_apps": [{"client_id": "Iv1.e2eclient", "client_secret": "e2e-secret", "name": "Valetkey", "redirect_uris": [redirect]}],
        },
        lambda emulator, hop: {"authorize_url": f"{emulator}/login/oauth/authorize", "token_url": f"{emulator}/login/oauth/access_token", "api_base_url": hop},
        client=("Iv1.e2eclient", "e2e-secret"),
    ),
    "linear": Provider(
        "linear",
        "linear",
        "admin@example.com",
        lambda redirect: {
            "organization": {"name": "Acme", "url_key": "acme"},
            "users": [{"email": "admin@example.com", "name": "Admin User", "admin": True}],
            "teams": [{"key": "ENG", "name": "Engineering", "states": [{"name": "Todo", "type": "unstarted"}]}],
            "oauth_apps": [
                {"client_id": "e2e-client", "client_secret": "e2e-secret", "name": "Valetkey", "redirect_uris": [redirect], "actor": "user", "scopes": ["read", "write", "issues:create", "comments:create"]}
            ],
            "strict_scopes": True,
        },
        lambda emulator, hop: {
            "authorize_url": f"{emulator}/oauth/authorize",
            "token_url": f"{emulator}/oauth/token",
            "revoke_url": f"{emulator}/oauth/revoke",
            "api_base_url": hop,
        },
    ),
}


@dataclasses.dataclass
class Connected:
    """A connection with an authorized account."""

    server: Valetkey
    provider: Provider
    connection: dict[str, Any]
    hop: Hop
    emulator: Emulated
    link_page: str

    def run(self, tool: str, tool_input: dict[str, Any] | None = None) -> Any:
        """Executes a tool and checks that some bearer arrived at the provider."""
        before = len(self.hop.calls)
        answer = self.server.execute(tool, "user_123", tool_input, connection_name=self.connection["name"])
        arrived = [call for call in self.hop.calls[before:]]
        assert arrived, "nothing arrived at the provider"
        assert arrived[-1].bearer, f"no bearer on {arrived[-1].path}"
        assert answer["execution_id"].startswith("ex_")
        return answer["data"]


_CACHE: dict[str, Connected] = {}


@pytest.fixture(scope="module")
def connect(server: Valetkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Connected]]:
    """Connects an account of a provider, once per provider."""

    def by_name(name: str) -> Connected:
        if name in _CACHE:
            return _CACHE[name]
        provider = PROVIDERS[name]
        port = free_port()
        hop = Hop(port, provider.answers)
        client_id, client_secret = provider.client
        connection = server.connection(
            f"{name}-e2e",
            provider.connector,
            client_id=client_id,
            client_secret=client_secret,
            overrides=provider.overrides(f"http://127.0.0.1:{port}", hop.url),
            **provider.extra,
        )
        emulator = Emulated(provider.service, provider.seed(connection["redirect_uri"]), tmp_path_factory.mktemp(name), port)
        session = server.browser_session()
        link = server.link(connection["name"], "user_123")
        authorize_url = server.start_authorization(link, session)
        callback = consent(authorize_url, provider.user)
        assert callback.startswith(connection["redirect_uri"]), callback
        done = session.get(callback, timeout=60)
        assert done.status_code == 200, done.text[:3000]
        _CACHE[name] = Connected(server, provider, connection, hop, emulator, done.text)
        return _CACHE[name]

    yield by_name
    for connected in _CACHE.values():
        connected.emulator.stop()
        connected.hop.stop()
    _CACHE.clear()


@pytest.mark.parametrize("name", PROVIDERS)
def test_account_after_consent_is_active(connect: Callable[[str], Connected], name: str) -> None:
    connected = connect(name)
    account = connected.server.account(connected.connection["name"], "user_123")
    assert account["status"] == "ACTIVE", account
    assert account["provider"] == account["provider"].upper()
    assert account["connection_name"] == f"{name}-e2e"
    assert account["identifier"] == "user_123"


def test_gmail_tools_reach_the_gmail_api(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    assert gmail.run("gmail_get_profile")["email_address"] == "ada@example.com"
    messages = gmail.run("gmail_list_messages", {"max_results": 5})
    assert messages["messages"], messages
    one = gmail.run("gmail_get_message", {"message_id": messages["messages"][0]["id"]})
    assert one["id"] == messages["messages"][0]["id"]


def test_gmail_send_email_builds_a_correct_message(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    sent = gmail.run(
        "gmail_send_email",
        {
            "to": ["Zoë Ångström <zoe@example.com>", "plain@example.com"],
            "cc": "carol@example.com",
            "subject": "Grüße aus 東京",
            "body": "Schöne Grüße\n— Ada",
            "attachments": [{"filename": "añb.txt", "content_type": "text/plain", "content": base64.b64encode(b"attached \xe2\x9c\x93").decode()}],
        },
    )
    assert sent["id"]
    call = gmail.hop.last("/gmail/v1/users/me/messages/send")
    raw = json.loads(call.body)["raw"]
    message = email.message_from_bytes(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)), policy=email.policy.default)
    assert message["subject"] == "Grüße aus 東京"
    assert [a.addr_spec for a in message["to"].addresses] == ["zoe@example.com", "plain@example.com"]
    assert message["to"].addresses[0].display_name == "Zoë Ångström"
    assert message["cc"].addresses[0].addr_spec == "carol@example.com"
    assert "Schöne Grüße" in message.get_body(("plain",)).get_content()
    attachment = next(message.iter_attachments())
    assert attachment.get_filename() == "añb.txt"
    content = attachment.get_payload(decode=True).decode()
    assert content == "attached ✓"


def test_official_names_work_as_aliases(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    assert gmail.run("gmail_fetch_mails", {})
    assert gmail.run("gmail_send_message", {"to": "zoe@example.com", "subject": "alias", "body": "hi"})["id"]


def test_calendar_tools_reach_the_calendar_api(connect: Callable[[str], Connected]) -> None:
    calendar = connect("googlecalendar")
    assert calendar.run("googlecalendar_list_calendars")["calendars"]
    created = calendar.run(
        "googlecalendar_create_event",
        {"title": "Standup", "start": "2026-12-01T09:00:00Z", "end": "2026-12-01T09:15:00Z"},
    )
    assert created["id"]
    listed = calendar.run("googlecalendar_list_events", {"time_min": "2026-11-30T00:00:00Z", "time_max": "2026-12-02T00:00:00Z"})
    assert any(event["id"] == created["id"] for event in listed["events"])


def test_drive_tools_reach_the_drive_api(connect: Callable[[str], Connected]) -> None:
    drive = connect("googledrive")
    assert any(item["name"] == "Docs" for item in drive.run("googledrive_list_files")["files"])


def test_slack_tools_reach_the_slack_api(connect: Callable[[str], Connected]) -> None:
    slack = connect("slack")
    channels = slack.run("slack_list_channels")["channels"]
    general = next(c for c in channels if c["name"] == "general")
    posted = slack.run("slack_send_message", {"channel": general["id"], "text": "hello from an agent"})
    assert posted["ts"]
    assert slack.run("slack_list_users")["users"]


def test_slack_error_with_status_200_is_an_error(connect: Callable[[str], Connected]) -> None:
    slack = connect("slack")
    response = slack.server.raw(
        "POST",
        "/v1/connect/tools/execute",
        json={"tool_name": "slack_send_message", "identifier": "user_123", "connection_name": "slack-e2e", "tool_input": {"channel": "C0000NOPE", "text": "x"}},
    )
    assert response.status_code == 422, response.text
    error = response.json()["error"]
    assert error["code"] == "upstream_not_found", error
    assert error["execution_id"].startswith("ex_")


def test_github_tools_reach_the_github_api(connect: Callable[[str], Connected]) -> None:
    github = connect("github")
    assert github.run("github_get_user")["login"] == "octocat"
    issue = github.run("github_create_issue", {"owner": "octocat", "repo": "hello-world", "title": "From an agent", "body": "text"})
    assert issue["number"] >= 1
    assert any(i["number"] == issue["number"] for i in _items(github.run("github_list_issues", {"owner": "octocat", "repo": "hello-world"})))


def _items(data: Any) -> list[Any]:
    return data if isinstance(data, list) else next(value for value in data.values() if isinstance(value, list))


def test_linear_tools_reach_the_graphql_api(connect: Callable[[str], Connected]) -> None:
    linear = connect("linear")
    viewer = linear.run("linear_get_viewer")
    assert "admin@example.com" in json.dumps(viewer)
    teams = linear.run("linear_list_teams")
    team = _items(teams)[0]
    created = linear.run("linear_create_issue", {"team_id": team["id"], "title": "From an agent"})
    assert "From an agent" in json.dumps(created)


def test_microsoft_tools_reach_graph(connect: Callable[[str], Connected]) -> None:
    microsoft = connect("microsoft365")
    assert "ada@outlook.com" in json.dumps(microsoft.run("microsoft365_get_profile"))


def test_bearer_upstream_is_the_one_the_provider_issued(connect: Callable[[str], Connected]) -> None:
    """The emulator accepts any bearer: only what arrives proves whose token was sent."""
    gmail = connect("gmail")
    gmail.run("gmail_get_profile")
    first = gmail.hop.last("/gmail/v1/users/me/profile").bearer
    assert first and first.startswith("google_")
    # A second user of the same connection sends another token, and the first one's is unchanged.
    session = gmail.server.browser_session()
    link = gmail.server.link("gmail-e2e", "user_456")
    callback = consent(gmail.server.start_authorization(link, session), "bob@example.com")
    assert session.get(callback, timeout=60).status_code == 200
    gmail.server.execute("gmail_get_profile", "user_456", connection_name="gmail-e2e")
    second = gmail.hop.last("/gmail/v1/users/me/profile").bearer
    gmail.run("gmail_get_profile")
    assert second and second.startswith("google_") and second != first
    assert gmail.hop.last("/gmail/v1/users/me/profile").bearer == first


def test_proxied_call_carries_the_bearer_and_nothing_of_ours(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    response = gmail.server.raw(
        "GET",
        "/proxy/gmail/v1/users/me/messages?maxResults=3",
        headers={"connection_name": "gmail-e2e", "identifier": "user_123", "cookie": "a=b", "x-forwarded-for": "203.0.113.9", "x-custom": "kept"},
    )
    assert response.status_code == 200, response.text
    call = gmail.hop.last("/gmail/v1/users/me/messages")
    assert call.bearer and call.bearer.startswith("google_")
    assert call.path.endswith("maxResults=3")
    assert call.headers.get("x-custom") == "kept"
    for name in ("connection_name", "identifier", "cookie", "x-forwarded-for"):
        assert name not in call.headers, name
    assert gmail.server.api_token not in json.dumps(call.headers)


def test_wrong_input_names_the_field_and_calls_nobody(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    before = len(gmail.hop.calls)
    response = gmail.server.raw(
        "POST", "/v1/connect/tools/execute", json={"tool_name": "gmail_send_email", "identifier": "user_123", "connection_name": "gmail-e2e", "tool_input": {"subject": 5}}
    )
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["code"] == "tool_input_invalid"
    assert "tool_input" in error["message"] and "to" in error["message"]
    assert len(gmail.hop.calls) == before


def connect_again(gmail: Connected, identifier: str, user: str) -> dict[str, Any]:
    """One more account on the same connection."""
    session = gmail.server.browser_session()
    link = gmail.server.link("gmail-e2e", identifier)
    assert session.get(consent(gmail.server.start_authorization(link, session), user), timeout=60).status_code == 200
    return gmail.server.account("gmail-e2e", identifier)


def test_disconnect_that_would_end_another_account_asks(connect: Callable[[str], Connected]) -> None:
    """Google ends every grant that a user gave the client."""
    gmail = connect("gmail")
    one, other = (connect_again(gmail, f"eve_{n}", "eve@example.com") for n in (1, 2))
    with pytest.raises(AssertionError, match="revocation_reaches_siblings") as refused:
        gmail.server.api("POST", f"/accounts/{other['id']}/disconnect", {})
    assert "eve_1" in str(refused.value)
    kept = gmail.server.api("POST", f"/accounts/{other['id']}/disconnect", {"siblings": "keep"})
    assert kept["status"] == "DISCONNECTED"
    assert gmail.server.api("GET", f"/accounts/{one['id']}")["status"] == "ACTIVE"


def test_disconnect_revokes_at_the_provider(connect: Callable[[str], Connected]) -> None:
    gmail = connect("gmail")
    account = connect_again(gmail, "user_gone", "carol@example.com")
    gone = gmail.server.api("POST", f"/accounts/{account['id']}/disconnect", {})
    assert gone["status"] == "DISCONNECTED"
    events = gmail.server.events(account["id"])
    receipts = [e for e in events if e["kind"] == "account.revocation_receipt"]
    assert receipts, events
    with pytest.raises(AssertionError, match="account_disconnected"):
        gmail.server.execute("gmail_get_profile", "user_gone", connection_name="gmail-e2e")


def test_no_secret_in_pages(connect: Callable[[str], Connected]) -> None:
    """S07: the page after consent holds neither code nor state nor token."""
    page = connect("gmail").link_page
    for word in ("google_", "code=", "state=", "e2e-secret"):
        assert word not in page
