"""What executors count over blocks of customers: statistics of items, and which items the same customers hold."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documents call it

from models.catalogue import Catalogue
from models.sources.item_table import ItemTable
from models.sources.neighbours import Neighbours, NeighbourSettings
from models.sources.popular import Popular, PopularSettings
from models.sparse import row_numbers, with_values
from models.statistics import Statistics
from training.fit.carts.matrices import empty_table
from training.fit.cooccurrence import Related, Together
from training.fit.sources import (
    degree_weight,
    lasting_items,
    neighbour_head,
    neighbour_weight,
    neighbours_of,
    newest_sales,
    popular_half_life,
)
from training.fit.statistics import CUSTOMER_SUMS, LINE_SUMS, NEVER_SOLD, ItemCounts, count_items, statistics_of
from training.spark.blocks import BLOCKS, Block, few_rows, mapped
from training.spark.tables import SparkTables

# Per item: what Statistics are made of, and the decayed sales that the source `popular` orders by.
SUMS = (*CUSTOMER_SUMS, *LINE_SUMS, "popular")
COUNTS_SCHEMA = "item int, first_sale bigint, " + ", ".join(f"{name} double" for name in SUMS)
# A row of the head's square: the places in it that are not 0 (int32), and what they hold (float32).
TOGETHER_SCHEMA = "place int, degree double, others binary, sums binary"
# The row that counts customers.
CUSTOMERS = -1
ROWS_A_BATCH = 64


def fit_counts(
    tables: SparkTables, catalogue: Catalogue, n_customers: int, today: int, horizon: int, settings: PopularSettings
) -> tuple[Statistics, Popular]:
    """The shop's statistics on the day `today`, and its best sellers, from the purchases before it."""
    n_items, half_life = len(catalogue), popular_half_life(settings, horizon)

    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        customers, sums = 0, {name: np.zeros(n_items) for name in SUMS}
        first_sale = np.full(n_items, NEVER_SOLD)
        for block in blocks:
            past = block.before(today)
            counts = count_items(past.lines, past.habits(n_items, today, horizon))
            customers += counts.customers
            np.minimum(first_sale, counts.first_sale, out=first_sale)
            for name, values in counts.sums.items():
                sums[name] += values
            sums["popular"] += newest_sales(past.lines, n_customers, today, half_life, n_items)
        sold = np.flatnonzero(first_sale < NEVER_SOLD)
        columns = {"item": np.append(sold, CUSTOMERS).astype(np.int32), "first_sale": np.append(first_sale[sold], 0)}
        columns |= {
            name: np.append(values[sold], customers if name == "buyers" else 0) for name, values in sums.items()
        }
        yield pa.record_batch(columns)

    with few_rows(tables.session):
        parts = mapped(tables.read(BLOCKS), task, COUNTS_SCHEMA)
        totals = [F.min("first_sale").alias("first_sale"), *(F.sum(name).alias(name) for name in SUMS)]
        tables.write("counts", parts.groupBy("item").agg(*totals))
    found = tables.folder.table("counts")
    item = found["item"].to_numpy()
    rows = {name: found[name].to_numpy() for name in SUMS}
    of_items = item != CUSTOMERS
    sums = {name: np.zeros(n_items) for name in SUMS}
    for name, values in rows.items():
        sums[name][item[of_items]] = values[of_items]
    first_sale = np.full(n_items, NEVER_SOLD)
    first_sale[item[of_items]] = found["first_sale"].to_numpy()[of_items]
    popular = sums.pop("popular").astype(np.float32)
    counts = ItemCounts(int(rows["buyers"][~of_items].sum()), sums, first_sale)
    statistics = statistics_of(counts, catalogue, today, horizon)
    return statistics, Popular.of(popular, statistics.newcomers_lately, settings.proposed)


def fit_neighbours(tables: SparkTables, statistics: Statistics, settings: NeighbourSettings) -> Neighbours:
    """The source `neighbours`: each task adds up the pairs that its customers hold into one square of the head, and
    Spark adds up the squares, row by row."""
    head = neighbour_head(statistics, settings)
    items = np.flatnonzero(head).astype(np.int32)
    if not len(items):
        return neighbours_of(ItemTable.of(empty_table(len(head))), np.ones(len(head), np.float32), head)
    today, horizon, history = statistics.today, statistics.horizon, settings.history
    with few_rows(tables.session):
        parts = mapped(tables.read(BLOCKS), _pairs_task(head, today, horizon, history), TOGETHER_SCHEMA)
        tables.write("together_parts", parts)

    n_head = len(items)

    def add_up(key: tuple[pa.Scalar, ...], rows: pa.Table) -> pa.Table:
        total = np.zeros(n_head, np.float32)
        for others, sums in zip(rows["others"], rows["sums"], strict=True):
            total[np.frombuffer(others.as_buffer(), np.int32)] += np.frombuffer(sums.as_buffer(), np.float32)
        return pa.Table.from_batches([_row_of(key[0].as_py(), float(rows["degree"].to_numpy().sum()), total)])

    with few_rows(tables.session, ROWS_A_BATCH):
        tables.write("together", tables.read("together_parts").groupBy("place").applyInArrow(add_up, TOGETHER_SCHEMA))
    degree = np.zeros(len(head))
    degrees = tables.folder.table("together", ["place", "degree"])
    degree[items[degrees["place"].to_numpy()]] = degrees["degree"].to_numpy()
    weight = degree_weight(degree)
    related = Related(len(head))
    for batch in tables.folder.batches("together", ["place", "others", "sums"], ROWS_A_BATCH):
        for place, others, sums in zip(*(batch.column(name) for name in ("place", "others", "sums")), strict=True):
            item, other = int(items[place.as_py()]), items[np.frombuffer(others.as_buffer(), np.int32)]
            held = np.frombuffer(sums.as_buffer(), np.float32)
            together = (held * weight[other] * weight[item]).astype(np.float32)
            pairs = Together(item, item + 1, np.full(len(other), item, np.int64), other, together)
            related.add(item, pairs.best(neighbour_weight(together, weight[other]), settings.neighbours))
    return neighbours_of(ItemTable.of(related.matrix()), weight, head)


def _pairs_task(
    head: NDArray[np.bool_], today: int, horizon: int, history: int
) -> Callable[[Iterable[Block]], Iterator[pa.RecordBatch]]:
    n_items = len(head)
    place_of = np.cumsum(head) - 1
    n_head = int(head.sum())

    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        square, degree = np.zeros(n_head * n_head, np.float32), np.zeros(n_head)
        for block in blocks:
            bought = lasting_items(block.before(today).habits(n_items, today, horizon), head, history)
            if not bought.nnz:
                continue
            place = place_of[bought.indices]
            degree += np.bincount(place, minlength=n_head)
            length = (1 / np.sqrt(1 + np.diff(bought.indptr))).astype(np.float32)
            scaled = with_values(bought, bought.data * length[row_numbers(bought)])
            held: sp.csr_array[Any] = sp.csr_array((scaled.data, place, scaled.indptr), shape=(bought.shape[0], n_head))
            product = sp.csr_array(held.T) @ held
            square[row_numbers(product) * n_head + product.indices] += product.data
        rows = square.reshape(n_head, n_head)
        for row in np.flatnonzero(degree).tolist():
            yield _row_of(row, float(degree[row]), rows[row])

    return task


def _row_of(place: int, degree: float, sums: NDArray[np.float32]) -> pa.RecordBatch:
    """A row of TOGETHER_SCHEMA."""
    others = np.flatnonzero(sums).astype(np.int32)
    columns = {"place": pa.array([place], pa.int32()), "degree": pa.array([degree], pa.float64())}
    columns |= {
        name: pa.array([value.tobytes()], pa.binary()) for name, value in (("others", others), ("sums", sums[others]))
    }
    return pa.record_batch(columns)
