"""A campaign and an offer made by hand, whose files and mails the golden files show.

After a change that is meant, write the golden files anew with `python -m tests.offers.made_up`; look at what changed.
"""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

from recsvc.i18n import format_price, translator
from recsvc.offers.campaign import Campaign, load_campaign
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.offer import Offer, OfferItem, OfferSlot
from recsvc.offers.plain_files import JsonLines, WideCsv
from recsvc.reasons import reason_text

GOLDEN = Path(__file__).parent / "golden"
TODAY = date(2026, 3, 1)
CAMPAIGN = """
[campaign]
id = "golden"
locale = "de"

[[slots]]
name = "again"
scenario = "again"
n = 2

[[slots]]
name = "new"
scenario = "discover"
n = 1
heading = { de = "Neu für Sie", en = "New to you" }

[mail]
from_name = "Laden & Söhne"
from_address = "angebote@shop.example"
shop_url = "https://shop.example/"
imprint_url = "https://shop.example/impressum"
privacy_url = "https://shop.example/datenschutz"
unsubscribe_url = "https://shop.example/abmelden?a=1&b=2"
conditions_url = "https://shop.example/bedingungen"

[mail.de]
subject = "Neues"

[mail.en]
subject = "News"
"""


def made_up_campaign(folder: Path, text: str = CAMPAIGN) -> Campaign:
    path = folder / "campaign.toml"
    path.write_text(text, encoding="utf-8")
    return load_campaign(path)


def made_up_item(**changes: object) -> OfferItem:
    values: dict[str, object] = {
        "item_id": "milk",
        "title": "Vollmilch 3,8 %",
        "price": "1,29\xa0€",
        "amount": 1.29,
        "currency": "EUR",
        "image": "https://cdn.shop.example/milk.jpg",
        "link": "https://shop.example/p/milk?a=1&utm_source=newsletter",
        "category": "Milch",
        "reason": "Das kaufen Sie regelmäßig",
        "source": "repeat",
    }
    return OfferItem(**{**values, **changes})  # type: ignore[arg-type]


def made_up_offer(language: str = "de", **changes: object) -> Offer:
    words = translator(language)
    items = (
        made_up_item(
            price=format_price(1.29, "EUR", language), reason=reason_text("again", title=None, translator=words)
        ),
        made_up_item(
            item_id="=1+1", title='<b>"Kaffee" & {{ 7 * 7 }}</b>', price="", amount=None, image="",
            category="Kaffee & Tee", reason=reason_text("bought", title="<i>Milch</i>", translator=words),
        ),
    )  # fmt: skip
    values: dict[str, object] = {
        "campaign_id": "golden",
        "customer_id": "c1",
        "email": "kim@mail.example",
        "first_name": "Kim",
        "locale": language,
        "language": language,
        "model_version": "20260301T000000Z-00000000",
        "personal": True,
        "subject": "Kim, neu für Sie" if language == "de" else "Kim, new to you",
        "preheader": "Frisch ausgesucht" if language == "de" else "Freshly chosen",
        "greeting": "Hallo Kim," if language == "de" else "Hello Kim,",
        "intro": "",
        "slots": (
            OfferSlot(name="again", scenario="again", heading="-Immer gut-", fallback=None, items=items),
            OfferSlot(name="new", scenario="discover", heading="Neu", fallback="popular", items=()),
        ),
    }
    return Offer(**{**values, **changes})  # type: ignore[arg-type]


def rendered(folder: Path, language: str = "de") -> Mail:
    return MailRenderer(made_up_campaign(folder), today=TODAY).render(made_up_offer(language))


def written_csv(folder: Path) -> str:
    out = BytesIO()
    WideCsv(out, made_up_campaign(folder)).write(made_up_offer())
    return out.getvalue().decode()


def written_jsonl(folder: Path) -> str:
    out = BytesIO()
    JsonLines(out).write(made_up_offer())
    return out.getvalue().decode()


GOLDEN_FILES: dict[str, Callable[[Path], str]] = {
    "offer.csv": written_csv,
    "offer.jsonl": written_jsonl,
    "offer-de.html": lambda folder: rendered(folder, "de").html,
    "offer-de.txt": lambda folder: rendered(folder, "de").text,
    "offer-en.html": lambda folder: rendered(folder, "en").html,
    "offer-en.txt": lambda folder: rendered(folder, "en").text,
}

if __name__ == "__main__":
    import tempfile

    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in GOLDEN_FILES.items():
            (GOLDEN / name).write_text(make(Path(scratch)), encoding="utf-8", newline="")
