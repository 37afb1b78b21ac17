"""The lists of all known customers, as the bundle stores them."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.lists import Ranked, StoredLists
from models.recommender import Recommender
from models.scenarios import SPREAD, STORED
from models.spread import Spread
from training.fit.spread import fit_spread
from training.in_thread import InThread
from training.learned import Learned
from training.progress import Part
from training.settings import TrainingSettings

BLOCK = 64
# Blocks that a thread makes before it hands them over.
TURN = 8
SPREAD_BLOCK = 20_000
Block = dict[str, Ranked]
KINDS = {"item": np.int32, "score": np.float32, "source": np.uint8}


def lists_of_all(
    recommender: Recommender,
    settings: TrainingSettings,
    part: Part,
    work: Path,
    customers: NDArray[Any] | None = None,
) -> dict[str, StoredLists]:
    """The lists of every known customer, or of these `customers`, for the scenarios that depend on the customer alone;
    what they hold lies in files in `work`, so that the memory does not grow with the customers."""
    if customers is None:
        customers = np.arange(len(recommender.histories))
    n_customers = len(customers)
    at_once = settings.ranker.threads * TURN * BLOCK
    # One BLAS thread each: those of several would only fight for the cores.
    with threadpool_limits(1, "blas"), ExitStack() as until_written:
        files = {name: until_written.enter_context(ListFiles(work, name)) for name in STORED}
        for start in range(0, n_customers, at_once):
            end = min(start + at_once, n_customers)
            share = -(-(end - start) // settings.ranker.threads)
            turns = [
                InThread(
                    partial(_lists, recommender, customers[first : min(first + share, end)], settings.lists.stored)
                )
                for first in range(start, end, share)
            ]
            for block in chain.from_iterable(turn.result() for turn in turns):
                for name, lists in block.items():
                    files[name].add(lists)
            part.show(end / n_customers)
    return {name: written.lists() for name, written in files.items()}


def _lists(recommender: Recommender, customers: NDArray[Any], limit: int) -> list[Block]:
    blocks = (customers[start : start + BLOCK] for start in range(0, len(customers), BLOCK))
    return [recommender.rank_several(recommender.queries(some), STORED, limit) for some in blocks]


def with_spread(learned: Learned, work: Path) -> Learned:
    """The same, with what each list brings forward settled over the lists of all; new lists lie in `work`."""
    if learned.carried is not None:  # its lists have what the published model brings forward
        return learned
    lists, recommender = dict(learned.lists), learned.recommender
    sold = int(np.count_nonzero(recommender.statistics.buyers))
    enough = int(np.ceil(learned.chosen.settings.lists.coverage * sold))
    for scenario in SPREAD:
        spread = fit_spread(lists[scenario], len(learned.catalogue), enough)
        recommender = replace(recommender, spread=spread)
        lists[scenario] = spread_out(lists[scenario], spread, work, scenario)
    return replace(learned, recommender=recommender, lists=lists)


def spread_out(lists: StoredLists, spread: Spread, work: Path, scenario: str) -> StoredLists:
    """The same lists, with what `spread` brings forward in its place; in files of their own."""
    n_customers = len(lists.indptr) - 1
    with ListFiles(work, f"{scenario}.spread") as written:
        for start in range(0, n_customers, SPREAD_BLOCK):
            customers = np.arange(start, min(start + SPREAD_BLOCK, n_customers))
            ranked = lists.rows(customers, np.arange(len(customers)), len(customers))
            written.add(spread.applied(ranked, customers))
    return written.lists()


class ListFiles:
    """The lists of one scenario, written to files as they come; a context manager, after which `lists` maps them."""

    def __init__(self, folder: Path, scenario: str) -> None:
        self._paths = {name: folder / f"lists.{scenario}.{name}" for name in KINDS}
        self._files: list[BinaryIO] = []
        self._lengths: list[NDArray[np.int64]] = []

    def __enter__(self) -> Self:
        self._files = [path.open("xb") for path in self._paths.values()]
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self._files:
            file.close()

    def add(self, block: Ranked) -> None:
        """The next customers' lists."""
        scored = block.scored
        self._lengths.append(np.bincount(scored.row, minlength=scored.n_rows).astype(np.int64))
        values = scored.item, scored.score, block.source
        for file, kind, value in zip(self._files, KINDS.values(), values, strict=True):
            file.write(np.ascontiguousarray(value, kind).data)

    def lists(self) -> StoredLists:
        """All lists, mapped."""
        parts = (
            np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)
            for path, kind in zip(self._paths.values(), KINDS.values(), strict=True)
        )
        lengths = np.concatenate([np.zeros(1, np.int64), *self._lengths])
        return StoredLists(np.cumsum(lengths), *parts)
