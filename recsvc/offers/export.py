"""The export: audience in, files out, in one stream, and a summary of who was left out and why."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import RefusedError
from recsvc.customers.table import Customer
from recsvc.offers.audience import Audience
from recsvc.offers.selection import OfferMaker
from recsvc.offers.writing import offer_files

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
    files: list[Path] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """As `--json` prints it; the share of fallbacks is of the offers written, 0 to 1."""
        return {
            "campaign": self.campaign,
            "model_version": self.model_version,
            "written": self.written,
            "items": self.items,
            "left_out": dict(self.left_out.most_common()),
            "fallback_share": round(self.with_fallback / self.written, 4) if self.written else 0.0,
            "not_personal": self.not_personal,
            "files": [str(path) for path in self.files],
        }


def export_offers(
    audience: Audience,
    maker: OfferMaker,
    folder: Path,
    *,
    formats: tuple[str, ...],
    advance: Callable[[int], None] = lambda _: None,
) -> ExportSummary:
    """Write one offer a customer to `folder`; memory does not grow with the audience.

    Raises RefusedError, and leaves the files of an earlier export alone, when nobody is left to write to.
    """
    summary = ExportSummary(campaign=maker.campaign.id, model_version=maker.engine.version, left_out=audience.left_out)
    with offer_files(folder, maker.campaign, formats) as (writers, finals):
        for offer in maker.offers(_counted(audience, advance)):
            if not offer.items:
                summary.left_out[NO_ITEMS] += 1
                continue
            for writer in writers:
                writer.write(offer)
            summary.written += 1
            summary.items += len(offer.items)
            summary.not_personal += not offer.personal
            summary.with_fallback += any(slot.fallback for slot in offer.slots)
        if not summary.written:
            reasons = ", ".join(f"{count} {reason}" for reason, count in summary.left_out.most_common())
            raise RefusedError(f"nobody to write to, so no file was written; left out: {reasons}")
    summary.files = finals
    return summary


def _counted(audience: Audience, advance: Callable[[int], None]) -> Iterator[Customer]:
    done = 0
    for yielded, customer in enumerate(audience.customers(), 1):
        yield customer
        seen = yielded + audience.left_out.total() - audience.left_out[NO_ITEMS]
        advance(seen - done)
        done = seen
