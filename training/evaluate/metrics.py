"""What a list is worth, row by row: lists against what the same customers then bought.

Every per-row array has one value a row of the lists. A row without truth cannot be judged: its values are NaN, so that
it never counts as a miss by mistake. A row without a list has truth to miss: its values are 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ranking import Scored, contains, keys, positions

METRICS = ("ndcg", "recall", "precision", "hit", "map")
HIT_AT, MRR_AT = 10, 20


@dataclass(frozen=True, eq=False)
class Truth:
    """What each row bought: `keys` (models.ranking.keys of row and item) sorted and distinct, `size` items a row."""

    keys: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(cls, n_rows: int, row: NDArray[Any], item: NDArray[Any]) -> "Truth":
        """From loose pairs; an item bought twice by a row counts once."""
        distinct = np.unique(keys(row, item))
        return cls(distinct, np.bincount(distinct >> 32, minlength=n_rows).astype(np.int64))

    def __len__(self) -> int:
        return len(self.size)

    @property
    def row(self) -> NDArray[np.int64]:
        return self.keys >> 32

    @property
    def item(self) -> NDArray[np.int64]:
        return self.keys & 0xFFFFFFFF

    def where(self, mask: NDArray[np.bool_]) -> "Truth":
        """The pairs of the mask; every row stays, perhaps with nothing."""
        kept = self.keys[mask]
        return Truth(kept, np.bincount(kept >> 32, minlength=len(self)).astype(np.int64))


def hits(lists: Scored, truth: Truth, k: int) -> NDArray[np.bool_]:
    """Whether the item at each place was bought, shape (n_rows, k); places that a short list lacks are False."""
    place = positions(lists.row)
    shown = place < k
    row, item = lists.row[shown], lists.item[shown]
    found = np.zeros((lists.n_rows, k), np.bool_)
    found[row, place[shown]] = contains(truth.keys, keys(row, item))
    return found


def accuracy(lists: Scored, truth: Truth, k: int) -> dict[str, NDArray[np.float64]]:
    """The METRICS of each row at k.

    ndcg: binary gain, discounted by log2(place + 1), divided by that of the best list of min(k, |truth|) items
    (Järvelin
    and Kekäläinen 2002). map: the mean over min(k, |truth|) of the precision at each hit's place. precision divides
    by k, so that a list shorter than k is not favoured.
    """
    found = hits(lists, truth, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    reachable = np.minimum(truth.size, k)
    n_hits = found.sum(axis=1)
    precision_at = np.cumsum(found, axis=1) / np.arange(1, k + 1)
    values = {
        "ndcg": _ratio(found @ discount, ideal[reachable]),
        "recall": _ratio(n_hits, truth.size),
        "precision": np.where(truth.size > 0, n_hits / k, np.nan),
        "hit": np.where(truth.size > 0, n_hits > 0, np.nan),
        "map": _ratio((precision_at * found).sum(axis=1), reachable),
    }
    return {name: values[name] for name in METRICS}


def _ratio(upper: NDArray[Any], lower: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(upper, lower, out=np.full(len(upper), np.nan), where=lower > 0)
    return ratio


def pair_recall(lists: Scored, truth: Truth, k: int) -> float:
    """The share of all bought (row, item) pairs that the first k hold; NaN without any."""
    return float(hits(lists, truth, k).sum() / len(truth.keys)) if len(truth.keys) else float("nan")


def coverage(lists: Scored, k: int, n_items: int) -> float:
    """Distinct items among the first k of all lists, by the number of items that could have been there."""
    return len(np.unique(lists.item[positions(lists.row) < k])) / n_items


def novelty(lists: Scored, k: int, share: NDArray[np.float64]) -> float:
    """Mean −log2 of the items' popularity share (0 < share ≤ 1, one an item) among the first k; NaN without lists.

    The mean self-information of Zhou et al. 2010: 1 for items that half of the customers have, 10 for one in a
    thousand.
    """
    shown = lists.item[positions(lists.row) < k]
    return float(-np.log2(share[shown]).mean()) if len(shown) else float("nan")


def repeat_share(lists: Scored, k: int, owned: NDArray[np.int64]) -> float:
    """The share of the first k that the row bought before (`owned`: sorted keys); the rest is new. NaN without
    lists.
    """
    shown = positions(lists.row) < k
    if not shown.any():
        return float("nan")
    return float(contains(owned, keys(lists.row[shown], lists.item[shown])).mean())


def completion(lists: Scored, hidden: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Basket completion, one `hidden` item a row: hit@10, and mrr@20 (1 / place of the hidden item, 0 beyond 20)."""
    found = hits(lists, Truth.of(lists.n_rows, np.arange(lists.n_rows), hidden), MRR_AT)
    return {
        f"hit@{HIT_AT}": np.asarray(found[:, :HIT_AT].any(axis=1), np.float64),
        f"mrr@{MRR_AT}": found @ (1 / np.arange(1, MRR_AT + 1)),
    }


@dataclass(frozen=True, eq=False)
class HiddenItems:
    """Baskets with one item taken out: `order` (n,), the taken `item` (n,), and what is left as rows of a cart."""

    order: NDArray[np.int32]
    item: NDArray[np.int32]
    cart_row: NDArray[np.int64]
    cart_item: NDArray[np.int32]


def hide_one(
    order: NDArray[Any], item: NDArray[Any], *, rng: np.random.Generator, smallest: int = 3, limit: int | None = None
) -> HiddenItems:
    """Take one item at random from each basket of at least `smallest` distinct items, from `limit` baskets at most."""
    distinct = np.unique(keys(order, item))
    order, item = (distinct >> 32).astype(np.int32), (distinct & 0xFFFFFFFF).astype(np.int32)
    orders, starts, sizes = np.unique(order, return_index=True, return_counts=True)
    chosen = np.flatnonzero(sizes >= smallest)
    if limit is not None and len(chosen) > limit:
        chosen = np.sort(rng.choice(chosen, limit, replace=False))
    taken = starts[chosen] + (rng.random(len(chosen)) * sizes[chosen]).astype(np.int64)
    row_of_order = np.full(len(orders), -1)
    row_of_order[chosen] = np.arange(len(chosen))
    row = np.repeat(row_of_order, sizes)
    row[taken] = -1
    left = row >= 0
    return HiddenItems(orders[chosen], item[taken], row[left], item[left])
