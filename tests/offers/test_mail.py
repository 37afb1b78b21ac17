"""The mail: what it shows, that it is sound HTML, and that no text of others becomes part of it."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.errors import InputError
from recsvc.offers.mail import MOST_BYTES, TILE_COLOURS, MailRenderer
from recsvc.offers.offer import OfferSlot
from tests.conftest_shop import run_recsvc
from tests.offers.made_up import (
    CAMPAIGN,
    GOLDEN,
    GOLDEN_FILES,
    TODAY,
    made_up_campaign,
    made_up_item,
    made_up_offer,
    rendered,
)

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Outline(HTMLParser):
    """Elements with their attributes; `problems` names what is not closed, or closed without being open."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        self.problems += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}>")


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_golden(name: str, tmp_path: Path) -> None:
    assert GOLDEN_FILES[name](tmp_path) == (GOLDEN / name).read_bytes().decode()


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_html_is_sound_and_accessible(language: str, tmp_path: Path) -> None:
    outline = Outline(rendered(tmp_path, language).html)
    assert outline.problems == []
    names = [name for name, _ in outline.elements]
    assert dict(outline.elements)["html"]["lang"] == language
    assert not {"script", "form", "link", "iframe", "object"} & set(names)
    assert (names.count("h1"), names.count("h2"), names.count("h3")) == (1, 1, 2)
    metas = [attributes.get("name") for name, attributes in outline.elements if name == "meta"]
    assert {"color-scheme", "supported-color-schemes"} <= set(metas)
    for name, attributes in outline.elements:
        if name == "img":
            assert attributes["alt"] == "Vollmilch 3,8 %"
        if name == "table":
            assert attributes["role"] == "presentation"
        if name == "a":
            assert (attributes["href"] or "").startswith("https://shop.example/")


@pytest.mark.parametrize("language", ["de", "en"])
def test_html_and_text_say_the_same(language: str, tmp_path: Path) -> None:
    mail, offer = rendered(tmp_path, language), made_up_offer(language)
    shown = html.unescape(re.sub(r"<!--.*?-->", "", mail.html, flags=re.DOTALL))
    sender = made_up_campaign(tmp_path).sender
    for body in (shown, mail.text):
        for text in (
            offer.greeting,
            offer.slots[0].heading,
            sender.from_name,
            sender.unsubscribe_url,
            sender.imprint_url,
        ):
            assert text in body
        for item in offer.items:
            assert item.title in body
            assert item.price in body
            assert item.reason in body
            assert item.link in body
    assert offer.preheader in mail.html
    assert "[[" not in mail.html.replace("[[endif", "")
    assert "[[" not in mail.text
    assert mail.subject == offer.subject


def test_texts_of_others_stay_texts(tmp_path: Path) -> None:
    nasty = '"><script>alert(1)</script>{{ 7 * 7 }}{% if 1 %}'
    item = made_up_item(title=nasty, reason=nasty, category=nasty, image="", price=nasty)
    shown = made_up_item(title=nasty, image="https://cdn.example/x.jpg")
    slot = OfferSlot(name="again", scenario="again", heading=nasty, fallback=None, items=(item, shown))
    offer = made_up_offer(greeting=nasty, preheader=nasty, intro=nasty, subject=nasty, slots=(slot,))
    mail = MailRenderer(made_up_campaign(tmp_path), today=TODAY).render(offer)
    outline = Outline(mail.html)
    assert outline.problems == []
    assert "script" not in [name for name, _ in outline.elements]
    assert "{{ 7 * 7 }}" in mail.html
    assert "{{ 7 * 7 }}" in mail.text


def test_an_item_without_an_image_gets_a_tile_with_its_category(tmp_path: Path) -> None:
    mail = rendered(tmp_path)
    assert len(re.findall(r"<img ", mail.html)) == 1
    assert re.search(r'class="tile".*?>Kaffee &amp; Tee</a>', mail.html, re.DOTALL)
    assert 'src=""' not in mail.html


def test_tiles_can_be_read() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ground, ink in TILE_COLOURS:
        assert (luminance(ground) + 0.05) / (luminance(ink) + 0.05) >= 7


def test_an_item_without_a_price_has_no_price_line(tmp_path: Path) -> None:
    slot = OfferSlot(
        name="again", scenario="again", heading="", fallback=None, items=(made_up_item(price="", amount=None),)
    )
    mail = MailRenderer(made_up_campaign(tmp_path), today=TODAY).render(made_up_offer(slots=(slot,)))
    assert "€" not in mail.html + mail.text
    assert "Stand der Preise" not in mail.html + mail.text
    assert "Vollmilch 3,8 %\n" in mail.text


def test_who_wants_no_profile_is_not_told_of_one(tmp_path: Path) -> None:
    renderer = MailRenderer(made_up_campaign(tmp_path), today=TODAY)
    sentence = "Diese Auswahl beruht auf Ihren bisherigen Einkäufen bei uns."
    assert sentence in renderer.render(made_up_offer()).html
    impersonal = renderer.render(made_up_offer(personal=False))
    assert sentence not in impersonal.html + impersonal.text


def test_a_full_mail_of_usual_links_needs_no_cut(tmp_path: Path) -> None:
    items = tuple(made_up_item(link="https://shop.example/" + "p" * 100, image="") for _ in range(16))
    slot = OfferSlot(name="again", scenario="again", heading="", fallback=None, items=items)
    mail = MailRenderer(made_up_campaign(tmp_path), today=TODAY).render(made_up_offer(slots=(slot,)))
    assert mail.dropped == 0
    assert len(mail.html.encode()) <= MOST_BYTES


def test_a_mail_that_would_be_cut_off_leaves_items_out(tmp_path: Path) -> None:
    items = tuple(
        made_up_item(item_id=str(at), title=f"Item no. {at}", link="https://s.example/" + "ä" * 300) for at in range(16)
    )
    slots = tuple(
        OfferSlot(
            name=f"s{start}", scenario="home", heading=f"Slot {start}", fallback=None, items=items[start : start + 8]
        )
        for start in (0, 8)
    )
    mail = MailRenderer(made_up_campaign(tmp_path), today=TODAY).render(made_up_offer(slots=slots))
    assert 0 < mail.dropped < 16
    assert len(mail.html.encode()) <= MOST_BYTES
    last = 15 - mail.dropped
    for body in (mail.html, mail.text):
        assert f"Item no. {last}" in body
        assert f"Item no. {last + 1}" not in body
        assert "Abmelden" in body


def test_a_shop_puts_its_own_template_in_place_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "offer.txt").write_text(
        "Moin! [[Unsubscribe]]: {{ unsubscribe_url }} {{ imprint_url }} {{ privacy_url }}\n", encoding="utf-8"
    )
    campaign = made_up_campaign(tmp_path, CAMPAIGN.replace("from_name", 'templates = "mine"\nfrom_name'))
    mail = MailRenderer(campaign, today=TODAY).render(made_up_offer())
    assert mail.text.startswith("Moin! Abmelden: https://shop.example/abmelden?a=1&b=2 ")
    assert "Vollmilch" in mail.html


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("offer.mjml", "<mjml><mj-body></mjml>", "offer.mjml: not valid MJML"),
        (
            "offer.mjml",
            "<mjml><mj-body><mj-raw>{{ subject.__class__ }}</mj-raw></mj-body></mjml>",
            "cannot read '__class__'",
        ),
        (
            "offer.mjml",
            "<mjml><mj-body><mj-raw>{{ customer.email }}</mj-raw></mj-body></mjml>",
            "'customer' is undefined",
        ),
        (
            "offer.mjml",
            "<mjml><mj-body></mj-body></mjml>",
            "the template offer.mjml does not show {{ unsubscribe_url }}",
        ),
        ("offer.txt", "{{ unsubscribe_url }}", "the template offer.txt does not show {{ imprint_url }}"),
        ("offer.txt", "{% for s in slots %}{{ s.nothing }}{% endfor %}", "has no attribute 'nothing'"),
        ("offer.html", "", "has neither offer.mjml nor offer.txt"),
    ],
)
def test_the_check_refuses_a_bad_template(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text(content, encoding="utf-8")
    made_up_campaign(tmp_path, CAMPAIGN.replace("from_name", 'templates = "mine"\nfrom_name'))
    result = run_recsvc("offers", "check", tmp_path / "campaign.toml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_template_of_another_encoding_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "offer.txt").write_bytes("Schöne Grüße".encode("latin-1"))
    campaign = made_up_campaign(tmp_path, CAMPAIGN.replace("from_name", 'templates = "mine"\nfrom_name'))
    with pytest.raises(InputError, match="byte 3 is not UTF-8"):
        MailRenderer(campaign, today=TODAY).render(replace(made_up_offer()))
