"""recsvc.js: small, cached, and in Chromium on a page of another origin under a strict Content-Security-Policy."""

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from models.scenarios import SCENARIOS
from recsvc.http.signing import Signer, read_secret
from recsvc.keys import CustomerTokens, Scope, create_key
from recsvc.state import open_database
from recsvc.state.live_events import events
from tests.http.test_server import serving

SCRIPT = (files("recsvc.http") / "static" / "recsvc.js").read_bytes()
HEAD = '<!doctype html><html lang="{lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'


def test_it_is_small_and_neither_evaluates_nor_writes_markup() -> None:
    assert len(gzip.compress(SCRIPT, 9)) <= 6_000
    text = SCRIPT.decode()
    for forbidden in ("eval(", "innerHTML", "insertAdjacentHTML", "document.write", ".style", "cookie =", "Storage"):
        assert forbidden not in text


@pytest.mark.parametrize(("path", "kind"), [("/recsvc.js", "text/javascript"), ("/recsvc.css", "text/css")])
def test_any_page_may_load_it_and_caches_keep_it(client: FlaskClient, path: str, kind: str) -> None:
    first = client.get(path)
    assert first.content_type == f"{kind}; charset=utf-8"
    assert first.headers["Cache-Control"].startswith("public, max-age=3600")
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@dataclass
class Shop:
    """A shop's page on an origin of its own, and the service that it asks."""

    service: str
    origin: str
    pages: dict[str, str]
    store: Path
    public: str
    key_id: str

    def token(self, customer_id: str, secret: bytes | None = None) -> str:
        tokens = CustomerTokens(secret or read_secret(None, self.store))
        return tokens.sign(self.key_id, customer_id, datetime.now(UTC) + timedelta(hours=1))

    def page(self, body: str, *, token: str = "", lang: str = "en") -> str:
        """The address of a page with this body."""
        script = f'<script src="{self.service}/recsvc.js" data-key="{self.public}" data-token="{token}" async></script>'
        style = f'<link rel="stylesheet" href="{self.service}/recsvc.css">'
        name = f"/{len(self.pages)}.html"
        self.pages[name] = f"{HEAD.format(lang=lang)}<title>Shop</title>{style}{script}<main>{body}</main>"
        return self.origin + name

    def events(self) -> list[Any]:
        """What the service has stored, a row for each item."""
        database = open_database(None, self.store)
        with database.connect() as connection:
            rows = list(connection.execute(sa.select(events)).mappings())
        database.dispose()
        return [{**row, "item_id": item["item_id"]} for row in rows for item in json.loads(row["items"])]


@contextmanager
def site(pages: dict[str, str], policy: list[str]) -> Iterator[str]:
    """Serve the pages from a port of its own, each with the Content-Security-Policy."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "<title>Product</title><h1>Product</h1>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy[0])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def shop(store: Path) -> Iterator[Shop]:
    database = open_database(None, store)
    _, public = create_key(database, name="page", scope=Scope.PUBLIC, now=datetime.now(UTC))
    server, _ = create_key(database, name="shop", scope=Scope.SERVER, now=datetime.now(UTC))
    database.dispose()
    pages: dict[str, str] = {}
    policy = [""]
    with site(pages, policy) as origin, serving(store, "--workers", "2", "--origins", origin) as service:
        where = service.address
        policy[0] = f"default-src 'none'; script-src {where}; connect-src {where}; style-src {where}; img-src https:"
        yield Shop(where, origin, pages, store, public, server.key_id)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page at phone width whose console must stay silent, but for the question that a test asks wrongly."""
    context = chromium.new_context(viewport={"width": 390, "height": 800}, locale="en-GB")
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console",
        lambda line: faults.append(line.text) if line.type == "error" and "400" not in line.text else None,
    )
    picture = {"status": 200, "content_type": "image/svg+xml", "body": PICTURE}
    opened.route(re.compile("^https://"), lambda route: route.fulfill(**picture))
    yield opened
    context.close()
    assert faults == []


PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4v4z" fill="#89a"/></svg>'


def listed(page: Page, place: str = "[data-recsvc]") -> list[str]:
    """The item ids of a list, once it is there."""
    expect(page.locator(f"{place} .recsvc-item").first).to_be_visible()
    items: list[str] = page.locator(f"{place} .recsvc-item").evaluate_all(
        "all => all.map(one => one.dataset.recsvcItem)"
    )
    return items


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_a_page_of_another_origin_shows_a_list_and_reports_what_happens(shop: Shop, page: Page) -> None:
    page.goto(shop.page('<h1>Shop</h1><div data-recsvc="home" data-n="2"></div>'))
    items = listed(page)
    assert len(items) == 2
    region = page.get_by_role("list", name="Picked for you")
    expect(region.get_by_role("listitem")).to_have_count(2)
    expect(region.get_by_role("link").first).to_have_accessible_name(re.compile(r"\S"))
    assert page.locator("[style]").count() == 0
    page.screenshot(path=str(shop.store / "anonymous.png"))
    stored = wait_for(shop, lambda rows: any(row["type"] == "impression" for row in rows))
    region.get_by_role("link").first.click()
    page.wait_for_url(re.compile("^https://"))
    stored = wait_for(shop, lambda rows: any(row["type"] == "click" for row in rows))
    assert {row["type"] for row in stored} == {"impression", "click"}
    assert sorted({row["item_id"] for row in stored if row["type"] == "impression"}) == sorted(items)
    assert [row["item_id"] for row in stored if row["type"] == "click"] == [items[0]]
    # Attributed: each names the list that it belongs to, signed by this service.
    signer = Signer(read_secret(None, shop.store), SCENARIOS)
    for row in stored:
        assert signer.read(row["recommendation_id"]).place(row["item_id"]) == items.index(row["item_id"])


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_a_token_brings_the_customers_list_and_a_forged_one_the_anonymous(shop: Shop, page: Page) -> None:
    place = '<div data-recsvc="home" data-n="5"></div>'
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def open_with(token: str) -> tuple[list[str], str]:
        page.goto(shop.page(place, token=token, lang="de"))
        items = listed(page)
        return items, page.locator("[data-recsvc]").get_attribute("data-customer") or ""

    anonymous, nobody = open_with("")
    own, accepted = open_with(shop.token("coffee-1"))
    expect(page.get_by_role("list", name="Für Sie ausgewählt")).to_be_visible()
    page.screenshot(path=str(shop.store / "own.png"))
    forged, refused = open_with(shop.token("coffee-1", secret=b"another secret, long enough"))
    assert (nobody, accepted, refused) == ("anonymous", "accepted", "forged")
    assert own != anonymous
    assert forged == anonymous
    assert not [address for address in asked if "token" in address or "coffee-1" in address]


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_a_template_and_a_question_that_fails(shop: Shop, page: Page) -> None:
    page.goto(
        shop.page(
            '<div id="own" data-recsvc="popular" data-n="3" data-title="Bestsellers"><template><article>'
            '<a data-field="link"><b data-field="title"></b></a><img data-field="image_link" alt="">'
            '<i data-field="price"></i><u data-field="nothing"></u></article></template></div>'
            '<div id="empty" data-recsvc="popular" data-n="0"></div>'
        )
    )
    assert len(listed(page, "#own")) == 3
    first = page.locator("#own article").first
    assert (first.locator("a").get_attribute("href") or "").startswith("https://")
    expect(first.locator("b")).not_to_be_empty()
    assert first.locator("u").count() == 0
    expect(page.get_by_role("heading", name="Bestsellers")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()


def wait_for(shop: Shop, done: Any) -> list[Any]:
    """The stored events once `done` says so; at most 20 seconds."""
    end = time.monotonic() + 20
    while not done(rows := shop.events()):
        assert time.monotonic() < end, json.dumps([dict(row) for row in rows], default=str)
        time.sleep(0.2)
    return rows
