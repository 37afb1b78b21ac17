"""Files of offers: one JSON line or one wide CSV row a customer, complete or not there at all."""

import csv
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol

import orjson

from models.errors import InputError, RefusedError
from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer, OfferBenefit, OfferItem

FORMATS = ("csv", "jsonl")
CUSTOMER_COLUMNS = (
    "customer_id", "email", "first_name", "locale", "campaign", "model_version", "personal",
    "subject", "preheader", "greeting", "intro", "unsubscribe_url", "benefit_id", "benefit_text",
    "benefit_conditions", "benefit_conditions_url", "benefit_until", "benefit_code", "benefit_why",
)  # fmt: skip
ITEM_COLUMNS = ("id", "title", "price", "price_value", "currency", "image", "link", "reason", "source")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class OfferWriter(Protocol):
    """One format of file, open for offers, which it takes one after another."""

    def write(self, offer: Offer) -> None: ...


class JsonLines:
    """Nested: an offer with its slots, a slot with its items."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, offer: Offer) -> None:
        self._out.write(orjson.dumps(as_json(offer), option=orjson.OPT_APPEND_NEWLINE))


class WideCsv:
    """UTF-8 with a header; slot 'picks' with two items has the columns picks_heading, picks_1_id … picks_2_source.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """

    def __init__(self, out: IO[bytes], campaign: Campaign) -> None:
        self._widths = [slot.n for slot in campaign.slots]
        self._writer = csv.writer(_Utf8(out), lineterminator="\n")
        names = list(CUSTOMER_COLUMNS)
        for slot in campaign.slots:
            names.append(f"{slot.name}_heading")
            names += [f"{slot.name}_{place}_{column}" for place in range(1, slot.n + 1) for column in ITEM_COLUMNS]
        self._writer.writerow(names)

    def write(self, offer: Offer) -> None:
        self._writer.writerow(_cells(offer, self._widths))


class _Utf8:
    """What the csv module writes to."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode())


@contextmanager
def offer_files(
    folder: Path, campaign: Campaign, formats: tuple[str, ...]
) -> Iterator[tuple[list[OfferWriter], list[Path]]]:
    """Writers, and the files that appear when the block ends well; if it does not, what was there before stays.

    Raises RefusedError while another export writes the same file.
    """
    with ExitStack() as stack:
        writers: list[OfferWriter] = []
        finals = [folder / f"{campaign.id}.{name}" for name in formats]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            outs = [stack.enter_context(_part(final)) for final in finals]
        except OSError as error:
            raise InputError(f"{folder}: {(error.strerror or str(error)).lower()}; choose another --out") from None
        for name, out in zip(formats, outs, strict=True):
            writers.append(JsonLines(out) if name == "jsonl" else WideCsv(out, campaign))
        yield writers, finals
        for out in outs:
            out.flush()
            os.fsync(out.fileno())
        for final in finals:
            _part_path(final).replace(final)


@contextmanager
def _part(final: Path) -> Iterator[IO[bytes]]:
    """The unfinished file beside the final one: ours alone, readable for its owner alone, gone when not finished."""
    path = _part_path(final)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=1 << 20) as out:
        busy = f"another export is writing {final}; wait for it, or choose another --out"
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(busy) from None
        # Whoever held the lock may have renamed this very file to its final name; then it is not ours to empty.
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise RefusedError(busy)
        os.ftruncate(descriptor, 0)  # what a killed export left behind
        try:
            yield out
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _part_path(final: Path) -> Path:
    return final.with_name(f".{final.name}.part")


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
                item.currency, item.image, item.link, item.reason, item.source,
            ]  # fmt: skip
        texts += [""] * (len(ITEM_COLUMNS) * (width - len(slot.items)))
    return [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]
