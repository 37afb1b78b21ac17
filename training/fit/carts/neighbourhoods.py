"""Whom a cart is compared with: the latest orders, and a sample of customers; every list capped, so that a query's cost
does not grow with the shop."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.sparse import Rows, row_numbers, rows_of, unit_rows, with_values
from models.tops import top_of_rows
from training.fit.carts.matrices import table_of
from training.fit.carts.orders import Orders

# Orders and customers listed an item; items kept of a customer.
LISTED = 500
PROFILE = 200
# Half-life of a customer's purchases, as a share of the time that the data covers.
PROFILE_HALF_LIFE = 0.18
BLOCK = 8_192


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """`postings` items × holders, `content` holders × items, `rarity` float32 of n_items."""

    postings: "Rows[Any]"
    content: "Rows[Any]"
    rarity: NDArray[np.float32]


def fit_order_neighbours(orders: Orders, fresh: NDArray[np.float32], compared: int) -> Neighbourhood:
    """The latest `compared` orders; an item's list keeps the latest of those that hold it."""
    rarity = _rarity(len(orders), orders.counts)
    first = max(0, len(orders) - compared)
    held = sp.csr_array(orders.held[first:])
    by_item = sp.csr_array(unit_rows(with_values(held, rarity[held.indices])).T)
    by_item.sort_indices()
    lengths = np.diff(by_item.indptr)
    from_end = np.repeat(by_item.indptr[1:], lengths) - np.arange(by_item.nnz)
    late = from_end <= LISTED
    used, order = np.unique(by_item.indices[late], return_inverse=True)
    postings = rows_of(orders.n_items, len(used), row_numbers(by_item)[late], order, by_item.data[late])
    kept = sp.csr_array(held[used])
    return Neighbourhood(postings, with_values(kept, fresh[first:][used][row_numbers(kept)]), rarity)


def fit_customer_neighbours(orders: Orders, sample: int, rng: np.random.Generator) -> Neighbourhood:
    """Known customers, a random `sample` where there are more; an item's list keeps those whose taste it marks most."""
    order = row_numbers(orders.held)
    order_of_known = orders.customer[order] >= 0
    order, item = order[order_of_known], orders.held.indices[order_of_known]
    everyone, customer = np.unique(orders.customer[order], return_inverse=True)
    fresh = orders.freshness(PROFILE_HALF_LIFE * orders.span)[order]
    times, recent = (
        table_of((len(everyone), orders.n_items), customer, item, value) for value in (np.ones(len(order)), fresh)
    )
    rarity = _rarity(len(everyone), np.bincount(times.indices, minlength=orders.n_items))
    if len(everyone) > sample:
        some = np.sort(rng.choice(len(everyone), sample, replace=False))
        times, recent = sp.csr_array(times[some]), sp.csr_array(recent[some])
    taste = unit_rows(with_values(times, np.log1p(times.data) * rarity[times.indices]))
    return Neighbourhood(_top(sp.csr_array(taste.T), LISTED), _top(recent, PROFILE), rarity)


def _rarity(holders: int, counts: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.log(1 + holders / np.maximum(counts, 1)), np.float32)


def _top(matrix: "Rows[Any]", limit: int) -> "Rows[Any]":
    """In blocks of rows, for the memory."""
    blocks = [top_of_rows(matrix[start : start + BLOCK], limit) for start in range(0, matrix.shape[0], BLOCK)]
    return sp.csr_array(sp.vstack(blocks, format="csr")) if blocks else matrix
