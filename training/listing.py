"""The lists of all known customers, as the bundle stores them."""

from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.lists import Ranked, StoredLists
from models.recommender import Recommender
from models.scenarios import STORED
from training.in_thread import InThread
from training.progress import Part
from training.settings import TrainingSettings

BLOCK = 64
# Blocks that a thread makes before it hands them over.
TURN = 8
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
