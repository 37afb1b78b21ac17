"""Parts of blocks, and lists put together."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.lists import Ranked
from models.ranking import Scored
from models.sources.protocol import Queries


def rows_of(queries: Queries, rows: NDArray[Any]) -> Queries:
    """Some of the queries, as a block of their own; `rows` ascending."""
    place = np.full(len(queries), -1)
    place[rows] = np.arange(len(rows))
    kept = place[queries.cart_row] >= 0
    return replace(
        queries,
        customer=queries.customer[rows],
        history=queries.history.rows(rows),
        cart_row=place[queries.cart_row[kept]],
        cart_item=queries.cart_item[kept],
        live=None if queries.live is None else queries.live[rows],
    )


def merge(first: Ranked, second: Ranked) -> Ranked:
    """Both lists' items row by row, those of `first` before those of `second`."""
    row = np.concatenate([first.scored.row, second.scored.row])
    by_row = np.argsort(row, kind="stable")
    item = np.concatenate([first.scored.item, second.scored.item])[by_row]
    score = np.concatenate([first.scored.score, second.scored.score])[by_row]
    source = np.concatenate([first.source, second.source])[by_row]
    return Ranked(Scored(first.scored.n_rows, row[by_row], item, score), source)
