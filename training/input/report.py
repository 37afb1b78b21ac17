"""What a reading found, as plain values that go into the bundle's manifest, a terminal and an HTML report."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason, how often it was met, and a few places: 'orders.csv:812: quantity is 'abc''."""

    reason: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SourceReport:
    """One `PurchaseSource` as it was read; a database URL is shown without its password."""

    location: str
    format: str
    files: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class ReturnsReport:
    """Return rows, the units that they took back from purchases, and the units for which no purchase was found."""

    rows: int
    units: float
    unmatched_units: float


@dataclass(frozen=True, kw_only=True)
class ProductsReport:
    """Completeness of a products feed by the rules of docs/products.md.

    `complete_share` is the share of items without any error; `recommendable` counts those that may be shown today.
    """

    location: str
    items: int
    recommendable: int
    complete_share: float
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class InputReport:
    """One shop as it was read. Rows: `rows_read` = used + rejected + skipped + duplicates.

    `live_seq`: the last live event of which the training knows, None where it learned from files alone. `rows_kept`:
    rows of files that an earlier training read; then the other figures of rows are of what was read and netted since.
    """

    sources: tuple[SourceReport, ...]
    rows_read: int
    rows_used: int
    rows_rejected: int
    rejected: tuple[Finding, ...]
    skipped: tuple[Finding, ...]
    duplicates: int
    returns: ReturnsReport
    guest_rows: int
    customers_without_profile: int
    lines: int
    lines_over_customer_limit: int
    customers: int
    orders: int
    items_bought: int
    first_day: str
    last_day: str
    currency: str | None
    bought_not_in_catalogue: Finding | None
    never_bought: Finding | None
    products: ProductsReport | None
    warnings: tuple[str, ...] = field(default=())
    live_seq: int | None = None
    rows_kept: int = 0

    def notes(self, rejects: Path) -> list[str]:
        """What a person should know of the input, a line each; nothing when there is nothing to say."""
        notes = []
        if self.rows_kept:
            notes.append(
                f"{self.rows_kept:,} rows are known from earlier trainings; {self.rows_used:,} are new or read again"
            )
        if self.rows_rejected:
            reasons = "; ".join(f"{entry.examples[0]} ({entry.count:,} like this)" for entry in self.rejected[:3])
            notes.append(f"{self.rows_rejected:,} of {self.rows_read:,} rows rejected: {reasons}; all are in {rejects}")
        notes += [f"{entry.count:,} rows left out: {entry.reason}" for entry in self.skipped if entry.count]
        if self.duplicates:
            notes.append(f"{self.duplicates:,} rows came twice and count once")
        if self.guest_rows:
            notes.append(f"{self.guest_rows:,} rows of guests teach baskets only")
        if self.customers_without_profile:
            notes.append(f"{self.customers_without_profile:,} customers want no profile: their orders count as guests'")
        if self.bought_not_in_catalogue is not None and self.bought_not_in_catalogue.count:
            missing = self.bought_not_in_catalogue
            notes.append(f"{missing.count:,} items were bought and are not in the products: never recommended")
        return notes + [f"note: {warning}" for warning in self.warnings]

    def as_json(self) -> dict[str, Any]:
        """Only dicts, lists, texts, numbers and None."""
        return _plain(asdict(self))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
