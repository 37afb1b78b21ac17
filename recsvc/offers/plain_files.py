"""Offers as JSON lines, and as wide CSV rows."""

import csv
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from typing import IO, Any

import orjson

from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer, OfferBenefit, OfferItem

TOO_LARGE = "too large for the tool"
CUSTOMER_COLUMNS = (
    "customer_id", "email", "first_name", "locale", "campaign", "model_version", "personal",
    "subject", "preheader", "greeting", "intro", "unsubscribe_url", "benefit_id", "benefit_text",
    "benefit_conditions", "benefit_conditions_url", "benefit_until", "benefit_code", "benefit_why",
)  # fmt: skip
ITEM_COLUMNS = (
    "id", "title", "price", "price_value", "currency", "lowest_30_days", "percent_off", "unit_price",
    "image", "link", "reason", "source",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Writer:
    """One format of file, open for offers, which it takes one after another; `left_out` counts those it cannot hold.

    What an offer becomes is made apart from the file, so that another process may do it.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.left_out: Counter[str] = Counter()

    def write(self, offer: Offer) -> None:
        """One more offer."""
        self.put([self.entry(offer)])

    def entry(self, offer: Offer) -> Any:
        """What an offer becomes, most often bytes; None where the format cannot hold it."""
        raise NotImplementedError

    def put(self, entries: Iterable[Any]) -> None:
        """Take what `entry` has made, of this writer or of its like in another process."""
        for entry in entries:
            if entry is None:
                self.left_out[TOO_LARGE] += 1
            else:
                self.add(entry)

    def add(self, entry: Any) -> None:
        """One more entry."""
        self._out.write(entry)

    def finish(self) -> None:
        """Write what is still held back."""


class JsonLines(Writer):
    """Nested: an offer with its slots, a slot with its items."""

    def __init__(self, out: IO[bytes], _: Campaign | None = None) -> None:
        super().__init__(out)

    def entry(self, offer: Offer) -> bytes:
        return orjson.dumps(as_json(offer), option=orjson.OPT_APPEND_NEWLINE)


class WideCsv(Writer):
    """UTF-8 with a header; slot 'picks' with two items has the columns picks_heading, picks_1_id … picks_2_source.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        super().__init__(out)
        self._widths = [slot.n for slot in campaign.slots]
        names = list(CUSTOMER_COLUMNS)
        for slot in campaign.slots:
            names.append(f"{slot.name}_heading")
            names += [f"{slot.name}_{place}_{column}" for place in range(1, slot.n + 1) for column in ITEM_COLUMNS]
        self._out.write(csv_row(names))

    def entry(self, offer: Offer) -> bytes:
        return csv_row(_cells(offer, self._widths))


def csv_row(cells: Iterable[str]) -> bytes:
    """A row of CSV in UTF-8, with its line break."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def as_json(offer: Offer) -> dict[str, object]:
    """An offer as JSON shows it."""
    return {
        "customer_id": offer.customer_id,
        "email": offer.email,
        "first_name": offer.first_name,
        "locale": offer.locale,
        "campaign": offer.campaign_id,
        "model_version": offer.model_version,
        "personal": offer.personal,
        "subject": offer.subject,
        "preheader": offer.preheader,
        "greeting": offer.greeting,
        "intro": offer.intro,
        "slots": [
            {
                "name": slot.name,
                "scenario": slot.scenario,
                "heading": slot.heading,
                "fallback": slot.fallback,
                "items": [_item_as_json(item) for item in slot.items],
            }
            for slot in offer.slots
        ],
        "benefits": [_benefit_as_json(benefit) for benefit in offer.benefits],
        "no_benefit": offer.no_benefit or None,
        "unsubscribe_url": offer.unsubscribe_url,
    }


def _benefit_as_json(benefit: OfferBenefit) -> dict[str, object]:
    return {
        "id": benefit.benefit_id,
        "kind": benefit.kind,
        "text": benefit.text,
        "conditions": benefit.conditions or None,
        "conditions_url": benefit.conditions_url or None,
        "until": benefit.until or None,
        "code": benefit.code or None,
        "why": benefit.why,
    }


def _item_as_json(item: OfferItem) -> dict[str, object]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "price": item.price or None,
        "price_value": item.amount,
        "currency": item.currency or None,
        "lowest_30_days": item.lowest or None,
        "percent_off": item.percent or None,
        "unit_price": item.unit_price or None,
        "image": item.image or None,
        "link": item.link,
        "reason": item.reason,
        "source": item.source,
    }


def _benefit_cells(offer: Offer) -> list[str]:
    """One cell a column for all of a mail's benefits; of several, each on its side of a ' | '."""
    if not offer.benefits:
        return ["", "", "", "", "", "", offer.no_benefit]
    columns = ("benefit_id", "text", "conditions", "conditions_url", "until", "code", "why")
    return [" | ".join(getattr(benefit, name) for benefit in offer.benefits) for name in columns]


def _cells(offer: Offer, widths: list[int]) -> list[str]:
    texts = [
        offer.customer_id, offer.email or "", offer.first_name or "", offer.locale, offer.campaign_id,
        offer.model_version, "true" if offer.personal else "false",
        offer.subject, offer.preheader, offer.greeting, offer.intro, offer.unsubscribe_url,
        *_benefit_cells(offer),
    ]  # fmt: skip
    for slot, width in zip(offer.slots, widths, strict=True):
        texts.append(slot.heading)
        for item in slot.items:
            texts += [
                item.item_id, item.title, item.price, "" if item.amount is None else f"{item.amount:.2f}",
                item.currency, item.lowest, str(item.percent or ""), item.unit_price, item.image, item.link,
                item.reason, item.source,
            ]  # fmt: skip
        texts += [""] * (len(ITEM_COLUMNS) * (width - len(slot.items)))
    return [safe_cell(text) for text in texts]


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
