"""Write prepared purchases into a training's work directory."""

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend

from training.input.engine import count_of
from training.input.prepared.coded import Coded
from training.input.prepared.kept import FORMAT, MOST_PARTS, Facts, Kept, Origin, Void, recipe_of, write_facts
from training.input.prepared.rows import COLUMNS, quoted
from training.input.prepared.since import Since
from training.input.sources import InputSettings, PurchaseSource

if TYPE_CHECKING:
    from training.input.staging import StagedRows


def write_draft(
    engine: Backend,
    folder: Path,
    coded: Coded,
    staged: "StagedRows",
    since: Since | None,
    *,
    sources: Sequence[PurchaseSource],
    settings: InputSettings,
    currency: str | None,
    erased: Collection[str],
) -> None:
    """Everything that the next training goes on from; the rows of `erased` customers are left out, and their orders
    stay as a guest's."""
    folder.mkdir(mode=0o700)
    if erased:
        engine.create_table("gone", ibis.memtable(pa.table({"customer": pa.array(sorted(erased), pa.string())})))
    parts, voids = _write_rows(engine, folder, staged, since, bool(erased))
    if staged.of_live is not None:
        _write(engine, staged.of_live.select(*COLUMNS), folder / "live.parquet", erased=bool(erased))
    customers, orders, lines = coded.customers, coded.orders, coded.lines
    if erased:
        gone = engine.table("gone")
        theirs = customers.semi_join(gone, customers.id == gone.customer).to_pyarrow()["code"].to_numpy()
        customers = customers.anti_join(gone, customers.id == gone.customer)
        lines = replace(lines, customer=np.where(np.isin(lines.customer, theirs), np.int32(-1), lines.customer))
        lines = lines.sorted()
        is_gone = orders.customer_id.isin(gone.customer)
        orders = orders.mutate(
            order_id=is_gone.fill_null(False).ifelse("", orders.order_id),
            customer_id=is_gone.fill_null(False).ifelse(ibis.null("string"), orders.customer_id),
        )
    tables = {"customers": customers, "items": coded.items, "orders": orders, "titles": coded.titles}
    for name, table in tables.items():
        engine.to_parquet(table, folder / f"{name}.parquet")
    for name, array in vars(lines).items():
        np.save(folder / f"lines.{name}.npy", array, allow_pickle=False)
    engine.raw_sql(
        "CREATE OR REPLACE VIEW written_rows AS SELECT * FROM read_parquet("  # noqa: S608 - our own files
        f"[{', '.join(quoted(str(folder / f'rows-{number}.parquet')) for number in range(parts))}])"
    )
    facts = Facts(
        format=FORMAT,
        recipe=recipe_of(sources, settings),
        origins=_with_last(staged, since.kept if since is not None else None),
        voids=voids,
        parts=parts,
        readings=staged.readings,
        orders=coded.n_orders,
        rows=count_of(engine.table("written_rows")),
        currency=currency,
    )
    write_facts(folder, facts)


def _write_rows(
    engine: Backend, folder: Path, staged: "StagedRows", since: Since | None, anybody_gone: bool
) -> tuple[int, list[Void]]:
    """The parts of rows: those of before as they are, and one more; all in one where they are many or lose rows."""
    fresh = staged.of_files.select(*COLUMNS) if staged.of_files is not None else None
    kept = since.kept if since is not None else None
    if kept is not None and not anybody_gone and kept.facts.parts < MOST_PARTS:
        for path in kept.parts:
            os.link(path, folder / path.name)
        voids = [*kept.facts.voids, *(Void(origin=name, since=since, parts=kept.facts.parts)
                                      for name, since in staged.again.items())]  # fmt: skip
        if fresh is None:
            return kept.facts.parts, voids
        _write(engine, fresh, folder / f"rows-{kept.facts.parts}.parquet", erased=False)
        return kept.facts.parts + 1, voids
    every = fresh
    if since is not None:
        every = since.rows.select(*COLUMNS) if fresh is None else since.rows.select(*COLUMNS).union(fresh)
    if every is None:
        assert staged.of_live is not None
        every = staged.of_live.select(*COLUMNS).limit(0)
    _write(engine, every, folder / "rows-0.parquet", erased=anybody_gone)
    return 1, []


def _write(engine: Backend, rows: ir.Table, path: Path, *, erased: bool) -> None:
    if erased:
        gone = engine.table("gone")
        rows = rows.anti_join(gone, "customer")
    engine.to_parquet(rows, path)


def _with_last(staged: "StagedRows", kept: Kept | None) -> dict[str, Origin]:
    last = {name: origin.last for name, origin in kept.facts.origins.items()} if kept is not None else {}
    if staged.of_files is not None:
        newest = staged.of_files.group_by("origin").agg(last=ibis._.time.max()).to_pyarrow().to_pylist()
        for row in newest:
            moment = row["last"].isoformat(sep=" ", timespec="microseconds")
            last[row["origin"]] = max(last.get(row["origin"]) or moment, moment)
    return {name: replace(origin, last=last.get(name)) for name, origin in staged.origins.items()}
