"""Every customer's lists, on executors: each loads the model once and ranks block after block with the code that
serves."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.bundle import open_bundle
from models.interactions import FIELDS, Interactions
from models.lists import Ranked
from models.recommender import Recommender
from models.scenarios import STORED
from models.sources.factors import Factors
from models.sources.protocol import Queries
from training.spark.blocks import BLOCKS, Block, few_rows, mapped
from training.spark.storage import Folder, file_system, local_path
from training.spark.tables import SparkTables

RANKED = "ranked"
AT_ONCE = 64
NOBODY: NDArray[Any] = np.zeros(0, np.int64)
LISTED = {"item": np.int32, "score": np.float32, "source": np.uint8}
HISTORY = {"item": np.int32, "day": np.int32, "quantity": np.float32, "order": np.int32}
COLUMNS: dict[str, Any] = {
    "vectors": np.float32,
    "history_lengths": np.int64,
    **{f"history_{name}": kind for name, kind in HISTORY.items()},
    **{f"{scenario}_{name}": kind for scenario in STORED for name, kind in {"lengths": np.int64, **LISTED}.items()},
}
SCHEMA = "block int, start int, end int, " + ", ".join(f"`{name}` binary" for name in COLUMNS)


class Folded(Factors):
    """Factors of a block's customers, folded in once for all that asks for them: row i is customer `start` + i."""

    start: int = 0
    known: NDArray[np.float32]

    @classmethod
    def over(cls, factors: Factors, known: NDArray[np.float32], start: int) -> "Folded":
        """The same source, with these customers' vectors at hand."""
        folded = cls(**{entry.name: getattr(factors, entry.name) for entry in fields(Factors)})
        object.__setattr__(folded, "known", known)
        object.__setattr__(folded, "start", start)
        return folded

    def vectors(self, queries: Queries) -> NDArray[np.float32]:
        """One row a query."""
        return self.known[queries.customer - self.start]


def rank_all(tables: SparkTables, model: str, stored: int) -> None:
    """Write the table RANKED: each block's lists, histories and factors. `model` names a bundle in the folder."""
    url = tables.folder.at(model)

    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        recommender = load_model(url)
        with threadpool_limits(1):
            for block in blocks:
                if block.end > block.start:
                    yield ranked(recommender, block, stored)

    with few_rows(tables.session):
        tables.write(RANKED, mapped(tables.read(BLOCKS), task, SCHEMA))


@cache
def load_model(url: str) -> Recommender:
    """The recommender of a bundle by URL, mapped from disk; once a process."""
    path = local_path(url)
    if path is None or not path.exists():
        files, place = file_system(url)
        path = Path(tempfile.mkdtemp(prefix="recsvc-model-"))
        pyarrow.fs.copy_files(place, str(path), files, pyarrow.fs.LocalFileSystem())
    return Recommender.from_bundle(open_bundle(path))


def ranked(recommender: Recommender, block: Block, stored: int) -> pa.RecordBatch:
    """A block's row of RANKED."""
    histories = block.histories()
    customers = block.customers
    factors = recommender.sources["factors"]
    assert isinstance(factors, Factors)
    vectors = factors.vectors(_queries(recommender, histories, customers))
    sources = {**recommender.sources, "factors": Folded.over(factors, vectors, block.start)}
    folded = replace(recommender, sources=sources)
    parts: dict[str, list[Ranked]] = {scenario: [] for scenario in STORED}
    for start in range(0, len(customers), AT_ONCE):
        some = np.arange(start, min(start + AT_ONCE, len(customers)))
        queries = _queries(recommender, histories.rows(some), customers[some])
        for scenario, lists in folded.rank_several(queries, STORED, stored).items():
            parts[scenario].append(lists)
    values = {"vectors": vectors, "history_lengths": np.diff(histories.indptr)}
    values |= {f"history_{name}": getattr(histories, name) for name in FIELDS}
    for scenario, lists_of in parts.items():
        lengths = [np.bincount(part.scored.row, minlength=part.scored.n_rows) for part in lists_of]
        values[f"{scenario}_lengths"] = np.concatenate(lengths)
        values[f"{scenario}_item"] = np.concatenate([part.scored.item for part in lists_of])
        values[f"{scenario}_score"] = np.concatenate([part.scored.score for part in lists_of])
        values[f"{scenario}_source"] = np.concatenate([part.source for part in lists_of])
    numbers = {"block": block.number, "start": block.start, "end": block.end}
    row = {name: pa.array([number], pa.int32()) for name, number in numbers.items()}
    texts = {name: np.ascontiguousarray(values[name], kind).tobytes() for name, kind in COLUMNS.items()}
    return pa.record_batch({**row, **{name: pa.array([text], pa.binary()) for name, text in texts.items()}})


def _queries(recommender: Recommender, histories: Interactions, customers: NDArray[np.int64]) -> Queries:
    statistics = recommender.statistics
    return Queries(
        customers, histories, NOBODY, np.zeros(0, np.int32), statistics.today, statistics.horizon, statistics.n_items
    )


def gathered(folder: Folder, n_customers: int, n_factors: int, into: Path) -> dict[str, NDArray[Any]]:
    """RANKED as one array for each of COLUMNS, mapped from files in `into`: none is ever whole in memory."""
    into.mkdir(parents=True, exist_ok=True)
    sizes = _sizes(folder)
    arrays: dict[str, NDArray[Any]] = {}
    ends: dict[str, dict[int, np.int64]] = {}
    for name, kind in COLUMNS.items():
        counts = {block: entries[name] // np.dtype(kind).itemsize for block, entries in sorted(sizes.items())}
        starts = np.concatenate([[0], np.cumsum(list(counts.values()))]).astype(np.int64)
        ends[name] = dict(zip(counts, starts, strict=False))
        total = max(int(starts[-1]), 0)
        if total:
            arrays[name] = np.lib.format.open_memmap(into / f"{name}.npy", mode="w+", dtype=kind, shape=(total,))
        else:
            arrays[name] = np.zeros(0, kind)
    for batch in folder.batches(RANKED, rows=1):
        for place, block in enumerate(batch.column("block").to_pylist()):
            for name, kind in COLUMNS.items():
                part = np.frombuffer(batch.column(name)[place].as_buffer(), kind)
                arrays[name][ends[name][block] : ends[name][block] + len(part)] = part
    arrays["vectors"] = arrays["vectors"].reshape(n_customers, n_factors)
    return arrays


def _sizes(folder: Folder) -> dict[int, dict[str, int]]:
    """Bytes of each column of each block."""
    sizes: dict[int, dict[str, int]] = {}
    for batch in folder.batches(RANKED, rows=1):
        for place, block in enumerate(batch.column("block").to_pylist()):
            sizes[block] = {name: batch.column(name)[place].as_buffer().size for name in COLUMNS}
    return sizes
