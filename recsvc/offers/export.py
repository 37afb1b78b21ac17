"""The export: audience in, files out, in one stream, and a summary of who was left out and why."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import RefusedError
from recsvc.customers.table import Customer
from recsvc.offers.audience import Audience
from recsvc.offers.ledger import finish_export, holdout_rows, mail_row, write_rows
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run
from recsvc.offers.sending.message import MessageBuilder
from recsvc.offers.writing import offer_files
from recsvc.state import writing
from recsvc.state.database import PATIENT

NO_ITEMS = "no items"


@dataclass(kw_only=True)
class ExportSummary:
    """`with_fallback` offers have a slot that was filled, wholly or in part, by something else than its scenario;
    `not_personal` went to customers who want no profile."""

    campaign: str
    model_version: str
    written: int = 0
    with_fallback: int = 0
    not_personal: int = 0
    items: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    benefits: Counter[str] = field(default_factory=Counter)
    no_benefit: Counter[str] = field(default_factory=Counter)
    files: list[Path] = field(default_factory=list)

    def count(self, offer: Offer) -> None:
        """One more offer."""
        self.written += 1
        self.items += len(offer.items)
        self.not_personal += not offer.personal
        self.with_fallback += any(slot.fallback for slot in offer.slots)
        self.benefits.update(benefit.benefit_id for benefit in offer.benefits)
        if offer.no_benefit:
            self.benefits["none"] += 1
            # Without the amounts, which are each reader's own: memory must not grow with the audience.
            self.no_benefit.update(reason.partition(" (")[0] for reason in offer.no_benefit.split("; "))

    def as_json(self) -> dict[str, object]:
        """As `--json` prints it; the share of fallbacks is of the offers written, 0 to 1."""
        return {
            "campaign": self.campaign,
            "model_version": self.model_version,
            "written": self.written,
            "items": self.items,
            "left_out": dict(self.left_out.most_common()),
            "benefits": dict(self.benefits.most_common()),
            "no_benefit": dict(self.no_benefit.most_common()),
            "fallback_share": round(self.with_fallback / self.written, 4) if self.written else 0.0,
            "not_personal": self.not_personal,
            "files": [str(path) for path in self.files],
        }

    def lines(self) -> list[str]:
        """As it is told to people."""
        told = [f"left out: {count} ({reason})" for reason, count in self.left_out.most_common()]
        told += [f"benefit: {count} × {name}" for name, count in self.benefits.most_common()]
        told += [f"without a benefit: {count} ({reason})" for reason, count in self.no_benefit.most_common()]
        return [*told, f"with a fallback: {self.with_fallback}; without a profile: {self.not_personal}"]


def export_offers(
    run: Run,
    audience: Audience,
    folder: Path,
    *,
    formats: tuple[str, ...],
    record: bool = True,
    advance: Callable[[int], None] = lambda _: None,
) -> ExportSummary:
    """Write one offer a customer to `folder`; memory does not grow with the audience.

    With `record`, the book of mails gets a row an offer, and one for each customer of the holdout. Raises RefusedError,
    and leaves the files of an earlier export alone, when nobody is left to write to.
    """
    campaign, version = run.campaign, run.engine.version
    summary = ExportSummary(campaign=campaign.id, model_version=version, left_out=audience.left_out)
    builder = MessageBuilder(campaign, run.secret, now=run.now) if "eml" in formats else None
    with offer_files(folder, campaign, formats, builder) as (writers, finals):
        for block in run.offers(counted(audience, advance), reserve=record):
            offers = [offer for _, offer in block if offer.items]
            if len(offers) < len(block):
                summary.left_out[NO_ITEMS] += len(block) - len(offers)
            rows = [mail_row(campaign, offer, "claimed", run.now) for offer in offers]
            if record:
                rows += holdout_rows(campaign, run.would_get(audience.held_out), version, run.now)
                with writing(run.database, patience=PATIENT) as connection:
                    write_rows(connection, rows)
            audience.held_out.clear()
            for offer in offers:
                for writer in writers:
                    writer.write(offer)
                summary.count(offer)
        for writer in writers:
            summary.left_out.update(writer.left_out)
        if not summary.written:
            raise RefusedError(f"nobody to write to, so no file was written; left out: {_reasons(summary.left_out)}")
    if record:
        rest = holdout_rows(campaign, run.would_get(audience.held_out), version, run.now)
        with writing(run.database, patience=PATIENT) as connection:
            write_rows(connection, rest)
            finish_export(connection, campaign, run.now)
    summary.files = finals
    return summary


def _reasons(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left_out.most_common() if count)


def counted(audience: Audience, advance: Callable[[int], None]) -> Iterator[Customer]:
    """The audience's customers; `advance` is told of everyone looked at, those left out too."""
    done = 0
    for yielded, customer in enumerate(audience.customers(), 1):
        yield customer
        seen = yielded + audience.left_out.total() - audience.left_out[NO_ITEMS]
        advance(seen - done)
        done = seen
