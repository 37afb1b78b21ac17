"""The HTML of mails: every tag closed, every style inline, every image described; in each template and language."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import InputError
from recsvc.offers.campaign import load_campaign
from recsvc.offers.checking import check_campaign, sample_offer
from recsvc.offers.mail import MOST_BYTES, TEMPLATES, Mail, MailRenderer
from recsvc.offers.markup import loose_styles, markup_faults
from recsvc.offers.offer import Offer, OfferBenefit
from recsvc.offers.ready import NAMES, ready_campaign
from tests.offers.made_up import CAMPAIGN, TODAY, made_up_campaign, made_up_item, made_up_offer

COUPON = OfferBenefit(
    benefit_id="a", kind="percent", text="10 % auf <Kaffee> & Tee", conditions="Ab 20 €", until="15. März 2026",
    conditions_url="https://shop.example/c?a=1&b=2", code="ABC123", why="",
)  # fmt: skip
BENEFITS = (COUPON, replace(COUPON, benefit_id="b", conditions="", conditions_url="", until="", code=""))
HARD = (
    made_up_item(lowest="1,49\xa0€", percent=13, unit_price="1,29\xa0€/l"),
    made_up_item(title="</td></tr><b>&amp;<!-- <![endif]-->", reason="<script>", image="", price="", amount=None),
    made_up_item(title="\"quoted' {{ x }}", image="https://cdn.shop.example/1.jpg?a=1&b=%22"),
)


def sound(mail: Mail, language: str) -> None:
    assert markup_faults(mail.html) == []
    assert loose_styles(mail.html) == []
    assert len(mail.html.encode()) <= MOST_BYTES == 80_000
    assert f'<html lang="{language}"' in mail.html


def rich(offer: Offer) -> Offer:
    slots = tuple(replace(slot, items=(*slot.items, *HARD)) for slot in offer.slots)
    return replace(offer, benefits=BENEFITS, slots=slots, intro="Neu & <gut>")


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_each_ready_campaign_makes_sound_html(tmp_path: Path, name: str, language: str) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(ready_campaign(name), encoding="utf-8")
    campaign = load_campaign(path)
    renderer = MailRenderer(campaign, today=TODAY)
    offer = sample_offer(campaign, language)
    sound(renderer.render(offer), language)
    sound(renderer.render(rich(offer)), language)


@pytest.mark.parametrize("language", ["de", "en"])
def test_so_do_all_ways_to_fill_a_template(tmp_path: Path, language: str) -> None:
    assert [path.name for path in TEMPLATES.glob("*.mjml")] == ["offer.mjml"]
    renderer, rng = MailRenderer(made_up_campaign(tmp_path), today=TODAY), random.Random(5)
    offer = made_up_offer(language)
    for _ in range(40):
        items = tuple(rng.choice((*HARD, *offer.items)) for _ in range(rng.randrange(7)))
        slots = (replace(offer.slots[0], items=items, heading=rng.choice(("", "Neu"))), offer.slots[1])
        changed = replace(
            offer, slots=slots, benefits=BENEFITS[: rng.randrange(3)], personal=rng.random() < 0.5,
            agreed=rng.random() < 0.5, intro=rng.choice(("", "Neu")), preheader=rng.choice(("", "<b>")),
        )  # fmt: skip
        sound(renderer.render(changed), language)


@pytest.mark.parametrize(("language", "off"), [("de", "−13\xa0%"), ("en", "−13%")])
def test_a_reduction_is_written_as_the_language_does(tmp_path: Path, language: str, off: str) -> None:
    mail = MailRenderer(made_up_campaign(tmp_path), today=TODAY).render(rich(made_up_offer(language)))
    assert off in mail.html
    assert f"({off})" in mail.text


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("<p>One<p>Two</p>", "<p> is in <p>"),
        ("<div><b>One</div></b>", "<b> is not closed before </div>"),
        ("<div>", "<div> is not closed before </body>"),
        ("</td>", "</td> closes nothing"),
        ("<table><tr>One</tr></table>", "text right in <tr>: 'One'"),
        ("<table><td>One</td></table>", "<td> is in <table>"),
        ("<span/>", "<span/> is not how HTML closes a tag"),
        ('<img src="a.png">', "an image has no alt"),
        ('<img alt="" alt="b">', "<img> has an attribute twice"),
        ('<a href="https://a.example">x<a href="https://b.example">y</a></a>', "a link is in a link"),
        ("<a>x</a>", "a link leads nowhere"),
        ('<b onclick="x()">x</b>', "<b> runs a script"),
        ("<form></form>", "<form> has no place in a mail"),
        ("<!--[if mso]><table><tr><td><![endif]-->", "for Outlook: <td> is not closed before </body>"),
        ("<!--[if !mso]><!--><i><!--<![endif]-->", "<i> is not closed before </body>"),
    ],
)
def test_what_is_found(broken: str, fault: str) -> None:
    page = '<!doctype html><html lang="de"><head><title>x</title></head><body>{}</body></html>'
    assert markup_faults(page.format("<p>One<br>Two</p>")) == []
    assert fault in markup_faults(page.format(broken))
    assert "<html> has no lang" in markup_faults(page.replace(' lang="de"', "").format(""))
    assert "<title> is empty" in markup_faults(page.replace("x</title>", "</title>").format(""))


def test_styles_that_are_nowhere_else() -> None:
    sheet = (
        "<style>p{margin:0}@media (x){.a{color:red}}.b, .c d{color:red}</style><style media='screen'>.e{x:y}</style>"
    )
    assert loose_styles(sheet) == [".b", ".c d"]


def test_the_check_refuses_a_shops_template_that_is_not_sound(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    text = (TEMPLATES / "offer.mjml").read_text(encoding="utf-8")
    (tmp_path / "own" / "offer.mjml").write_text(
        text.replace("</mj-body>", "<mj-raw><p><div></div></p></mj-raw></mj-body>"), "utf-8"
    )
    own = made_up_campaign(tmp_path, CAMPAIGN.replace("from_name", 'templates = "own"\nfrom_name'))
    with pytest.raises(InputError, match="HTML that mail programs show differently: <div> is in <p>"):
        check_campaign(own)
    style = "<mj-style>.x { color: red; }</mj-style></mj-head>"
    (tmp_path / "own" / "offer.mjml").write_text(text.replace("</mj-head>", style), "utf-8")
    assert any("the style of '.x' is missing" in note for note in check_campaign(own))
