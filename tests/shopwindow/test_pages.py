"""The shop window's pages, read as a browser without script would."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recsvc import shopwindow
from recsvc.i18n import LANGUAGES, LOCALE_DIR, SOURCE_LANGUAGE
from recsvc.shopwindow.visit import LARGEST_CART, Visit, read_visit
from tests.conftest_shop import HABITS

PAGES = ("/", "/shopwindow/item?item=milk", "/shopwindow/cart?cart=milk", "/shopwindow/mail?customer=coffee-3")


class Reader(HTMLParser):
    """What a page links to and shows."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.unsafe: list[str] = []
        self.words: list[str] = []
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("a", "link"):
            self.links.append(named.get("href") or "")
        if tag in ("img", "script", "iframe"):
            self.sources.append(named.get("src") or "")
        self.unsafe += [name for name in named if name == "style" or name.startswith("on")]
        if (tag == "script" and not named.get("src")) or tag == "style":
            self.unsafe.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(client: FlaskClient, address: str, status: int = 200) -> Reader:
    response = client.get(address)
    assert response.status_code == status, response.text
    assert response.mimetype == "text/html"
    return Reader(response)


def items_of(client: FlaskClient, address: str, shelf: str) -> list[str]:
    """The ids of one list on a page."""
    part = re.search(rf'data-scenario="{shelf}".*?</section>', client.get(address).text, re.DOTALL)
    assert part is not None, f"no list {shelf}"
    return re.findall(r"/shopwindow/item\?item=([\w-]+)", part[0])


def test_the_start_page_has_a_list_for_each_purpose(client: FlaskClient) -> None:
    own = set(HABITS["coffee"])
    again = items_of(client, "/?customer=coffee-3", "again")
    assert own & set(again)
    assert not set(again) & set(items_of(client, "/?customer=coffee-3", "discover"))
    assert set(again[:2]) <= set(items_of(client, "/?customer=coffee-3", "home"))


def test_lists_are_those_of_the_interface(client: FlaskClient) -> None:
    page = read(client, "/?customer=coffee-3&lang=de")
    requests = [link for link in page.links if link.startswith("/recommend?")]
    asked = [parse_qs(urlsplit(link).query) for link in requests]
    assert {one["scenario"][0] for one in asked} == {"home", "again", "discover"}
    assert all(one["customer_id"] == ["coffee-3"] and one["locale"] == ["de"] for one in asked)
    answer = client.get(next(link for link in requests if "scenario=home" in link)).get_json()
    assert [item["item_id"] for item in answer["items"]] == items_of(client, "/?customer=coffee-3", "home")


def test_a_greeting_shows_names_as_text_and_never_as_markup(client: FlaskClient) -> None:
    assert "Good to see you, Ida" in read(client, "/?customer=coffee-3&lang=en").text
    assert "Good to see you, <Max>" in read(client, "/?customer=bath-1&lang=en").text
    assert "<Max>" not in client.get("/?customer=bath-1").text


def test_without_a_customer_in_the_address_it_shows_one(client: FlaskClient) -> None:
    assert "Good to see you" in read(client, "/?lang=en").text


@pytest.mark.parametrize("customer", ["", "nobody", "🙂", "<script>", "x" * 10_000, "a b"])
def test_who_is_not_known_sees_what_is_popular(client: FlaskClient, customer: str) -> None:
    address = Visit(customer_id=customer).address("/")
    fallback = (
        client.get("/recommend", query_string={"customer_id": customer[:500] or "nobody"}).get_json().get("fallback")
    )
    page = read(client, address)
    assert "what everybody buys" in page.text
    assert items_of(client, address, "home") == items_of(client, "/?customer=", "home") != []
    assert (f"fallback: {fallback}" in page.text) == (fallback is not None)
    assert "<script>" not in client.get(address).text


def test_what_was_bought_last_stands_on_the_page(client: FlaskClient) -> None:
    page = read(client, "/?customer=coffee-3&lang=en")
    assert "What Ida bought last" in page.text
    # coffee-3 orders every seventh day from 8 January on; the eighth order is on 26 February.
    assert "February 26, 2026" in page.text


def test_an_item_has_complements_and_a_way_into_the_cart(client: FlaskClient) -> None:
    page = read(client, "/shopwindow/item?item=coffee&customer=coffee-3&lang=en")
    assert "Coffee beans 1 kg" in page.text
    assert "€12.99" in page.text
    assert set(items_of(client, "/shopwindow/item?item=coffee", "with")) & {"filter", "cup", "milk"}
    add = next(link for link in page.links if "cart=coffee" in link)
    assert "In your cart" in read(client, add).text


def test_a_sold_out_item_cannot_be_put_into_the_cart(client: FlaskClient) -> None:
    page = read(client, "/shopwindow/item?item=sold-out&lang=en")
    assert "Not available" in page.text
    assert not [link for link in page.links if "cart=sold-out" in link]


def test_a_cart_adds_up_and_has_its_own_list(client: FlaskClient) -> None:
    page = read(client, "/shopwindow/cart?cart=milk&cart=coffee&cart=nonsense&lang=en")
    assert "Together €14.18" in page.text
    found = items_of(client, "/shopwindow/cart?cart=milk&cart=coffee", "cart")
    assert found
    assert not {"milk", "coffee"} & set(found)
    without = next(link for link in page.links if "/cart?" in link and "cart=milk" not in link)
    assert "Together €12.99" in read(client, without).text
    assert items_of(client, "/?customer=coffee-3&cart=coffee", "cart")
    assert "empty" in read(client, "/shopwindow/cart?lang=en").text


def test_the_mail_speaks_the_language_asked_for(client: FlaskClient) -> None:
    page = read(client, "/shopwindow/mail?customer=coffee-3&mail=de&width=phone&lang=en")
    assert "Ida, Ihr Einkaufszettel" in page.text
    assert "ida@example.org" in page.text
    frame = next(source for source in page.sources if "/mail/body" in source)
    body = client.get(frame)
    assert '<html lang="de"' in body.text
    assert "Hallo Ida" in body.text
    assert "sandbox" in body.headers["Content-Security-Policy"]
    shown = Reader(body)
    pictures = [urlsplit(source) for source in shown.sources]
    assert pictures
    assert {(picture.netloc, picture.path) for picture in pictures} == {("localhost", "/shopwindow/tile.svg")}
    assert {urlsplit(link).netloc for link in shown.links if link} == {"localhost"}
    assert "Hallo Ida" in client.get("/shopwindow/mail/body?customer=coffee-3").text, "her own language is German"
    assert "Hello Ida" in client.get("/shopwindow/mail/body?customer=coffee-3&mail=en").text


def test_the_mail_says_when_a_campaign_would_not_write(client: FlaskClient) -> None:
    assert "has not agreed to e-mail" in read(client, "/shopwindow/mail?customer=bath-1&lang=en").text
    assert "has not agreed" not in read(client, "/shopwindow/mail?customer=coffee-3&lang=en").text
    assert "Choose a customer first" in read(client, "/shopwindow/mail?customer=&lang=en").text


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_and_picture_of_a_page_is_there(client: FlaskClient, address: str, language: str) -> None:
    page = read(client, f"{address}{'&' if '?' in address else '?'}lang={language}")
    for link in {*page.links, *page.sources} - {"#main", "#bought"}:
        assert link.startswith("/"), f"{link} leads away"
        assert client.get(link).status_code == 200, link


@pytest.mark.parametrize("address", [*PAGES, "/shopwindow/elsewhere?to=imprint"])
def test_a_page_holds_no_script_or_style_of_its_own(client: FlaskClient, address: str) -> None:
    response = client.get(address)
    assert not Reader(response).unsafe
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "no-store"


def test_an_item_that_is_not_there_has_a_page_that_says_so(client: FlaskClient) -> None:
    for item in ("", "nothing", "x" * 10_000, "🙂"):
        assert "no such item" in read(client, f"/shopwindow/item?item={item}&lang=en", 404).text


def test_a_tile_may_be_kept_and_is_asked_for_once(client: FlaskClient) -> None:
    response = client.get("/shopwindow/tile.svg?category=Food+%3E+Dairy")
    assert response.mimetype == "image/svg+xml"
    assert "max-age=86400" in response.headers["Cache-Control"]
    ET.fromstring(response.text)
    again = client.get(
        "/shopwindow/tile.svg?category=Food+%3E+Dairy", headers={"If-None-Match": response.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/shopwindow/tile.svg").status_code == 200


def test_an_address_full_of_nonsense_is_read_all_the_same(client: FlaskClient) -> None:
    cart = "&".join(f"cart=item-{number}" for number in range(200))
    assert client.get(f"/?customer=a&customer=b&lang=xx&{cart}&mail=%00&width=%ff").status_code == 200


def test_a_full_cart_drops_what_has_lain_there_longest() -> None:
    visit = Visit(cart=tuple(str(number) for number in range(LARGEST_CART)))
    fuller = visit.with_item("new")
    assert fuller.cart == (*(str(number) for number in range(1, LARGEST_CART)), "new")
    assert fuller.with_item("5").cart[-1] == "5"
    assert len(fuller.with_item("5").cart) == LARGEST_CART


def test_an_address_says_all_that_a_visit_is(client: FlaskClient) -> None:
    visit = Visit(customer_id="a&b=c", cart=("milk", "ä/ö"), language="de")
    with client.application.test_request_context(visit.address("/")) as context:
        assert read_visit(context.request.args, "en") == visit


def test_every_text_of_the_pages_is_translated() -> None:
    folder = Path(shopwindow.__file__).parent
    texts = set()
    for path in folder.rglob("*"):
        if path.suffix == ".html":
            texts |= set(re.findall(r"""_\((?:"([^"]+)"|'[^']+')\)""", path.read_text(encoding="utf-8")))
            texts |= set(re.findall(r"_\('([^']+)'\)", path.read_text(encoding="utf-8")))
        elif path.suffix == ".py":
            texts |= set(re.findall(r'gettext\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    assert len(texts) > 60
    for language in LANGUAGES:
        if language == SOURCE_LANGUAGE:
            continue
        with (LOCALE_DIR / language / "LC_MESSAGES" / "recsvc.po").open("rb") as file:
            catalogue = read_po(file, locale=language)
        missing = [text for text in texts if text and not (text in catalogue and catalogue[text].string)]
        assert not missing
