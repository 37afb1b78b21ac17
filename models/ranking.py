"""Ranking with a total order: higher score first, then the lower item index, so that equal input gives equal lists."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCORE_BITS = 32


@dataclass(frozen=True, eq=False)
class Scored:
    """Scored items of several rows: `row` int64 ascending, `item` int32, `score` float32; best first within a row if
    ranked.
    """

    n_rows: int
    row: NDArray[np.int64]
    item: NDArray[np.int32]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.item)

    @property
    def indptr(self) -> NDArray[np.int64]:
        """Where each row begins, shape (n_rows + 1,)."""
        return np.searchsorted(self.row, np.arange(self.n_rows + 1)).astype(np.int64)

    def where(self, mask: NDArray[Any]) -> "Scored":
        return Scored(self.n_rows, self.row[mask], self.item[mask], self.score[mask])

    def with_scores(self, score: NDArray[Any]) -> "Scored":
        """The same places with other scores."""
        return Scored(self.n_rows, self.row, self.item, score.astype(np.float32))

    @classmethod
    def empty(cls, n_rows: int) -> "Scored":
        return cls(n_rows, np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


def positions(row: NDArray[Any]) -> NDArray[np.int64]:
    """0, 1, 2, … within each run of equal rows; `row` is ascending."""
    place = np.arange(len(row))
    starts = np.ones(len(row), np.bool_)
    starts[1:] = row[1:] != row[:-1]
    return place - np.maximum.accumulate(np.where(starts, place, 0))


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The values, ascending, each once. By sorting: the hash table of numpy's unique takes twenty times as long on some
    millions of whole numbers."""
    ascending = np.sort(values)
    first = np.ones(len(ascending), np.bool_)
    first[1:] = ascending[1:] != ascending[:-1]
    return ascending[first]


def rank(n_rows: int, row: NDArray[Any], item: NDArray[Any], score: NDArray[Any], limit: int | None = None) -> Scored:
    """Sort loose (row, item, score) triples, best first within a row, and keep the first `limit` of each row.

    Row, score and item are packed into one 64-bit key, because sorting plain integers is several times faster than
    sorting by several arrays. Raises ValueError where they do not fit: rows × items beyond 2^32.
    """
    if not len(row):
        return Scored.empty(n_rows)
    item_bits = int(item.max()).bit_length()
    if (n_rows - 1).bit_length() + item_bits > 64 - SCORE_BITS:
        raise ValueError(f"{n_rows} rows of items up to {item.max()} do not fit one sort; use smaller blocks")
    key = (row.astype(np.uint64) << np.uint64(SCORE_BITS + item_bits)) | item.astype(np.uint64)
    key |= _descending(score.astype(np.float32)).astype(np.uint64) << np.uint64(item_bits)
    key.sort()
    ranked_row = (key >> np.uint64(SCORE_BITS + item_bits)).astype(np.int64)
    if limit is not None:
        keep = positions(ranked_row) < limit
        key, ranked_row = key[keep], ranked_row[keep]
    ranked_item = (key & np.uint64((1 << item_bits) - 1)).astype(np.int32)
    bits = ((key >> np.uint64(item_bits)) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return Scored(n_rows, ranked_row, ranked_item, _from_descending(bits))


def _descending(score: NDArray[np.float32]) -> NDArray[np.uint32]:
    # IEEE 754 floats order like sign-magnitude integers; adding 0.0 turns -0.0 into 0.0, which must not rank apart.
    bits = (score + np.float32(0)).view(np.uint32)
    ascending = np.where(bits >> 31 != 0, ~bits, bits | np.uint32(1 << 31))
    return ~ascending


def _from_descending(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    ascending = ~bits
    return (
        np.where(ascending >> 31 != 0, ascending & np.uint32(0x7FFFFFFF), ~ascending).astype(np.uint32).view(np.float32)
    )


def keys(row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int64]:
    """One integer a (row, item), in the order of row, then item."""
    return (row.astype(np.int64) << 32) | item.astype(np.int64)


def contains(sorted_keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `wanted` are in `sorted_keys`."""
    if not len(sorted_keys):
        return np.zeros(len(wanted), np.bool_)
    place = np.searchsorted(sorted_keys, wanted)
    place[place == len(sorted_keys)] = 0
    return np.equal(sorted_keys[place], wanted)
