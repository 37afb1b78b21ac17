"""The export: audience in, files out, in one stream, and a summary of who was left out and why."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import RefusedError
from recsvc.customers.table import Customer
from recsvc.offers.audience import NOT_KNOWN, Audience
from recsvc.offers.blocks import NO_ITEMS, Blocks, Tally
from recsvc.offers.ledger import finish_export
from recsvc.offers.processes import Recipe, made_by_processes
from recsvc.offers.run import Run
from recsvc.offers.sending.message import MessageBuilder
from recsvc.offers.writing import offer_files
from recsvc.state import writing
from recsvc.state.database import PATIENT


@dataclass(kw_only=True)
class ExportSummary(Tally):
    """What came of an export."""

    campaign: str
    model_version: str
    files: list[Path] = field(default_factory=list)

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
    processes: int = 1,
    store: Path | None = None,
) -> ExportSummary:
    """Write one offer a customer to `folder`; memory does not grow with the audience.

    With `record`, the book of mails gets a row an offer, and one for each customer of the holdout. Several `processes`
    write the same, byte for byte; they open the `store` that the run came from. Raises RefusedError when nobody is left
    to write to; the files of an earlier export stay as they are then, and whenever something fails.
    """
    campaign = run.campaign
    summary = ExportSummary(campaign=campaign.id, model_version=run.engine.version, left_out=audience.left_out)
    builder = MessageBuilder(campaign, run.secret, now=run.now) if "eml" in formats else None
    with offer_files(folder, campaign, formats, builder) as (writers, finals), ExitStack() as stack:
        if processes > 1 and store is not None:
            recipe = Recipe.of(run, store, formats=formats, record=record)
            found = stack.enter_context(made_by_processes(recipe, audience.blocks(), processes))
        else:
            blocks = Blocks(run, formats, record=record)
            found = (blocks.make(number, block) for number, block in enumerate(audience.blocks()))
        unknown = 0
        for made in found:
            for writer, entries in zip(writers, made.entries, strict=True):
                writer.put(entries)
            summary.add(made.tally)
            advance(made.looked_at + audience.left_out[NOT_KNOWN] - unknown)
            unknown = audience.left_out[NOT_KNOWN]
        for writer in writers:
            summary.left_out.update(writer.left_out)
        if not summary.written:
            raise RefusedError(f"nobody to write to, so no file was written; left out: {_reasons(summary.left_out)}")
    if record:
        with writing(run.database, patience=PATIENT) as connection:
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
