"""A real browser at the hosted pages: every page in every language, light, dark and on a phone, without a serious
violation of accessibility rules; and the operator's branding on them."""

from __future__ import annotations

import os
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from harness.hop import Hop
from harness.valetkey import Valetkey
from tests.test_dashboard import AXE, PASSWORD, VIEWS, assert_accessible, open_page, setup_link

SHOTS = os.environ.get("E2E_SHOTS")
LANGUAGES = ["en", "de", "es", "fr"]
CONTINUE = {"en": "Continue", "de": "Weiter", "es": "Continuar", "fr": "Continuer"}
TRY_AGAIN = {"en": "Try again", "de": "Noch einmal versuchen", "es": "Intentar de nuevo", "fr": "Réessayer"}
GOOD = "good-secret-value-0123456789abcdef"


def shoot(page: Any, name: str) -> None:
    """Keeps a picture of the page when E2E_SHOTS names a folder."""
    if SHOTS:
        pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(pathlib.Path(SHOTS) / f"hosted-{name}.png"), full_page=True)


def picture(width: int, height: int) -> bytes:
    """A PNG: a green sign on nothing."""
    row = b"".join(b"\x0a\x5c\x36\xff" if (x // 8) % 2 == 0 else b"\x9f\xe8\xc0\xff" for x in range(width))
    raw = b"".join(b"\x00" + row for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def house(binary: pathlib.Path, folder: pathlib.Path) -> Iterator[Valetkey]:
    """A server of its own, whose look may be changed."""
    running = Valetkey(binary, folder / "hosted")
    yield running
    assert running.stop() == 0, running.process.output()[-4000:]


@pytest.fixture(scope="module")
def keyed(house: Valetkey) -> Iterator[str]:
    """A connection whose users enter a key that the provider refuses."""

    class Refusing(dict):
        def get(self, _key: object, _default: object = None) -> Any:
            return lambda _call: (401, {"error": "bad credential"})

    provider = Hop(None, Refusing())
    connectors = house.api("GET", "/connectors")["items"]
    plain = (c["slug"] for c in connectors if c["auth_type"] == "API_KEY")
    slug = next(slug for slug in plain if not house.api("GET", f"/connectors/{slug}")["variables"])
    house.connection("keyed", slug, overrides={"api_base_url": provider.url})
    yield "keyed"
    provider.stop()


def check(page: Any, name: str, language: str) -> None:
    """What holds for every page."""
    shoot(page, name)
    assert page.locator("html").get_attribute("lang") == language, name
    assert page.get_by_role("heading", level=1).count() == 1, name
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], (name, width)
    assert_accessible(page, name)


@pytest.mark.parametrize("view", list(VIEWS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible_in_every_language(house: Valetkey, keyed: str, chromium: Any, language: str, view: str) -> None:
    """WCAG 2.2 AA, as far as axe-core can tell."""
    # Debian's Chromium sends its own Accept-Language unless the context has a locale.
    context = chromium.new_context(ignore_https_errors=True, locale=language, **VIEWS[view])
    page = open_page(context)
    user = f"{language}_{view}"
    kind = f"{language}-{view}"

    page.goto(house.link("sandbox", f"user_{user}"))
    check(page, f"connect-{kind}", language)
    page.get_by_role("button", name=CONTINUE[language]).click()
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url("**/oauth/callback/**")
    check(page, f"denied-{kind}", language)
    page.get_by_role("link", name=TRY_AGAIN[language]).click()
    page.get_by_role("button", name=CONTINUE[language]).click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    check(page, f"done-{kind}", language)
    assert house.account("sandbox", f"user_{user}")["status"] == "ACTIVE"
    page.goto(house.link("sandbox", f"user_{user}"))
    check(page, f"connect-again-{kind}", language)

    page.goto(house.link(keyed, f"user_{user}"))
    check(page, f"key-{kind}", language)
    secret = page.locator("input[type=password]").first
    assert secret.get_attribute("autocomplete") == "off"
    for needed in page.locator("input[required]").all():
        needed.fill(GOOD)
    page.locator("button[type=submit]").click()
    page.get_by_role("alert").wait_for()
    check(page, f"key-refused-{kind}", language)
    assert page.locator("input[type=password]").first.input_value() == "", "what was entered is not shown again"
    page.goto(house.url + "/connect/" + "x" * 43)
    check(page, f"invalid-{kind}", language)
    context.close()


def test_form_is_used_by_keyboard_in_reading_order(house: Valetkey, keyed: str, chromium: Any) -> None:
    """WCAG 2.2, 2.4.3 and 3.3.1: the order of the focus is that of the page; the summary leads to the field."""
    context = chromium.new_context(ignore_https_errors=True, locale="en")
    page = open_page(context)
    page.goto(house.link(keyed, "user_keyboard"))
    # The place of every element that can have the focus, in the order of the key; then it begins again.
    where = """() => {
        const active = document.activeElement;
        if (active === document.body || active.dataset.seen) return null;
        active.dataset.seen = "yes";
        return active.getBoundingClientRect().top + window.scrollY;
    }"""
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        place = page.evaluate(where)
        if place is None:
            break
        order.append(place)
    assert len(order) >= 3 and order == sorted(order), order
    # What the browser would not let through, as one without that check sends it.
    page.evaluate("document.querySelectorAll('input[required]').forEach(input => input.required = false)")
    page.locator("button[type=submit]").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert page.title().startswith("Error: ")
    alert.get_by_role("link").first.click()
    focused = page.evaluate("location.hash")
    field = page.locator(focused)
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()
    assert page.locator(f"#{described[0]}").inner_text() == "This is needed."
    context.close()


def test_language_is_chosen_on_the_page_and_kept(house: Valetkey, chromium: Any) -> None:
    context = chromium.new_context(ignore_https_errors=True, locale="nl", java_script_enabled=False)
    page = context.new_page()
    page.goto(house.link("sandbox", "user_chooses"))
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("link", name="Español").click()
    assert page.locator("html").get_attribute("lang") == "es"
    assert page.get_by_role("link", name="Español").get_attribute("aria-current") == "true"
    page.get_by_role("button", name="Continuar").click()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/oauth/callback/**")
    assert page.locator("html").get_attribute("lang") == "es"
    cookie = next(one for one in context.cookies() if one["name"].endswith("valetkey_language"))
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == ("__Host-valetkey_language", True, True, "Lax")
    context.close()


def test_operator_brands_the_pages(house: Valetkey, chromium: Any, folder: pathlib.Path) -> None:
    """Sets everything in the dashboard, looks at it before saving, and meets it on the pages."""
    logo = folder / "logo.png"
    logo.write_bytes(picture(320, 80))
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
    page = open_page(context)
    page.goto(setup_link(house))
    page.get_by_label("Your name").fill("Olga Owner")
    page.get_by_label("E-mail address").fill("olga@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/dashboard")
    page.goto(house.url + "/dashboard/settings")
    page.get_by_role("link", name="Branding").click()
    assert_accessible(page, "branding, empty")
    shoot(page, "branding-empty")

    page.get_by_label("Name of your product").fill("Northwind Agents")
    page.get_by_label("Accent colour (optional)").fill("#ffcc00")
    page.get_by_role("button", name="Save").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "4.5:1" in alert.inner_text()
    assert_accessible(page, "branding, refused")
    shoot(page, "branding-refused")
    page.get_by_label("Accent colour (optional)").fill("#0a5c36")
    page.get_by_label("Help page").fill("https://northwind.example/help")
    page.get_by_label("Help by e-mail").fill("help@northwind.example")
    page.get_by_label("Privacy page").fill("https://northwind.example/privacy")
    page.get_by_text("Deutsch").first.click()
    page.get_by_label("On the page that asks (Deutsch)").fill("Wir lesen nur, was Sie uns zeigen.")
    page.get_by_label("Language").select_option("de")
    with context.expect_page() as opened:
        page.get_by_role("button", name="Show the page").click()
    shown = opened.value
    shown.wait_for_load_state()
    assert shown.get_by_text("Wir lesen nur, was Sie uns zeigen.").is_visible()
    shoot(shown, "branding-preview")
    shown.close()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    page.get_by_label("Logo (optional)").set_input_files(str(logo))
    with context.expect_page() as opened:
        page.get_by_role("button", name="Show the page").click()
    shown = opened.value
    shown.wait_for_load_state()
    tried = shown.locator("header.brand img")
    assert tried.evaluate("image => image.complete && image.naturalWidth") == 320, "a logo is seen before it is saved"
    shown.close()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("img", name="The logo as it is now").wait_for()
    assert_accessible(page, "branding")
    shoot(page, "branding")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(page, "branding-phone")
    context.close()

    for view, options in VIEWS.items():
        guest = chromium.new_context(ignore_https_errors=True, locale="de", **options)
        page = open_page(guest)
        page.goto(house.link("sandbox", f"user_branded_{view}"))
        check(page, f"branded-connect-{view}", "de")
        assert page.get_by_text("Northwind Agents möchte").is_visible()
        button = page.get_by_role("button", name="Weiter")
        colour = button.evaluate("button => getComputedStyle(button).backgroundColor")
        assert view == "dark" or colour == "rgb(10, 92, 54)", colour
        image = page.locator("header.brand img")
        assert image.evaluate("image => image.complete && image.naturalWidth") == 320
        button.click()
        page.get_by_role("button", name="Deny").click()
        page.wait_for_url("**/oauth/callback/**")
        check(page, f"branded-denied-{view}", "de")
        guest.close()


def test_pages_are_whole_without_axe_being_let_in(house: Valetkey, chromium: Any) -> None:
    """The policy keeps foreign scripts out: axe-core comes in as a debugger would, not as the page could load it."""
    assert AXE.exists()
    context = chromium.new_context(ignore_https_errors=True)
    page = open_page(context)
    page.goto(house.link("sandbox", "user_policy"))
    page.evaluate("const s = document.createElement('script'); s.textContent = 'window.let_in = true'; document.head.append(s)")
    page.evaluate("document.body.setAttribute('style', 'display: none')")
    assert page.evaluate("window.let_in") is None
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert [problem for problem in page.problems if "Content Security Policy" in problem]
    context.close()
