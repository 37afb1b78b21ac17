"""Histories in blocks of customers: a row of a table holds a block's purchases as packed arrays, so that an executor
computes a block with the same numpy code as one machine computes a shop, and no step shuffles purchases again."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from models.habits import Habits
from models.interactions import Interactions
from training.data import PurchaseLines

BLOCKS = "blocks"
KINDS = {
    "customer": np.int32, "order": np.int32, "item": np.int32, "day": np.int32,
    "quantity": np.float32, "unit_price": np.float32,
}  # fmt: skip
LINES_SCHEMA = ", ".join(f"`{name}` {'int' if kind is np.int32 else 'float'}" for name, kind in KINDS.items())
SCHEMA = "block int, start int, end int, n_lines bigint, " + ", ".join(f"`{name}` binary" for name in KINDS)
ROWS_AT_ONCE = 4
ARROW_ROWS, PARQUET_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch", "spark.sql.parquet.columnarReaderBatchSize"
Task = Callable[[Iterable["Block"]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, eq=False)
class Block:
    """The customers `start` to `end` (none: some guests' orders) and their purchases, sorted as PurchaseLines are."""

    number: int
    start: int
    end: int
    lines: PurchaseLines

    @property
    def customers(self) -> NDArray[np.int64]:
        """Inside indices, ascending."""
        return np.arange(self.start, self.end)

    def before(self, day: int) -> "Block":
        """The same as it was known at the start of `day`."""
        return Block(self.number, self.start, self.end, self.lines.where(self.lines.day < day))

    def histories(self) -> Interactions:
        """Row i is customer `start` + i."""
        known = self.lines.where(self.lines.customer >= 0)
        row = known.customer - np.int32(self.start)
        return Interactions.of(self.end - self.start, row, known.item, known.day, known.quantity, known.order)

    def habits(self, n_items: int, today: int, horizon: int) -> Habits:
        """The customers' habits on `today`."""
        return Habits(self.histories(), n_items, today, horizon)

    def packed(self) -> pa.RecordBatch:
        """As one row of SCHEMA."""
        texts = {
            name: [np.ascontiguousarray(getattr(self.lines, name), kind).tobytes()] for name, kind in KINDS.items()
        }
        numbers = {"block": self.number, "start": self.start, "end": self.end}
        columns = {name: pa.array([value], pa.int32()) for name, value in numbers.items()}
        columns["n_lines"] = pa.array([len(self.lines)], pa.int64())
        return pa.record_batch({**columns, **{name: pa.array(text, pa.binary()) for name, text in texts.items()}})


def unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
    """The blocks of rows of SCHEMA."""
    for batch in batches:
        columns = {name: batch.column(name) for name in ("block", "start", "end", *KINDS)}
        for place in range(len(batch)):
            parts: dict[str, Any] = {
                name: np.frombuffer(columns[name][place].as_buffer(), kind) for name, kind in KINDS.items()
            }
            number, start, end = (columns[name][place].as_py() for name in ("block", "start", "end"))
            yield Block(number, start, end, PurchaseLines(**parts))


@dataclass(frozen=True)
class Blocking:
    """How a shop is cut: `size` customers, or guests' orders, a block."""

    size: int
    n_customers: int

    @property
    def n_known(self) -> int:
        """Blocks of known customers; those of guests come after."""
        return -(-self.n_customers // self.size)

    def pack(self, key: tuple[pa.Scalar, ...], lines: pa.Table) -> pa.Table:
        """All lines of one block as a row of SCHEMA; for applyInArrow."""
        number = key[0].as_py()
        arrays = {name: lines.column(name).to_numpy().astype(kind, copy=False) for name, kind in KINDS.items()}
        order = np.lexsort([arrays[name] for name in ("item", "order", "day", "customer")])
        start = min(number, self.n_known) * self.size
        start, end = min(start, self.n_customers), min(start + self.size, self.n_customers)
        if number >= self.n_known:
            start = end = 0
        sorted_lines = PurchaseLines(**{name: array[order] for name, array in arrays.items()})
        return pa.Table.from_batches([Block(number, start, end, sorted_lines).packed()])


@contextmanager
def few_rows(session: SparkSession, rows: int = ROWS_AT_ONCE) -> Iterator[None]:
    """Have Spark read and hand over large rows a few at a time: a block is megabytes."""
    before = {name: session.conf.get(name) for name in (ARROW_ROWS, PARQUET_ROWS)}
    for name in before:
        session.conf.set(name, str(rows))
    try:
        yield
    finally:
        for name, value in before.items():
            session.conf.set(name, str(value))


def mapped(blocks: DataFrame, task: Task, schema: str) -> DataFrame:
    """What `task` makes of the blocks of each part of the table, on executors."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from task(unpacked(batches))

    return blocks.mapInArrow(run, schema)


def joined_lines(parts: list[PurchaseLines]) -> PurchaseLines:
    """Several parts' lines after each other."""
    if not parts:
        return PurchaseLines(**{name: np.zeros(0, kind) for name, kind in KINDS.items()})
    names = [entry.name for entry in fields(PurchaseLines)]
    return PurchaseLines(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
