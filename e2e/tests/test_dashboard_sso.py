"""People sign in at the dashboard through a certified identity provider, in a real browser."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from harness.emulated import E2E, NODE
from harness.process import Process, free_port, wait_for
from harness.valetkey import Valetkey
from tests.test_dashboard import PASSWORD, assert_accessible, open_page, setup_link, shoot

SECRET = "canary-sso-secret-5b1e7c"


class House:
    """A server and the identity provider that it sends people to."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path, **settings: str):
        folder.mkdir(parents=True, exist_ok=True)
        port, own = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        base = f"https://127.0.0.1:{own}/dashboard"
        self.provider = Process(
            [
                *(str(NODE), str(E2E / "providers/identity.mjs"), "--port", str(port), "--client-secret", SECRET),
                *("--redirect-uri", f"{base}/sso/callback", "--back", f"{base}/login"),
            ],
            folder / "identity.log",
        )

        def answers() -> bool:
            self.provider.require_running()
            return requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=2).ok

        wait_for(answers, "the identity provider answers", 60)
        env = {
            "VALETKEY_SSO_ISSUER": self.issuer,
            "VALETKEY_SSO_CLIENT_ID": "valetkey-dashboard",
            "VALETKEY_SSO_CLIENT_SECRET": SECRET,
            **{f"VALETKEY_SSO_{name.upper()}": value for name, value in settings.items()},
        }
        self.server = Valetkey(binary, folder / "server", env=env, port=own)

    def stop(self) -> None:
        """Ends both; the server's log holds no secret of the sign-ins."""
        code = self.server.stop()
        output = self.server.process.output()
        self.provider.stop()
        assert code == 0, output[-4000:]
        assert SECRET not in output


@pytest.fixture
def house(binary: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Callable[..., House]]:
    """Makes a house with the settings that a test wants."""
    made: list[House] = []

    def make(**settings: str) -> House:
        made.append(House(binary, tmp_path / f"house-{len(made)}", **settings))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def browser(chromium: Any) -> Any:
    """A browser of a person's own."""
    return open_page(chromium.new_context(ignore_https_errors=True))


def come_in(page: Any, house: House, account: str, decision: str = "Sign in") -> None:
    """From the login to wherever the answer of the provider leads."""
    page.goto(house.server.url + "/dashboard/login?next=%2Fexecutions")
    page.get_by_role("link", name="Continue with single sign-on").click()
    page.get_by_label("Account").fill(account)
    page.get_by_role("button", name=decision).click()
    page.wait_for_url(f"{house.server.url}/**")


def told(page: Any, code: str) -> None:
    """The page tells this failure, in a form that everybody can read."""
    assert code in page.content(), page.content()
    assert_accessible(page, code)


def test_person_is_added_comes_in_and_leaves(house: Callable[..., House], chromium: Any) -> None:
    here = house()
    owner = browser(chromium)
    owner.goto(setup_link(here.server))
    owner.get_by_label("Your name").fill("Olga Owner")
    owner.get_by_label("E-mail address").fill("olga@example.com")
    owner.get_by_label("Password", exact=True).fill(PASSWORD)
    owner.get_by_label("The password once more").fill(PASSWORD)
    owner.get_by_role("button", name="Set password").click()
    owner.wait_for_url("**/dashboard")

    # Nobody has let Ada in yet.
    ada = browser(chromium)
    ada.goto(here.server.url + "/dashboard/login")
    assert_accessible(ada, "login-sso")
    shoot(ada, "login-sso")
    come_in(ada, here, "ada")
    told(ada, "sso_not_invited")
    ada.context.close()

    owner.goto(here.server.url + "/dashboard/settings/users")
    section = owner.get_by_role("region", name="Add somebody who signs in through the identity provider")
    section.get_by_label("E-mail address").fill("Ada@example.com")
    section.get_by_label("operator").check()
    section.get_by_role("button", name="Add").click()
    owner.wait_for_url("**/settings/users?done=created")
    assert "not signed in yet" in owner.content()
    assert_accessible(owner, "users-sso")

    stranger = browser(chromium)
    come_in(stranger, here, "ada+unverified")
    told(stranger, "sso_email_unverified")
    stranger.context.close()
    ada = browser(chromium)
    come_in(ada, here, "ada", "Cancel")
    told(ada, "sso_refused")
    come_in(ada, here, "ada")
    ada.wait_for_url("**/dashboard/executions")
    cookies = {cookie["name"]: cookie for cookie in ada.context.cookies(here.server.url)}
    session = cookies["__Host-valetkey_session"]
    assert session["secure"] and session["httpOnly"] and session["sameSite"] == "Lax", session
    assert "__Host-valetkey_sso" not in cookies, "a sign-in that is over leaves nothing behind"

    # Somebody else with Ada's address is not Ada.
    other = browser(chromium)
    come_in(other, here, "ada@new")
    told(other, "sso_identity_taken")
    other.context.close()

    # Out of here, and out of there.
    ada.get_by_role("button", name="Log out").click()
    assert_accessible(ada, "signed-out")
    shoot(ada, "signed-out")
    beside = ada.context.new_page()
    beside.goto(here.server.url + "/dashboard")
    assert "/dashboard/login" in beside.url, "the session has ended"
    beside.close()
    ada.get_by_role("link", name="Sign out at the identity provider").click()
    ada.get_by_role("button", name="Yes").click()
    ada.wait_for_url(f"{here.server.url}/dashboard/login**")
    ada.get_by_role("link", name="Continue with single sign-on").click()
    ada.get_by_label("Account").wait_for()

    owner.goto(here.server.url + "/dashboard/audit?action=user.login")
    assert "sso" in owner.content()
    owner.context.close()


def test_groups_let_in_where_passwords_are_off(house: Callable[..., House], chromium: Any) -> None:
    here = house(role_claim="groups", roles="chiefs=owner", require="true", label="Continue with single sign-on")
    boss = browser(chromium)
    boss.goto(here.server.url + "/dashboard/login")
    assert boss.get_by_label("Password").count() == 0
    come_in(boss, here, "boss")
    boss.wait_for_url("**/dashboard/executions")
    boss.goto(here.server.url + "/dashboard/settings/users")
    assert boss.get_by_text("Invite somebody").count() == 0
    staff = browser(chromium)
    come_in(staff, here, "staff")
    told(staff, "sso_not_invited")
    for page in (boss, staff):
        page.context.close()


def test_answer_in_another_browser_is_refused(house: Callable[..., House], chromium: Any) -> None:
    here = house(domains="example.com", admit_domains="true")
    ada, mallory = browser(chromium), browser(chromium)
    ada.route("**/dashboard/sso/callback**", lambda route: route.abort())
    ada.goto(here.server.url + "/dashboard/login")
    ada.get_by_role("link", name="Continue with single sign-on").click()
    ada.get_by_label("Account").fill("ada")
    with ada.expect_request("**/dashboard/sso/callback**") as answer:
        ada.get_by_role("button", name="Sign in").click()
    mallory.goto(answer.value.url)
    told(mallory, "sso_state_lost")
    come_in(mallory, here, "mallory")
    mallory.wait_for_url("**/dashboard/executions")
    for page in (ada, mallory):
        page.context.close()
