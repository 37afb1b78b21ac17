"""Read one shop: purchases and products, checked and coded, with a report of what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from ibis.backends.duckdb import Backend
from numpy.typing import NDArray

from models.erased import ErasedIds
from models.errors import InputError
from models.strings import IdIndex
from training.data import PurchaseLines, TrainingData
from training.input.catalogue import build_catalogue, describe_items, items_outside
from training.input.engine import count_of, open_engine
from training.input.formats import complete_journey
from training.input.netting import NettedLines, main_currency, net_lines
from training.input.objections import as_guests, read_objections
from training.input.prepared.coded import Coded, coded_of, merged
from training.input.prepared.draft import write_draft
from training.input.prepared.kept import Keeper, Kept, StartOver
from training.input.prepared.rows import rows_again
from training.input.prepared.since import Since
from training.input.products import ProductSettings, judge_feed
from training.input.pseudonyms import pseudonym_key
from training.input.report import Finding, InputReport, ReturnsReport
from training.input.sources import InputSettings, PurchaseSource
from training.input.staging import StagedRows, stage_sources

ARRAYS = {
    "customer": np.int32, "order": np.int32, "item": np.int32, "day": np.int32,
    "quantity": np.float32, "unit_price": np.float32,
}  # fmt: skip
BATCH_LINES = 1_000_000
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Shop:
    """What a training learns from; `draft`: what the next one goes on from, in the work directory."""

    data: TrainingData
    report: InputReport
    draft: Path | None = None


def read_shop(
    sources: Sequence[PurchaseSource],
    products: Path | None,
    *,
    settings: InputSettings,
    now: datetime,
    work_dir: Path,
    rejects_path: Path,
    tell: Callable[[str], None],
    customers: Path | None = None,
    product_settings: ProductSettings | None = None,
    previous_items: int | None = None,
    key_path: Path | None = None,
    keeper: Keeper | None = None,
    erased: ErasedIds | None = None,
) -> Shop:
    """Read, check, net and code a shop's purchases.

    `customers` says who wants no profile: their purchases count as guests'.
    Raises InputError for what cannot be read or is too little to learn from, with the reasons, and RefusedError for a
    products feed that has far fewer than `previous_items`. Unreadable rows are written to `rejects_path`; `work_dir`
    holds the reader's tables while it runs; `tell` hears what is being done. Pseudonyms of e-mail addresses are made
    with the key of RECSVC_HMAC_KEY, else with that in `key_path` (hmac.key beside the rejects), made when first
    needed. With a `keeper`, only what is new since the last training is read, where that gives the same, and what the
    next one needs is written, without the rows of `erased` customers.
    """
    read = partial(
        _read, sources, products, settings=settings, now=now, work_dir=work_dir, rejects_path=rejects_path, tell=tell,
        customers=customers, product_settings=product_settings or ProductSettings(), previous_items=previous_items,
        key_path=key_path or rejects_path.with_name("hmac.key"), keeper=keeper, erased=erased,
    )  # fmt: skip
    kept = keeper.newest(sources, settings) if keeper is not None else None
    if keeper is not None and kept is not None:
        try:
            return read(kept=kept)
        except StartOver as reason:
            keeper.say(f"everything is read anew: {reason}")
    return read(kept=None)


def _read(
    sources: Sequence[PurchaseSource],
    products: Path | None,
    *,
    settings: InputSettings,
    now: datetime,
    work_dir: Path,
    rejects_path: Path,
    tell: Callable[[str], None],
    customers: Path | None,
    product_settings: ProductSettings,
    previous_items: int | None,
    key_path: Path,
    keeper: Keeper | None,
    erased: ErasedIds | None,
    kept: Kept | None,
) -> Shop:
    """The shop, all of it or what is new beside `kept`; raises StartOver where that would not give the same."""
    with open_engine(work_dir, settings.memory_gb) as engine:
        since = Since(engine, kept, settings.late_days) if kept is not None else None
        staged = stage_sources(
            engine, sources, settings=settings, now=now, work_dir=work_dir, rejects_path=rejects_path,
            secret=lambda: pseudonym_key(key_path), tell=tell, since=since,
        )  # fmt: skip
        location = products or _own_products(engine, sources, staged.rows, work_dir)
        feed = None
        if location is not None:
            shown = str(products or sources[0].location)
            tell(f"reading products from {shown}")
            feed = judge_feed(
                engine, location, shown=shown, settings=product_settings, now=now.timestamp(),
                previous_items=previous_items, work_dir=work_dir,
            )  # fmt: skip
        tell("netting returns, numbering customers, orders and items")
        coded, netted = _netted(engine, staged, since, feed.items if feed else None, work_dir / "lines.parquet")
        lines = coded.lines
        customer_ids = coded.customers.order_by("code").to_pyarrow()["id"].to_pylist()
        items = describe_items(coded.items, coded.titles, feed.items if feed else None)
        draft = work_dir / "prepared" if keeper is not None else None
        if draft is not None:
            gone = [name for name in customer_ids if erased.hold(name)] if erased else []
            write_draft(
                engine, draft, coded, staged, since, sources=sources, settings=settings, currency=netted.currency,
                erased=gone,
            )  # fmt: skip
        n_orders = coded.n_orders
        objections = read_objections(engine, customers) if customers else frozenset()
        guest_rows = count_of(staged.rows.filter(staged.rows.customer.isnull()))
        rows_used = count_of(staged.rows) - netted.duplicates
    objecting = [code for code, customer_id in enumerate(customer_ids) if customer_id in objections]
    lines = as_guests(lines, objecting)
    lines, over_limit = _newest(lines, settings.max_lines_per_customer)
    lines, kept_customers = _compact(lines, "customer", np.zeros(len(customer_ids), bool))
    lines, _ = _compact(lines, "order", np.zeros(n_orders, bool))
    bought = np.zeros(len(items), bool)
    bought[lines.item] = True
    lines, kept_items = _compact(lines, "item", items["in_feed"].to_numpy(zero_copy_only=False))
    is_kept = np.zeros(len(items), bool)
    is_kept[kept_items] = True
    stop_if_too_few(len(lines), len(kept_customers), int(bought.sum()), (*staged.rejected, *staged.skipped))
    outside, unsold = items_outside(items, bought) if feed else (None, None)
    index = IdIndex.of([customer_ids[code] for code in kept_customers])
    data = TrainingData(customers=index, catalogue=build_catalogue(items.filter(pa.array(is_kept))), lines=lines)
    report = InputReport(
        sources=staged.sources,
        rows_read=staged.rows_read,
        rows_used=rows_used,
        rows_rejected=sum(finding.count for finding in staged.rejected),
        rejected=staged.rejected,
        skipped=staged.skipped,
        duplicates=netted.duplicates,
        returns=ReturnsReport(rows=netted.return_rows, units=netted.returned, unmatched_units=netted.unmatched),
        guest_rows=guest_rows,
        customers_without_profile=len(objecting),
        lines=len(lines),
        lines_over_customer_limit=over_limit,
        customers=len(kept_customers),
        orders=int(lines.order.max()) + 1,
        items_bought=int(bought.sum()),
        first_day=day_of(data.first_day),
        last_day=day_of(data.last_day),
        currency=netted.currency,
        bought_not_in_catalogue=outside,
        never_bought=unsold,
        products=feed.report if feed else None,
        warnings=staged.warnings + input_warnings(netted, outside, int(bought.sum())),
        live_seq=staged.live_seq,
        rows_kept=kept.facts.rows if kept is not None else 0,
    )
    return Shop(data=data, report=report, draft=draft)


def _netted(
    engine: Backend, staged: StagedRows, since: Since | None, feed_items: ir.Table | None, path: Path
) -> tuple[Coded, NettedLines]:
    """All lines with their codes, and the netting of those that were netted now."""
    if since is None:
        netted = net_lines(engine, staged.rows, feed_items)
        return coded_of(engine, netted, staged.rows, _fetch(engine, netted, path)), netted
    again = rows_again(engine, since.rows, since.live, staged)
    parts = [part.select("currency") for part in (since.rows, staged.of_files, staged.of_live) if part is not None]
    currency = main_currency(parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0])
    if currency[0] != since.kept.facts.currency:
        raise StartOver(f"most prices are in {currency[0]} now, not in {since.kept.facts.currency}")
    netted = net_lines(engine, again.rows, None, currency_of_all=currency)
    part = coded_of(engine, netted, again.rows, _fetch(engine, netted, path))
    return merged(engine, since.kept, again, part, feed_items), netted


def _own_products(engine: Backend, sources: Sequence[PurchaseSource], rows: ir.Table, work_dir: Path) -> Path | None:
    """The products that come with a format, as a feed."""
    for source in sources:
        if source.format == "complete-journey":
            return complete_journey.write_feed(
                engine, source.location, rows, work_dir / "complete_journey_products.parquet"
            )
    return None


def input_warnings(netted: NettedLines, outside: Finding | None, n_bought: int) -> tuple[str, ...]:
    """What looks wrong with purchases that can be read."""
    warnings = []
    if netted.currencies > 1:
        warnings.append(
            f"purchases are in {netted.currencies} currencies; only prices in {netted.currency} are learned from"
        )
    if outside and outside.count > n_bought / 2:
        warnings.append(
            f"{outside.count:,} of {n_bought:,} items bought are not in the catalogue; "
            "do purchases and products use the same ids?"
        )
    return tuple(warnings)


def day_of(day: int) -> str:
    """ISO date of a day counted from 1970-01-01."""
    return (EPOCH + timedelta(days=day)).isoformat()


def _newest(lines: PurchaseLines, limit: int) -> tuple[PurchaseLines, int]:
    """Without the oldest lines of known customers that have more than `limit`; and how many those were."""
    counts = np.bincount(lines.customer + 1)
    ends = np.cumsum(counts)
    from_end = ends[lines.customer + 1] - np.arange(len(lines))
    kept = (from_end <= limit) | (lines.customer < 0)
    return (lines, 0) if kept.all() else (lines.where(kept), int(len(lines) - kept.sum()))


def stop_if_too_few(n_lines: int, n_customers: int, n_items: int, lost: Sequence[Finding]) -> None:
    """Raises InputError, with the reason, where there is nothing to learn from."""
    if not n_lines:
        reasons = "; ".join(f"{finding.count:,} × {finding.reason}" for finding in lost[:5])
        raise InputError(f"no purchase is left to learn from: {reasons or 'returns take all of them back'}")
    if n_customers == 0:
        raise InputError(
            "all purchases are guests': no row has a customer_id; name its column with --columns customer_id=NAME"
        )
    if n_customers == 1:
        raise InputError(
            "all purchases are one customer's; at least 2 customers are needed. Is customer_id the right column?"
        )
    if n_items == 1:
        raise InputError("all purchases are of one item; at least 2 items are needed. Is item_id the right column?")


def _fetch(engine: Backend, netted: NettedLines, path: Path) -> PurchaseLines:
    """The sorted lines as arrays, by way of a Parquet file read batch by batch, so that memory holds them once."""
    engine.to_parquet(netted.lines.order_by("customer", "day", "order", "item"), path)
    with pyarrow.parquet.ParquetFile(path) as file:
        arrays = {name: np.empty(file.metadata.num_rows, kind) for name, kind in ARRAYS.items()}
        start = 0
        for batch in file.iter_batches(BATCH_LINES):
            end = start + len(batch)
            for name, array in arrays.items():
                array[start:end] = batch.column(name).to_numpy(zero_copy_only=False)
            start = end
    path.unlink()
    return PurchaseLines(**arrays)


def _compact(lines: PurchaseLines, name: str, kept: NDArray[np.bool_]) -> tuple[PurchaseLines, NDArray[np.int64]]:
    """Number `name` anew without gaps: the codes that `lines` use and those already `kept`; and which those are."""
    codes = getattr(lines, name)
    used = np.append(kept, False)
    used[codes] = True
    used = used[:-1]  # −1, a guest, marked the last place
    new = np.append(np.cumsum(used) - 1, -1).astype(np.int32)
    return PurchaseLines(**{**vars(lines), name: new[codes]}), np.flatnonzero(used)
