"""The shop window in Chromium, served by the real command: at phone and desktop width, with and without script."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

from recsvc.cli.demo import MARK
from tests.shopwindow.test_demo import running

pytestmark = pytest.mark.browser
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def address(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `recsvc demo` serves the tiny shop."""
    store = tmp_path_factory.mktemp("browser") / "demo"
    shutil.copytree(tiny_store, store)
    (store / MARK).write_text("{}\n")
    with running("--store", store, "--port", "0") as (_, said):
        found = re.search(r"Open the shop window: +(\S+)/", said)
        assert found is not None, said
        yield found[1]


@contextmanager
def page_at(chromium: Browser, width: int, *, script: bool = True) -> Iterator[Page]:
    """A page whose console must stay silent and whose requests must all succeed."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(f"console: {message.text}")

    def failed(request: Request) -> None:
        # What a reader clicks away from while it loads has not failed.
        if request.failure != "net::ERR_ABORTED":
            faults.append(f"failed: {request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            faults.append(f"{response.status}: {response.url}")

    page.on("console", hear)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("requestfailed", failed)
    page.on("response", answered)
    try:
        yield page
    finally:
        context.close()
    assert not faults


def pictures_are_whole(page: Page) -> bool:
    """Whether every picture that is in view has been drawn."""
    script = "() => [...document.images].filter(i => i.loading !== 'lazy').every(i => i.complete && i.naturalWidth > 0)"
    return bool(page.evaluate(script))


def fits(page: Page) -> bool:
    """Whether nothing makes the page wider than the window."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("width", WIDTHS)
def test_from_a_customer_to_the_mail(chromium: Browser, address: str, width: int) -> None:
    with page_at(chromium, width) as page:
        page.goto(address)
        page.get_by_label("Any customer").fill("coffee-3")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("h1")).to_contain_text("Good to see you")
        for heading in ("Selected for you", "Buy it again", "Discover something new"):
            expect(page.get_by_role("region", name=heading).locator(".card").first).to_be_visible()
        assert page.locator(".reason").first.inner_text()
        assert pictures_are_whole(page)
        assert fits(page)

        again = page.get_by_role("region", name="Buy it again")
        opener = again.locator("a.open").first
        opener.click()
        panel = page.get_by_role("dialog")
        expect(panel.get_by_role("heading", name="Goes well with it")).to_be_visible()
        expect(panel.locator(".card").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(opener).to_be_focused()

        opener.click()
        panel.get_by_role("link", name="Add to cart").click()
        expect(panel.get_by_text("In your cart")).to_be_visible()
        panel.get_by_role("button", name="Close").click()
        expect(page.get_by_role("region", name="Goes well with your cart")).to_be_visible()
        expect(page.locator(".count")).to_have_text("1")

        page.get_by_role("link", name="E-mail").click()
        page.get_by_role("link", name="Deutsch", exact=True).and_(page.locator(".switch a")).click()
        mail = page.frame_locator("iframe")
        expect(mail.get_by_role("heading", level=1)).to_contain_text("Hallo")
        page.get_by_role("link", name="Phone").click()
        expect(page.locator(".mail")).to_have_class(re.compile("phone"))
        assert "width=phone" in page.url
        assert mail.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert fits(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_plain_links_without_script(chromium: Browser, address: str, width: int) -> None:
    with page_at(chromium, width, script=False) as page:
        page.goto(f"{address}/?customer=pasta-2&lang=de")
        expect(page.get_by_role("region", name="Noch einmal kaufen")).to_be_visible()
        page.locator("a.open").first.click()
        expect(page.get_by_role("heading", name="Passt gut dazu")).to_be_visible()
        page.get_by_role("link", name="In den Warenkorb").click()
        expect(page.get_by_text("Im Warenkorb")).to_be_visible()
        page.get_by_role("link", name="Warenkorb", exact=False).first.click()
        expect(page.get_by_role("heading", name="Ihr Warenkorb")).to_be_visible()
        page.get_by_role("link", name="E-Mail").click()
        expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_be_visible()
        page.get_by_role("link", name="Telefon").click()
        expect(page.locator(".mail.phone")).to_be_visible()


def test_back_closes_the_panel_and_leaves_the_page(chromium: Browser, address: str) -> None:
    with page_at(chromium, 390) as page:
        page.goto(f"{address}/?customer=bath-1&lang=en")
        page.locator("a.open").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert page.url.startswith(f"{address}/?customer=bath-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(chromium: Browser, address: str, scheme: str) -> None:
    """WCAG AA, 4.5 to 1, for each colour of text on each ground that the style defines."""
    with page_at(chromium, 1280) as page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{address}/?customer=bath-1&lang=en")
        read = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
        names = ("--ground", "--raised", "--wash", "--warn", "--ink", "--soft", "--accent", "--on-accent")
        colours = {name: page.evaluate(read, name) for name in names}
        pairs = [
            (text, ground) for text in ("--ink", "--soft", "--accent") for ground in ("--ground", "--raised", "--wash")
        ]
        pairs += [("--ink", "--warn"), ("--on-accent", "--accent")]
        for text, ground in pairs:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio of two colours '#rrggbb'."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
