"""The console in Chromium, served by the real command with two workers: every page in both languages, on a phone and
on a desk, light and dark. Nothing may be wrong in the console, for axe, or with a number."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from models.registry import Registry
from tests.console.figures import Interfaces, same, written

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
AXE = (Path(__file__).parent / "axe" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
CUSTOMER = "coffee-1"
PICTURE = "<svg xmlns='http://www.w3.org/2000/svg'/>"
Look = tuple[str, int, Literal["light", "dark"]]
LOOKS: list[Look] = [("en", 1280, "light"), ("en", 390, "dark"), ("de", 1280, "dark"), ("de", 390, "light")]
FIGURES = (
    "() => [...document.querySelectorAll('data[data-figure]')].map(e => [e.dataset.figure, e.value, e.textContent])"
)
# Numbers of tables that no figure stands behind; those of the results are held against /kpis elsewhere.
BARE = """() => [...document.querySelectorAll('main td')].filter(cell => !cell.closest('.results'))
    .filter(cell => /^[−+]?[\\d.,]+\\s?%?$/.test(cell.textContent.trim()) && !cell.querySelector('data[data-figure]'))
    .map(cell => cell.textContent)"""
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations'], iframes: false})).violations
    .filter(found => ['serious', 'critical'].includes(found.impact))
    .map(found => [found.id, ...found.nodes.map(node => `${node.target} ${node.any[0]?.message ?? ''}`)].join(', '))"""


@dataclass
class Served:
    """A running service: its interfaces, its models oldest first, and an item of CUSTOMER's home list."""

    api: Interfaces
    versions: list[str]
    item: str

    @property
    def pages(self) -> list[str]:
        return [
            "/console", "/console/models", f"/console/models/{self.versions[0]}", "/console/customers",
            f"/console/customers?id={CUSTOMER}&scenario=home&item={self.item}", "/console/customers?id=nobody",
            "/console/campaigns", f"/console/campaigns/weekly?customer={CUSTOMER}", "/console/campaigns/broken",
            "/console/placements?name=cart", "/console/catalogue?list=unshown", "/console/nothing",
        ]  # fmt: skip


@pytest.fixture(scope="module")
def served(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`recsvc serve` over a copy of the store."""
    store = tmp_path_factory.mktemp("served") / "store"
    shutil.copytree(furnished, store)
    options = ["--store", str(store), "--port", "0", "--workers", "2", "--config", str(store / "recsvc.toml")]
    command = [sys.executable, "-c", "from recsvc.cli.main import main; main()", "serve", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = store / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, stderr=out, env=environment, start_new_session=True)
    try:
        address = None
        while address is None:
            assert process.poll() is None, log.read_text()
            found = re.search(r"recsvc answers at (\S+) ", log.read_text())
            address = found[1] if found else None
        api = Interfaces(address, (store / "admin.token").read_text(), store)
        first = api.recommend(customer=CUSTOMER)["home"]["items"][0]["item_id"]
        yield Served(api, Registry(store).versions(), first)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def context_of(
    chromium: Browser, served: Served, look: Look, *, script: bool = True
) -> Iterator[tuple[BrowserContext, Page, list[str]]]:
    """Nora's browser, signed in, and what went wrong in it."""
    language, width, scheme = look
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale=language, java_script_enabled=script,
        reduced_motion="reduce", base_url=served.api.address,
    )  # fmt: skip
    context.route(
        "https://cdn.shop.example/**", lambda route: route.fulfill(content_type="image/svg+xml", body=PICTURE)
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    try:
        page.goto("/console/sign-in")
        page.fill("#key", served.api.token)
        page.locator("form button").first.click()
        page.wait_for_url("**/console")
        yield context, page, faults
    finally:
        context.close()


def wrong_numbers(page: Page, served: Served, language: str) -> list[str]:
    """Figures of a page that are not what the interfaces say, or not as the language writes them."""
    currency = served.api.find("kpis.currency", customer="", item="", version="", campaign="")
    customer = parse_qs(urlsplit(page.url).query).get("id", [CUSTOMER])[0]
    about = {"customer": customer, "item": served.item, "version": served.versions[0], "campaign": "weekly"}
    faults = []
    for figure, value, text in page.evaluate(FIGURES):
        told = served.api.find(figure, **about)
        if not same(value, told, figure):
            faults.append(f"{figure} is {value}, the interfaces say {told}")
        if text not in written(float(value) if value else None, language, currency):
            faults.append(f"{figure} is {value}, written {text}")
    return faults


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_every_page_is_right(chromium: Browser, served: Served, look: Look) -> None:
    figures = 0
    with context_of(chromium, served, look) as (_, page, faults):
        for address in served.pages:
            answer = page.goto(address, wait_until="load")
            assert answer is not None
            missing = address.endswith("/nothing")
            assert answer.status == (404 if missing else 200)
            if missing:
                faults[:] = [text for text in faults if "404" not in text]
            assert page.locator("html").get_attribute("lang") == look[0]
            assert page.evaluate("document.documentElement.scrollWidth") <= look[1], f"{address} is too wide"
            assert page.evaluate(BARE) == [], address
            assert wrong_numbers(page, served, look[0]) == [], address
            page.evaluate(AXE)
            assert page.evaluate(SERIOUS) == [], address
            assert faults == [], address
            figures += len(page.evaluate(FIGURES))
    assert figures > 120


def test_the_door_is_right_too(chromium: Browser, served: Served) -> None:
    for look in LOOKS[:2]:
        context = chromium.new_context(viewport={"width": look[1], "height": 900}, color_scheme=look[2])
        page = context.new_page()
        page.goto(served.api.address + "/console/models")
        expect(page.locator("#key")).to_be_focused()
        page.keyboard.type("rk_admin_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("This is no admin key in force.")
        page.evaluate(AXE)
        assert page.evaluate(SERIOUS) == []
        context.close()


def test_the_keyboard_skips_to_the_content_and_charts_are_drawn(chromium: Browser, served: Served) -> None:
    with context_of(chromium, served, LOOKS[0]) as (_, page, faults):
        page.goto("/console")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        expect(page.get_by_role("img", name="Events by day")).to_be_visible()
        assert page.locator("canvas").count() == 1
        page.goto("/console/models")
        expect(page.locator("canvas")).to_be_visible()
        assert faults == []


def test_a_campaign_is_checked_while_one_types_and_exported(chromium: Browser, served: Served) -> None:
    with context_of(chromium, served, LOOKS[1]) as (_, page, faults):
        page.goto("/console/campaigns/weekly")
        expect(page.locator("#checked")).to_contain_text("The campaign is fine.")
        text = page.locator("#text").input_value()
        page.locator("#text").fill(text.replace('"again"', '"agian"'))
        expect(page.locator("#checked")).to_contain_text("did you mean 'again'?")
        page.locator("#text").fill(text)
        expect(page.locator("#checked")).to_contain_text("Would get the mail")
        page.get_by_label("Write down").uncheck()
        page.get_by_role("button", name="Export now").click()
        expect(page.locator("#progress")).to_contain_text("weekly.csv", timeout=30_000)
        assert wrong_numbers(page, served, "en") == []
        with page.expect_download() as download:
            page.get_by_role("link", name="weekly.csv").click()
        assert "coffee-1" in Path(download.value.path()).read_text()
        assert faults == []


def test_it_works_without_script(chromium: Browser, served: Served) -> None:
    with context_of(chromium, served, LOOKS[0], script=False) as (_, page, faults):
        for name in ("Models", "Customers", "Campaigns", "Placements", "Catalogue", "Today"):
            page.get_by_role("navigation", name="Console").get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.goto("/console/placements?name=top")
        page.locator("#settings").fill('scenario = "discover"')
        page.get_by_role("button", name="Try").click()
        expect(page.get_by_text("new here").first).to_be_visible()
        page.goto("/console/models")
        page.get_by_text("Roll back…").click()
        page.get_by_role("button", name="Yes, roll back now").click()
        expect(page.get_by_role("status")).to_contain_text(served.versions[0])
        assert Registry(served.api.store).current() == served.versions[0]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert faults == []
