"""Blocks are worked on in parts, whose dense tables of places then stay small."""

from collections.abc import Sequence

import numpy as np

from models.lists import Ranked
from models.ranking import Scored
from models.sources.protocol import Queries

# Entries of one part's table of places: rows × items.
PLACES = 8_000_000


def rows_at_once(n_items: int) -> int:
    """Rows of a part."""
    return int(np.clip(PLACES // max(n_items, 1), 1, 256))


def part_of(queries: Queries, start: int, end: int) -> Queries:
    """Rows `start` to `end` as a block of their own."""
    if start == 0 and end >= len(queries):
        return queries
    inside = slice(*np.searchsorted(queries.cart_row, [start, end]))
    history = queries.history.rows(np.arange(start, min(end, len(queries))))
    cart = queries.cart_row[inside] - start, queries.cart_item[inside]
    return Queries(queries.customer[start:end], history, *cart, queries.today, queries.horizon, queries.n_items)


def joined(parts: Sequence[Ranked], n_rows: int, starts: Sequence[int]) -> Ranked:
    """The parts' lists as those of one block."""
    if not parts:
        return Ranked(Scored.empty(n_rows), np.zeros(0, np.uint8))
    row = np.concatenate([part.scored.row + start for part, start in zip(parts, starts, strict=True)])
    item = np.concatenate([part.scored.item for part in parts])
    score = np.concatenate([part.scored.score for part in parts])
    return Ranked(Scored(n_rows, row, item, score), np.concatenate([part.source for part in parts]))
