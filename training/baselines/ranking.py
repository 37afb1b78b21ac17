"""What every baseline is, and how its scores become lists of a scenario."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.interactions import Interactions, Pairs
from models.ranking import Scored, contains, keys, rank
from models.sources.item_table import without
from training.data import TrainingData

CUSTOMER_SCENARIOS = ("home", "discover", "again")
# Entries of one dense block of scores: bounds its memory to about 100 MB, copies included.
DENSE_ENTRIES = 8_000_000
BLOCK = 1024


class Baseline(Protocol):
    """A fitted method."""

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The kinds of list that it has something to say about."""
        ...

    def rank_customers(self, customers: NDArray[Any], scenario: str, limit: int) -> Scored:
        """Row r is the list of customers[r], at most `limit` items, best first.

        home: any item; discover: none that the customer bought before; again: only such.
        """
        ...


# Fits on purchases that all lie before the day `today`, for lists of that day.
Fit = Callable[[TrainingData, int], Baseline]


@dataclass(frozen=True, eq=False)
class Past:
    """The known customers' histories (row = customer) as they were at the start of the day `today`."""

    history: Interactions
    n_items: int
    today: int

    @classmethod
    def of(cls, data: TrainingData, today: int) -> "Past":
        return cls(data.interactions(), len(data.catalogue), today)

    def pairs(self, customers: NDArray[Any]) -> Pairs:
        """What these customers have of each item; row r is customers[r]."""
        return Pairs.of(self.history.rows(customers))

    def buyers(self) -> NDArray[np.int64]:
        """How many known customers bought each item, shape (n_items,)."""
        return np.bincount(Pairs.of(self.history).item, minlength=self.n_items)


def in_blocks(customers: NDArray[Any], rows: int, one_block: Callable[[NDArray[Any]], Scored]) -> Scored:
    """Rank the customers in blocks of `rows`, so that memory does not grow with their number."""
    parts = [one_block(customers[start : start + rows]) for start in range(0, len(customers), rows)]
    return stacked(parts)


def stacked(parts: list[Scored]) -> Scored:
    """The rows of several blocks, one below the other."""
    if not parts:
        return Scored.empty(0)
    starts = np.cumsum([0, *(part.n_rows for part in parts)])
    return Scored(
        int(starts[-1]),
        np.concatenate([part.row + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.item for part in parts]),
        np.concatenate([part.score for part in parts]),
    )


def list_of(
    owned: Pairs, row: NDArray[Any], item: NDArray[Any], score: NDArray[Any], scenario: str, limit: int
) -> Scored:
    """Loose scores, each (row, item) once, as ranked lists of the scenario."""
    n_rows = len(owned.history)
    if scenario == "discover":
        keep = without(row, item, owned.row, owned.item)
    elif scenario == "again":
        keep = contains(keys(owned.row, owned.item), keys(row, item))
    else:
        return rank(n_rows, row, item, score, limit)
    return rank(n_rows, row[keep], item[keep], score[keep], limit)


def list_of_dense(
    owned: Pairs, scores: NDArray[np.float32], items: NDArray[np.int32], scenario: str, limit: int
) -> Scored:
    """Scores of every row for each of `items` (ascending), shape (n_rows, len(items)), as ranked lists; 0 and less is
    no recommendation. Changes `scores`.
    """
    column = np.searchsorted(items, owned.item)
    column[column == len(items)] = 0
    at = np.flatnonzero(items[column] == owned.item) if len(items) else np.zeros(0, np.int64)
    row, column = owned.row[at], column[at]
    if scenario == "again":
        score = scores[row, column]
        return rank(len(owned.history), row[score > 0], items[column[score > 0]], score[score > 0], limit)
    if scenario == "discover":
        scores[row, column] = -np.inf
    return best_of_dense(scores, items, limit)


def best_of_dense(scores: NDArray[np.float32], items: NDArray[np.int32], limit: int) -> Scored:
    """The `limit` best of each row of scores above 0, shape (n_rows, len(items))."""
    left_out = max(0, scores.shape[1] - limit)
    if not scores.size:
        return Scored.empty(len(scores))
    top = np.argpartition(scores, min(left_out, scores.shape[1] - 1), axis=1)[:, left_out:]
    value = np.take_along_axis(scores, top, axis=1).ravel()
    row, item = np.repeat(np.arange(len(scores)), top.shape[1]), items[top].ravel()
    return rank(len(scores), row[value > 0], item[value > 0], value[value > 0], limit)
