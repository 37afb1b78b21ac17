"""From an offer to a mail: MJML once a template and language, then Jinja once a customer."""

import html
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from jinja2 import Template, TemplateError
from mjml import mjml2html

from models.errors import InputError
from recsvc.i18n import format_date, format_percent, translator
from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer, OfferBenefit, OfferItem, OfferSlot
from recsvc.offers.sandbox import MailEnvironment
from recsvc.plain import shortened

TEMPLATES = Path(__file__).parent / "templates"
MJML_NAME, TEXT_NAME = "offer.mjml", "offer.txt"
MESSAGE = re.compile(r"\[\[(.+?)\]\]")  # [[text]] in a template is translated before it is compiled
MOST_BYTES = 80_000  # Gmail cuts a mail off at 102 kB, and with it the way to unsubscribe
LONGEST_TITLE, LONGEST_LABEL = 70, 40
# Tiles of items without an image: ground and ink, with a contrast of at least 7:1.
TILE_COLOURS = (
    ("#ccfbf1", "#134e4a"), ("#dbeafe", "#1e3a8a"), ("#ede9fe", "#4c1d95"), ("#fce7f3", "#831843"),
    ("#ffedd5", "#7c2d12"), ("#ecfccb", "#365314"), ("#cffafe", "#164e63"), ("#fef3c7", "#713f12"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A rendered mail; `html` has at most MOST_BYTES in UTF-8, for which `dropped` items had to go."""

    subject: str
    html: str
    text: str
    dropped: int


@dataclass(frozen=True, slots=True)
class Tile:
    """An item as the templates see it; `off` is the `percent` as the locale writes it, '−16 %'. `label` in `ink` on
    `color` stands in for a missing image."""

    title: str
    price: str
    lowest: str
    percent: int
    off: str
    unit_price: str
    reason: str
    image: str
    link: str
    label: str
    color: str
    ink: str


@dataclass(frozen=True, slots=True)
class Block:
    """A slot as the templates see it: the same tiles as `items` and two by two as `rows`."""

    heading: str
    underline: str
    items: Sequence[Tile]
    rows: Sequence[Sequence[Tile]]


class MailRenderer:
    """Renders the mails of one campaign on one day; a template of the shop's folder takes the place of ours."""

    def __init__(self, campaign: Campaign, *, today: date) -> None:
        self.campaign = campaign
        self.today = today
        self._html_environment = MailEnvironment(autoescape=True, plain=(Tile, Block, OfferBenefit))
        self._text_environment = MailEnvironment(autoescape=False, plain=(Tile, Block, OfferBenefit))
        self._compiled: dict[str, tuple[Template, Template]] = {}
        self._dates: dict[str, str] = {}

    def render(self, offer: Offer) -> Mail:
        """The mail of one offer; raises InputError naming the template that cannot be used."""
        as_html, as_text = self._templates(offer.language)
        dropped = 0
        while True:
            values = self._values(offer, dropped)
            try:
                body = as_html.render(values)
                if len(body.encode()) <= MOST_BYTES or dropped == len(offer.items):
                    return Mail(
                        subject=offer.subject, html=body, text=as_text.render(values).strip() + "\n", dropped=dropped
                    )
            except TemplateError as error:
                raise InputError(f"the mail template cannot be filled: {error.message}") from None
            dropped += 1

    def _values(self, offer: Offer, dropped: int) -> dict[str, object]:
        sender = self.campaign.sender
        if offer.locale not in self._dates:
            self._dates[offer.locale] = format_date(self.today, offer.locale)
        room = len(offer.items) - dropped
        blocks = []
        for slot in offer.slots:
            if slot.items[:room]:
                blocks.append(_block(slot, slot.items[:room], offer.locale))
            room = max(room - len(slot.items), 0)
        return {
            "lang": offer.locale,
            "subject": offer.subject,
            "preheader": offer.preheader,
            "greeting": offer.greeting,
            "intro": offer.intro,
            "personal": offer.personal,
            "benefits": offer.benefits,
            "agreed": offer.agreed,
            "slots": blocks,
            "has_prices": any(tile.price for block in blocks for tile in block.items),
            "date": self._dates[offer.locale],
            "shop_name": sender.from_name,
            "shop_url": sender.shop_url,
            "imprint_url": sender.imprint_url,
            "privacy_url": sender.privacy_url,
            "unsubscribe_url": offer.unsubscribe_url or sender.unsubscribe_url,
            "conditions_url": sender.conditions_url,
        }

    def _templates(self, language: str) -> tuple[Template, Template]:
        if language not in self._compiled:
            mjml_path, text_path = self._path(MJML_NAME), self._path(TEXT_NAME)
            source = _translated(_read(mjml_path), language, escape=True)
            try:
                compiled = mjml2html(source)
            except ValueError as error:
                raise InputError(f"{mjml_path}: not valid MJML: {str(error).strip()}") from None
            self._compiled[language] = (
                self._html_environment.compile_mail(compiled, str(mjml_path)),
                self._text_environment.compile_mail(
                    _translated(_read(text_path), language, escape=False), str(text_path)
                ),
            )
        return self._compiled[language]

    def _path(self, name: str) -> Path:
        folder = self.campaign.template_folder
        return folder / name if folder is not None and (folder / name).is_file() else TEMPLATES / name


def _block(slot: OfferSlot, items: Sequence[OfferItem], locale: str) -> Block:
    tiles = [_tile(item, locale) for item in items]
    rows = [tiles[start : start + 2] for start in range(0, len(tiles), 2)]
    return Block(slot.heading, "-" * len(slot.heading), tiles, rows)


def _tile(item: OfferItem, locale: str) -> Tile:
    off = f"−{format_percent(item.percent, locale)}" if item.percent else ""
    title, label, color, ink = _shown(item.title, item.category)
    return Tile(
        title, item.price, item.lowest, item.percent, off, item.unit_price, item.reason, item.image, item.link, label,
        color, ink,
    )  # fmt: skip


@lru_cache(maxsize=20_000)
def _shown(title: str, category: str) -> tuple[str, str, str, str]:
    label = shortened(category or title, LONGEST_LABEL)
    color, ink = TILE_COLOURS[zlib.crc32(label.encode()) % len(TILE_COLOURS)]
    return shortened(title, LONGEST_TITLE), label, color, ink


def _translated(source: str, language: str, *, escape: bool) -> str:
    words = translator(language)

    def translate(match: re.Match[str]) -> str:
        text = words.gettext(match[1])
        return html.escape(text) if escape else text

    return MESSAGE.sub(translate, source)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
