"""A real browser goes through the hosted pages, with scripts on and off."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from harness.valetkey import Valetkey

SHOTS = os.environ.get("E2E_SHOTS")


def shoot(page: Any, name: str) -> None:
    """Keeps a picture of the page when E2E_SHOTS names a folder."""
    if SHOTS:
        pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(pathlib.Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.fixture(params=["scripts", "no-scripts"])
def page(request: pytest.FixtureRequest, chromium: Any) -> Any:
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=request.param == "scripts")
    opened = context.new_page()
    opened.problems = []
    opened.on("console", lambda message: opened.problems.append(message.text) if message.type == "error" else None)
    opened.kind = request.param
    yield opened
    context.close()


def test_user_connects_and_the_tool_answers(server: Valetkey, page: Any) -> None:
    identifier = f"user_browser_{page.kind}"
    page.goto(server.link("sandbox", identifier))
    shoot(page, "connect")
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Ada").check()
    shoot(page, "simulator-consent")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    shoot(page, "connected")
    assert page.get_by_role("heading", level=1).is_visible()
    assert server.account("sandbox", identifier)["status"] == "ACTIVE"
    assert server.execute("sandbox_get_profile", identifier)["data"]["email"] == "ada@example.com"
    assert not [problem for problem in page.problems if "Content Security Policy" in problem], page.problems


def test_user_denies_and_may_try_again(server: Valetkey, page: Any) -> None:
    identifier = f"user_deny_{page.kind}"
    page.goto(server.link("sandbox", identifier))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url("**/oauth/callback/**")
    shoot(page, "declined")
    assert server.account("sandbox", identifier)["status"] == "PENDING"
    page.get_by_role("button", name="Try again").or_(page.get_by_role("link", name="Try again")).first.click()
    if page.get_by_role("button", name="Continue").count():
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    assert server.account("sandbox", identifier)["status"] == "ACTIVE"


def test_back_and_reload_after_success_do_no_harm(server: Valetkey, page: Any) -> None:
    identifier = f"user_reload_{page.kind}"
    page.goto(server.link("sandbox", identifier))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    page.reload()
    shoot(page, "reloaded")
    assert server.account("sandbox", identifier)["status"] == "ACTIVE"


def test_used_link_says_so(server: Valetkey, page: Any) -> None:
    identifier = f"user_used_{page.kind}"
    link = server.link("sandbox", identifier)
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    answer = page.goto(link)
    shoot(page, "link-used")
    assert answer.status == 410


def test_pages_are_phone_sized_and_dark(server: Valetkey, chromium: Any) -> None:
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto(server.link("sandbox", "user_phone"))
    shoot(page, "connect-phone-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(server.url + "/connect/" + "x" * 43)
    shoot(page, "link-invalid-phone-dark")
    assert page.get_by_role("heading", level=1).is_visible()
    context.close()


def test_callback_sends_no_referrer(server: Valetkey, chromium: Any) -> None:
    """S07"""
    session = server.browser_session()
    link = server.link("sandbox", "user_headers")
    for url in (link, server.url + "/oauth/callback/conn_" + "0" * 26 + "?code=a&state=b"):
        headers = session.get(url, timeout=30).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert "no-store" in headers["cache-control"]
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "unsafe-inline" not in policy
