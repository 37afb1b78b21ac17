"""Which part of each source is new since the last training."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from training.input.database import shown_url
from training.input.files import InputFile
from training.input.prepared.kept import Kept, Origin, StartOver
from training.input.prepared.rows import fingerprint, kept_rows
from training.input.rows import OLDER
from training.input.sources import PurchaseSource

EARLIEST = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as all times of rows are
# What a query says for the time from which on rows are wanted.
SINCE = ":since"


@dataclass(frozen=True)
class Batch:
    """Files of one layout; of a file that an earlier training read, rows from `since` on are new."""

    files: Sequence[InputFile]
    since: datetime | None = None


def origin_of(source: PurchaseSource) -> str:
    """What rows of a database are known by."""
    return f"{shown_url(source.location)} {source.query or ''}".strip()


def query_since(query: str, since: datetime) -> str:
    """The query with `:since` as a text that databases read as a time."""
    return query.replace(SINCE, f"'{since.isoformat(sep=' ', timespec='seconds')}'")


@dataclass(eq=False)
class Since:
    """What the last training kept. `again` collects the origins that are read again, and from which time on."""

    engine: Backend
    kept: Kept
    late_days: int
    again: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> ir.Table:
        """The rows of files that it kept and that are not read again."""
        rows = kept_rows(self.engine, self.kept)
        for origin, since in self.again.items():
            rows = rows.filter(~((ibis._.origin == origin) & (ibis._.time >= moment(since))))
        return rows

    @property
    def live(self) -> ir.Table | None:
        """The rows of live events that it kept."""
        path = self.kept.path / "live.parquet"
        return self.engine.read_parquet(path, table_name="kept_live") if path.exists() else None

    def batches(
        self, files: Iterable[InputFile], group: Callable[[Iterable[InputFile]], list[list[InputFile]]]
    ) -> list[Batch]:
        """New files, and changed ones each alone; what was read and has not changed is left out."""
        new, batches = [], []
        for file in files:
            known = self.kept.facts.origins.get(str(file.path))
            if known is None:
                new.append(file)
            elif replace(known, last=None) != stamp_of(file):
                batches.append(Batch([file], self.from_time(str(file.path))))
        return [Batch(part) for part in group(new)] + batches

    def from_time(self, origin: str) -> datetime | None:
        """From when on the rows of an origin are read again: late ones come up to `late_days` after the newest."""
        known = self.kept.facts.origins.get(origin)
        if known is None or known.last is None:
            return None
        since = datetime.fromisoformat(known.last) - timedelta(days=self.late_days)
        self.again[origin] = since.isoformat(sep=" ", timespec="microseconds")
        return since

    def refuse_missing(self, found: Mapping[str, Origin]) -> None:
        """Raise StartOver where a file that was read is there no more: its purchases may have been withdrawn."""
        for origin in self.kept.facts.origins:
            if origin not in found:
                raise StartOver(f"{origin} is there no more")

    def refuse_changed(self, origin: str, checked: ir.Table) -> None:
        """Raise StartOver where the rows that lie before its time are not those of the last training."""
        older = checked.filter(checked["skip"] == OLDER)
        was = self.rows.filter(ibis._.origin == origin)
        if fingerprint(self.engine, older) != fingerprint(self.engine, was):
            raise StartOver(f"{origin} has other rows from before {self.again[origin][:16]} than the last time")

    def replaced(self) -> ir.Table | None:
        """The rows that those read again stand for."""
        rows = None
        for origin, since in self.again.items():
            mine = kept_rows(self.engine, self.kept).filter((ibis._.origin == origin) & (ibis._.time >= moment(since)))
            rows = mine if rows is None else rows.union(mine)
        return rows


def moment(text: str) -> ir.TimestampScalar:
    """A time of rows, from ISO."""
    return ibis.literal(text).cast("timestamp")


def stamp_of(file: InputFile) -> Origin:
    """The file as it is now: its size, and the time of its last change."""
    status = file.path.stat()
    return Origin(size=status.st_size, modified=status.st_mtime_ns)
