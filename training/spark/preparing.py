"""One shop from its purchases, on Spark: read, checked, netted and coded by the expressions of training.input, then cut
into blocks of customers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documents call it

from models.catalogue import Catalogue
from models.erased import ErasedIds
from models.strings import IdIndex, hash_id
from training.input.catalogue import build_catalogue, describe_items, items_outside, string_table
from training.input.engine import count_of, open_engine
from training.input.netting import net_lines
from training.input.objections import read_objections
from training.input.products import judge_feed
from training.input.report import InputReport, ReturnsReport
from training.input.shop import day_of, input_warnings, stop_if_too_few
from training.pipeline import TrainingRequest
from training.spark.blocks import BLOCKS, SCHEMA, Blocking
from training.spark.staging import stage
from training.spark.tables import SparkTables, number_sorted

# Bytes of purchases that a file of blocks may hold, and of one line.
FILE_BYTES, LINE_BYTES = 32 << 20, 24


@dataclass(frozen=True, eq=False)
class SparkShop:
    """A shop whose purchases lie in the folder, cut by `blocking`; this process knows its ids and items.

    `first_day` and `last_day` of all purchases; `n_orders` and `n_lines` in all.
    """

    report: InputReport
    customers: IdIndex
    catalogue: Catalogue
    blocking: Blocking
    n_orders: int
    n_lines: int
    first_day: int
    last_day: int


def prepare(
    tables: SparkTables,
    request: TrainingRequest,
    *,
    previous_items: int | None,
    erased: ErasedIds,
    now: datetime,
    work_dir: Path,
    rejects_path: Path,
    tell: Callable[[str], None],
) -> SparkShop:
    """As training.input.read_shop; products and the file of customers are read in this process."""
    settings = request.settings
    staged = stage(
        tables, request.sources, settings=settings.purchases, now=now, work_dir=work_dir, rejects_path=rejects_path,
        tell=tell,
    )  # fmt: skip
    with open_engine(work_dir, settings.purchases.memory_gb) as here:
        feed = None
        if request.products is not None:
            tell(f"reading products from {request.products}")
            feed = judge_feed(
                here, request.products, shown=str(request.products), settings=settings.products, now=now.timestamp(),
                previous_items=previous_items, work_dir=work_dir,
            )  # fmt: skip
        objections = read_objections(here, request.customers) if request.customers else frozenset()
        tell("netting returns, numbering customers, orders and items")
        feed_items = tables.put("feed_items", feed.items.select("id").to_pyarrow()) if feed else None
        netted = net_lines(tables, staged.rows, feed_items, number_sorted)
        ids = tables.fetch("item_ids", netted.items).sort_by("code")
        named = here.create_table("named", schema=ibis.schema({"item": "string", "title": "string"}))
        items = describe_items(
            here.create_table("coded_items", ibis.memtable(ids)), named, feed.items if feed else None
        )
    guest_rows = count_of(staged.rows.filter(staged.rows.customer.isnull()))
    rows_used = count_of(staged.rows) - netted.duplicates
    lines = tables.create_table("netted", netted.lines)
    tables.create_table("customer_ids", netted.customers)
    lines, objecting = _without_profile(tables, lines, objections, erased)
    lines, over_limit = _newest(tables, lines, settings.purchases.max_lines_per_customer)
    lines, customers = _compact(tables, lines, "customer")
    lines, _ = _compact(tables, lines, "order")
    in_feed = items["in_feed"].to_numpy(zero_copy_only=False)
    bought = np.zeros(len(items), np.bool_)
    bought[tables.fetch("items_bought", lines.select("item").distinct())["item"].to_numpy()] = True
    lines = _compact_items(tables, lines, bought | in_feed)
    facts = lines.aggregate(
        n=lines.count(), first=lines.day.min(), last=lines.day.max(), orders=lines.order.max() + 1,
        customers=lines.customer.max() + 1,
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    n_lines, n_customers = int(facts["n"]), int(facts["customers"] or 0) if facts["n"] else 0
    stop_if_too_few(n_lines, n_customers, int(bought.sum()), (*staged.rejected, *staged.skipped))
    outside, unsold = items_outside(items, bought) if feed else (None, None)
    blocking = Blocking(settings.spark.block_customers, n_customers)
    _cut(tables, lines, blocking, n_lines, settings.spark.partitions)
    first_day, last_day = int(facts["first"]), int(facts["last"])
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
        customers_without_profile=objecting,
        lines=n_lines,
        lines_over_customer_limit=over_limit,
        customers=n_customers,
        orders=int(facts["orders"]),
        items_bought=int(bought.sum()),
        first_day=day_of(first_day),
        last_day=day_of(last_day),
        currency=netted.currency,
        bought_not_in_catalogue=outside,
        never_bought=unsold,
        products=feed.report if feed else None,
        warnings=input_warnings(netted, outside, int(bought.sum())),
    )
    return SparkShop(
        report=report,
        customers=_index_of(tables, customers),
        catalogue=build_catalogue(items.filter(pa.array(bought | in_feed))),
        blocking=blocking,
        n_orders=int(facts["orders"]),
        n_lines=n_lines,
        first_day=first_day,
        last_day=last_day,
    )


def _without_profile(
    tables: SparkTables, lines: ir.Table, objections: frozenset[str], erased: ErasedIds
) -> tuple[ir.Table, int]:
    """The purchases of those who object and of the erased as guests'; and how many object."""
    if not objections and not erased:
        return lines, 0
    hidden, objecting = [], 0
    for batch in tables.folder.batches("customer_ids"):
        for code, customer_id in zip(batch.column("code").to_pylist(), batch.column("id").to_pylist(), strict=True):
            objects = customer_id in objections
            objecting += objects
            if objects or erased.hold(customer_id):
                hidden.append(code)
    gone = tables.put("hidden", pa.table({"hidden": pa.array(hidden, pa.int32())}))
    joined = lines.left_join(gone, lines.customer == gone.hidden)
    known = joined.hidden.isnull().ifelse(joined.customer, ibis.literal(-1, "int32"))
    return tables.create_table("guests_too", joined.mutate(customer=known).drop("hidden")), objecting


def _newest(tables: SparkTables, lines: ir.Table, limit: int) -> tuple[ir.Table, int]:
    """Without the oldest lines of known customers that have more than `limit`; and how many those were."""
    known = lines.filter(lines.customer >= 0)
    counts = known.group_by("customer").agg(n=ibis._.count())
    heavy = tables.create_table("heavy", counts.filter(counts.n > limit))
    over = int(heavy.aggregate(n=heavy.n.sum().fill_null(0) - limit * heavy.count()).to_pyarrow()["n"][0].as_py())
    if not over:
        return lines, 0
    order = [ibis.desc(name) for name in ("day", "order", "item")]
    ranked = lines.semi_join(heavy, "customer").mutate(
        place=ibis.row_number().over(group_by="customer", order_by=order)
    )
    kept = ranked.filter(ranked.place < limit).drop("place")
    return tables.create_table("newest", lines.anti_join(heavy, "customer").union(kept)), over


def _compact(tables: SparkTables, lines: ir.Table, name: str) -> tuple[ir.Table, ir.Table]:
    """Number `name` anew without gaps, guests stay −1; and the table of old codes with the new ones."""
    old = lines.filter(lines[name] >= 0).select(old=lines[name]).distinct()
    codes = number_sorted(tables, f"{name}_codes", old, "new", ["old"])
    joined = lines.left_join(codes, lines[name] == codes.old)
    renumbered = joined.mutate(**{name: joined.new.fill_null(-1).cast("int32")}).drop("old", "new")
    return tables.create_table(f"compact_{name}", renumbered), codes


def _compact_items(tables: SparkTables, lines: ir.Table, kept: NDArray[np.bool_]) -> ir.Table:
    if kept.all():
        return lines
    old = np.flatnonzero(kept).astype(np.int32)
    codes = tables.put("item_codes", pa.table({"old": old, "new": np.arange(len(old), dtype=np.int32)}))
    joined = lines.join(codes, lines.item == codes.old)
    return tables.create_table("compact_item", joined.mutate(item=joined.new).drop("old", "new"))


def _index_of(tables: SparkTables, codes: ir.Table) -> IdIndex:
    """The ids of the customers that are left, in the order of their new codes."""
    ids = tables.ibis.table("customer_ids")
    named = codes.join(ids, codes.old == ids.code).select(code="new", id="id")
    table = string_table(tables.fetch("known_customers", named).sort_by("code")["id"])
    hashes = np.fromiter(map(hash_id, table), np.uint64, len(table))
    order = np.argsort(hashes, kind="stable").astype(np.int32)
    return IdIndex(table, hashes[order], order)


def _cut(tables: SparkTables, lines: ir.Table, blocking: Blocking, n_lines: int, partitions: int) -> None:
    """Write the blocks of all customers and guests' orders."""
    frame = tables.frame(lines)
    guest_block = F.lit(blocking.n_known) + (F.col("order") / blocking.size).cast("int")
    block = F.when(F.col("customer") >= 0, (F.col("customer") / blocking.size).cast("int")).otherwise(guest_block)
    parts = partitions or max(tables.parallelism, -(-n_lines * LINE_BYTES // FILE_BYTES))
    cut = frame.withColumn("block", block).repartition(parts, "block").groupBy("block")

    def pack(key: tuple[pa.Scalar, ...], lines: pa.Table) -> pa.Table:
        return blocking.pack(key, lines)

    tables.write(BLOCKS, cut.applyInArrow(pack, SCHEMA))
