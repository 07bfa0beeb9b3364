"""A real browser at the dashboard: every page, without a serious violation of accessibility rules, and a whole story."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from harness.process import wait_for
from harness.valetkey import Valetkey
from tests.flows import connect_sandbox
from tests.hooks import Receiver, verified

SHOTS = os.environ.get("E2E_SHOTS")
AXE = pathlib.Path(__file__).resolve().parent.parent / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "a calm and sunny morning"
PATHS = {
    "overview": "",
    "accounts": "/accounts",
    "accounts-none": "/accounts?q=nobody-at-all",
    "new-link": "/accounts/new",
    "connections": "/connections",
    "connector-pick": "/connections/new",
    "connection-new": "/connections/new?connector=gmail",
    "connectors": "/connectors",
    "connector": "/connectors/gmail",
    "executions": "/executions",
    "settings": "/settings",
    "users": "/settings/users",
    "clients": "/settings/clients",
    "keys": "/settings/keys",
    "webhooks": "/settings/webhooks",
    "audit": "/audit",
    "simulator": "/simulator",
    "bulk-ask": "/bulk?of=all&action=disconnect",
    "bulk-list": "/bulk",
    "accounts-failing": "/accounts?renewals=failing",
    "nothing-there": "/accounts/ca_" + "0" * 26,
}
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}


def shoot(page: Any, name: str) -> None:
    """Keeps a picture of the page when E2E_SHOTS names a folder."""
    if SHOTS:
        pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(pathlib.Path(SHOTS) / f"dashboard-{name}.png"), full_page=True)


def open_page(context: Any) -> Any:
    """A page that remembers what the browser complains about."""
    page = context.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    return page


def assert_accessible(page: Any, name: str) -> None:
    """WCAG 2.2 AA, as far as axe-core can tell, and nothing that the policy of the page refuses."""
    refused = [problem for problem in page.problems if "Content Security Policy" in problem]
    assert not refused, (name, refused)
    # As a debugger would: the policy of the page lets no foreign script in.
    page.evaluate(AXE.read_text() + ";0")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)["violations"]
    told = [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found]
    assert not [one for one in told if one[1] in ("serious", "critical")], (name, told)


def setup_link(server: Valetkey) -> str:
    """The link that the server printed when it started without any user."""
    words = server.process.output().split()
    return next(word for word in words if "/dashboard/welcome/" in word)


@pytest.fixture(scope="module")
def house(binary: pathlib.Path, folder: pathlib.Path) -> Iterator[Valetkey]:
    """A server of its own: others shall not be asked to log in."""
    running = Valetkey(binary, folder / "dashboard")
    yield running
    assert running.stop() == 0, running.process.output()[-4000:]


@pytest.fixture(scope="module")
def owner(house: Valetkey, chromium: Any) -> dict[str, Any]:
    """Comes in by the setup link, as the first person does; gives the cookies."""
    context = chromium.new_context(ignore_https_errors=True)
    page = open_page(context)
    link = setup_link(house)
    page.goto(link)
    shoot(page, "welcome")
    assert_accessible(page, "welcome")
    page.get_by_label("Your name").fill("Olga Owner")
    page.get_by_label("E-mail address").fill("olga@example.com")
    page.get_by_label("Password", exact=True).fill("too short")
    page.get_by_label("The password once more").fill("too short")
    page.get_by_role("button", name="Set password").click()
    # The browser itself refuses; what it does not know, the server says.
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD + "x")
    page.get_by_role("button", name="Set password").click()
    assert page.get_by_role("alert").is_visible()
    assert_accessible(page, "welcome-wrong")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/dashboard")
    assert page.goto(link).status == 404, "the link works once"
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(params=list(VIEWS))
def page(request: pytest.FixtureRequest, chromium: Any, owner: dict[str, Any]) -> Any:
    context = chromium.new_context(ignore_https_errors=True, storage_state=owner, **VIEWS[request.param])
    opened = open_page(context)
    opened.kind = request.param
    yield opened
    context.close()


@pytest.fixture(scope="module")
def seeded(house: Valetkey, owner: dict[str, Any]) -> dict[str, str]:
    """A few accounts with a history."""
    account = connect_sandbox(house, "user_seeded")
    connect_sandbox(house, "user_other", "grace")
    house.link("sandbox", "user_waiting")
    for _ in range(3):
        house.execute("sandbox_get_profile", "user_seeded")
    house.raw("POST", "/v1/connect/tools/execute", json={"tool_name": "sandbox_get_profile", "identifier": "user_waiting", "tool_input": {}})
    house.api("POST", f"/accounts/{account['id']}/refresh", {})
    execution = house.api("GET", "/executions")["items"][-1]["id"]
    # The provider says why, in a body that is longer than its column.
    lost = house.raw("POST", "/v1/connect/tools/execute", json={"tool_name": "sandbox_get_message", "identifier": "user_seeded", "tool_input": {"message_id": "msg_that_nobody_has_ever_seen_anywhere"}})
    failed = lost.json()["error"]["execution_id"]
    assert house.api("GET", f"/executions/{failed}")["upstream_body"], "the record has no body"
    connection = house.api("GET", "/connections/sandbox")["id"]
    # Nobody listens there: a webhook with a message that did not arrive.
    webhook = house.api("POST", "/webhooks", {"url": "http://127.0.0.1:9/hooks", "description": "The app of the tests"})["webhook"]["id"]
    house.api("POST", f"/webhooks/{webhook}/test")
    return {"account": account["id"], "execution": execution, "failed": failed, "connection": connection, "webhook": webhook}


def test_every_page_is_accessible_and_fits(house: Valetkey, page: Any, seeded: dict[str, str]) -> None:
    paths = {
        **PATHS,
        "account": f"/accounts/{seeded['account']}",
        "account-end": f"/accounts/{seeded['account']}/end",
        "execution": f"/executions/{seeded['execution']}",
        "execution-failed": f"/executions/{seeded['failed']}",
        "connection": f"/connections/{seeded['connection']}",
        "connection-edit": f"/connections/{seeded['connection']}/edit",
        "connection-delete": f"/connections/{seeded['connection']}/delete",
        "webhook": f"/settings/webhooks/{seeded['webhook']}",
        "webhook-delete": f"/settings/webhooks/{seeded['webhook']}/delete",
    }
    for name, path in paths.items():
        answer = page.goto(house.url + "/dashboard" + path)
        assert answer.status == (404 if name == "nothing-there" else 200), (name, answer.status)
        shoot(page, f"{name}-{page.kind}")
        assert page.get_by_role("heading", level=1).is_visible(), name
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], (name, width)
        assert_accessible(page, f"{name} {page.kind}")


def test_many_accounts_are_worked_on_together(house: Valetkey, chromium: Any, owner: dict[str, Any]) -> None:
    """Ticked or by a filter: the page says how many it will hit, then how far it is, then what did not work."""
    connect_sandbox(house, "user_many_1")
    connect_sandbox(house, "user_many_2", "grace")
    house.link("sandbox", "user_many_3")
    context = chromium.new_context(ignore_https_errors=True, storage_state=owner, viewport={"width": 1280, "height": 900})
    page = open_page(context)
    page.goto(house.url + "/dashboard/accounts?q=user_many")
    page.get_by_label("All on this page").check()
    assert page.locator("input[name=account]:checked").count() == 3
    page.get_by_label("Do", exact=True).select_option("refresh")
    page.get_by_role("button", name="With those ticked").click()
    assert page.get_by_text("3 accounts").first.is_visible()
    shoot(page, "bulk-refresh")
    page.get_by_role("button", name="Refresh them now").click()
    page.wait_for_url("**/dashboard/bulk/*")
    page.get_by_text("ended", exact=True).wait_for(timeout=60_000)
    assert page.get_by_text("3 of 3").is_visible()
    assert page.get_by_role("table").get_by_text("account_pending").is_visible()
    shoot(page, "bulk-ended")
    assert_accessible(page, "work that has ended")

    page.goto(house.url + "/dashboard/accounts?q=user_many&status=ACTIVE")
    page.get_by_label("Do", exact=True).select_option("link")
    page.get_by_role("button", name="With all 2 that fit").click()
    page.get_by_role("button", name="Make the links").click()
    page.get_by_text("ended", exact=True).wait_for(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download them as CSV").click()
    lines = pathlib.Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 3 and all("/connect/" in line for line in lines[1:]), lines

    page.goto(house.url + "/dashboard/accounts?q=user_many")
    page.get_by_label("Do", exact=True).select_option("delete")
    page.get_by_role("button", name="With all 3 that fit").click()
    page.get_by_label("I mean 3 accounts", exact=False).check()
    page.get_by_label("Revoke the grant", exact=False).check()
    page.get_by_role("button", name="Delete them").click()
    page.get_by_text("ended", exact=True).wait_for(timeout=60_000)
    page.goto(house.url + "/dashboard/accounts?q=user_many")
    assert page.get_by_text("No account fits these filters.").is_visible()
    context.close()


def test_webhook_is_made_tested_and_mended(house: Valetkey, chromium: Any, owner: dict[str, Any], receiver: Receiver) -> None:
    """By hand: made, its secret copied, tested; what an app does not take is there with its words, and arrives when asked for."""
    context = chromium.new_context(ignore_https_errors=True, storage_state=owner, viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_page(context)
    page.goto(house.url + "/dashboard/settings")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("What it is for").fill("Hears of ended accounts")
    page.get_by_label("An account was disconnected here").check()
    page.get_by_role("button", name="Create the webhook").click()
    shoot(page, "webhook-secret")
    assert_accessible(page, "secret of a webhook")
    page.get_by_role("button", name="Copy").first.click()
    secret = page.evaluate("navigator.clipboard.readText()")
    assert secret.startswith("whsec_")
    page.get_by_role("link", name="Go on to the webhook").click()
    page.get_by_role("button", name="Send a test").click()
    page.get_by_role("heading", name="The test arrived").wait_for()
    assert verified(secret, *receiver.of("webhook.test")[0])["type"] == "webhook.test"

    account = connect_sandbox(house, "user_told")
    receiver.answers.put(500)
    house.api("POST", f"/accounts/{account['id']}/disconnect", {})
    wait_for(lambda: receiver.of("account.disconnected"), "the app is told", 60)
    where = page.url.removesuffix("/test")
    wait_for(lambda: page.goto(where) and page.get_by_text("HTTP 500").count(), "the refusal is noted", 60)
    assert "messages do not arrive" in page.get_by_role("heading", level=1).inner_text()
    shoot(page, "webhook-failing")
    assert_accessible(page, "webhook that fails")
    page.get_by_role("row").filter(has_text="user_told").get_by_role("button", name="Send again").click()
    wait_for(lambda: page.goto(where + "?outcome=pending") and page.get_by_text("No message fits this filter.").count(), "it arrived", 60)
    told = [verified(secret, *one)["id"] for one in receiver.of("account.disconnected")]
    assert len(told) >= 2 and len(set(told)) == 1, told
    context.close()


def test_calls_are_watched_and_taken_apart(house: Valetkey, chromium: Any, owner: dict[str, Any]) -> None:
    """Live: a call shows when it is made, without a press. On its own page its time is drawn."""
    connect_sandbox(house, "user_watched")
    context = chromium.new_context(ignore_https_errors=True, storage_state=owner, viewport={"width": 1280, "height": 900})
    page = open_page(context)
    page.goto(house.url + "/dashboard/executions")
    page.get_by_role("button", name="Watch live").click()
    page.get_by_text("Live", exact=True).wait_for()
    house.execute("sandbox_get_profile", "user_watched")
    row = page.get_by_role("row").filter(has_text="user_watched").first
    row.wait_for(timeout=30_000)
    assert_accessible(page, "executions, watched")
    page.get_by_role("button", name="Stop watching").click()
    row.get_by_role("link", name="sandbox_get_profile").click()
    page.get_by_role("heading", name="Where the time went").wait_for()
    assert page.get_by_role("cell", name="With the provider").is_visible()
    shoot(page, "execution-time")
    context.close()


def test_login_by_keyboard_without_scripts(house: Valetkey, chromium: Any, owner: dict[str, Any]) -> None:
    """S44: what a person types wrong is said, and the way on leads where they wanted to go."""
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = open_page(context)
    page.goto(house.url + "/dashboard/accounts?status=ACTIVE")
    shoot(page, "login")
    # The browser sets the focus a moment after the page is there.
    page.locator("#email:focus").wait_for()
    page.keyboard.type("olga@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("a calm and rainy morning")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    shoot(page, "login-wrong")
    page.locator("#password:focus").wait_for()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/accounts?status=ACTIVE")
    assert page.locator("time").first.inner_text().endswith("UTC") if page.locator("time").count() else True
    cookie = next(one for one in context.cookies() if one["name"].endswith("valetkey_session"))
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == ("__Host-valetkey_session", True, True, "Lax")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/dashboard/login")
    page.goto(house.url + "/dashboard")
    page.wait_for_url("**/dashboard/login*")
    context.close()


def test_operator_sees_a_lost_account_and_mends_it(house: Valetkey, chromium: Any, owner: dict[str, Any]) -> None:
    """Connected in the browser, revoked at the provider, asked for on the overview, mended by a new link."""
    context = chromium.new_context(ignore_https_errors=True, storage_state=owner, viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_page(context)

    def authorize() -> None:
        link = page.get_by_label("The link", exact=True).input_value()
        shoot(page, "link")
        assert_accessible(page, "link")
        assert page.get_by_role("img", name="QR code").is_visible()
        user = chromium.new_context(ignore_https_errors=True)
        guest = user.new_page()
        guest.goto(link)
        guest.get_by_role("button", name="Continue").click()
        guest.get_by_role("button", name="Allow").click()
        guest.wait_for_url("**/oauth/callback/**")
        user.close()

    page.goto(house.url + "/dashboard/accounts/new")
    page.get_by_label("Connection").select_option("sandbox")
    page.get_by_label("Identifier").fill("user_story")
    page.get_by_role("button", name="Make the link").click()
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == page.get_by_label("The link", exact=True).input_value()
    authorize()
    account = house.account("sandbox", "user_story")
    assert account["status"] == "ACTIVE"

    page.goto(house.url + "/dashboard/simulator")
    page.get_by_label("Whom").last.select_option("ada")
    page.get_by_role("button", name="Takes the access away").click()
    assert page.get_by_text("The simulator was told.").is_visible()
    assert page.locator("td .badge.bad").first.is_visible()
    shoot(page, "simulator-told")
    refused = house.raw("POST", f"/v1/connect/accounts/{account['id']}/refresh", json={})
    assert not refused.ok, refused.text

    page.goto(house.url + "/dashboard")
    need = page.get_by_role("listitem").filter(has_text="lost access at the provider")
    assert need.first.is_visible()
    assert need.first.get_by_role("button", name="New link").first.is_visible()
    shoot(page, "overview-asks")
    assert_accessible(page, "overview that asks")
    page.goto(house.url + f"/dashboard/accounts/{account['id']}")
    assert "Revoked" in page.get_by_role("heading", level=1).inner_text()
    assert page.get_by_role("heading", name="Errors").is_visible()
    with page.expect_download() as bundle:
        page.get_by_role("link", name="Support bundle").click()
    assert account["id"] in pathlib.Path(bundle.value.path()).read_text()
    shoot(page, "account-revoked")
    assert_accessible(page, "account that was revoked")
    page.get_by_role("button", name="New authorization link").click()
    authorize()
    page.get_by_role("link", name="Back to the account").click()
    assert "Active" in page.get_by_role("heading", level=1).inner_text()
    assert house.account("sandbox", "user_story")["status"] == "ACTIVE"
    page.goto(house.url + "/dashboard/audit")
    page.get_by_role("button", name="Verify the chain").click()
    assert page.get_by_role("heading", name="The record is whole").is_visible()
    assert page.get_by_text("account.link_created").first.is_visible()
    shoot(page, "audit-verified")
    assert_accessible(page, "audit log, verified")
    context.close()


def test_audit_is_verified_at_the_command_line(house: Valetkey, owner: dict[str, Any]) -> None:
    """S57"""
    run = subprocess.run(
        [str(house.binary), "audit", "verify", "--env-file", str(house.env_file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0 and "is whole" in run.stdout, (run.stdout, run.stderr)
    run = subprocess.run(
        [str(house.binary), "user", "invite", "--role", "viewer", "--env-file", str(house.env_file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0 and "/dashboard/welcome/" in run.stdout, (run.stdout, run.stderr)
