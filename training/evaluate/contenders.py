"""Whose lists are compared: recommenders, and each signal of their sources alone; asked block by block."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ranking import Scored, contains, keys, rank
from models.recommender import Recommender
from models.scenarios import RANKED_BY
from models.sources.protocol import Queries, Source
from models.sparse import row_numbers
from training.baselines.ranking import stacked
from training.data import TrainingData
from training.evaluate.metrics import HiddenItems

BLOCK = 256


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A recommender under the name that the results give it; `fit` learns from exactly the data that it is given."""

    name: str
    fit: Callable[[TrainingData], Recommender]


def customer_blocks(recommender: Recommender, customers: NDArray[Any]) -> Iterator[Queries]:
    """Questions for the customers' own lists."""
    for start in range(0, len(customers), BLOCK):
        yield recommender.queries(customers[start : start + BLOCK])


def basket_blocks(recommender: Recommender, hidden: HiddenItems, customers: NDArray[Any]) -> Iterator[Queries]:
    """Questions for what completes each basket; basket r belongs to customers[r] (−1: nobody known)."""
    for start in range(0, len(hidden.item), BLOCK):
        owners = customers[start : start + BLOCK]
        low, high = np.searchsorted(hidden.cart_row, [start, start + len(owners)])
        yield recommender.queries(owners, hidden.cart_row[low:high] - start, hidden.cart_item[low:high])


def ranked_lists(
    recommender: Recommender, blocks: Iterator[Queries], scenarios: Sequence[str], limit: int
) -> dict[str, Scored]:
    """The recommender's lists by scenario."""
    parts: dict[str, list[Scored]] = {scenario: [] for scenario in scenarios}
    for queries in blocks:
        for scenario, ranked in recommender.rank_several(queries, scenarios, limit).items():
            parts[scenario].append(ranked.scored)
    return {scenario: stacked(blocks) for scenario, blocks in parts.items()}


def signal_lists(
    sources: Mapping[str, Source], blocks: Iterator[Queries], scenarios: Sequence[str], limit: int
) -> dict[str, dict[str, Scored]]:
    """What each signal that proposes candidates would list alone: 'source' or 'source: signal' → scenario → lists."""
    parts: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    for queries in blocks:
        for name, source in sources.items():
            said = source.score(queries)
            for signal in source.proposing:
                alone = signal == name or len(source.proposing) == 1
                shown = name if alone else f"{name}: {signal.removeprefix(name + '_')}"
                rows = said.rows[signal]
                row, item = row_numbers(rows).astype(np.int64), rows.indices
                for scenario in scenarios:
                    allowed = _allowed(queries, scenario, row, item)
                    ranked = rank(len(queries), row[allowed], item[allowed], rows.data[allowed], limit)
                    parts[shown][scenario].append(ranked)
    return {name: {scenario: stacked(found) for scenario, found in by.items()} for name, by in parts.items()}


def _allowed(queries: Queries, scenario: str, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.bool_]:
    """Which (row, item) the scenario may list: for a basket none of its own, else by what the row bought before."""
    if scenario == "home":
        return np.ones(len(row), np.bool_)
    if scenario == "complements":
        return ~contains(np.sort(keys(queries.cart_row, queries.cart_item)), keys(row, item))
    owned = contains(keys(queries.pairs.row, queries.pairs.item), keys(row, item))
    return owned if scenario == "again" else ~owned


def has_probabilities(recommender: Recommender, scenario: str) -> bool:
    """Whether the scores of the scenario's lists are calibrated probabilities of a purchase."""
    return RANKED_BY.get(scenario) in recommender.rankers


def importance_of(recommender: Recommender) -> dict[str, float]:
    """Feature → share of the gain in the ranker of `home`; empty without a ranker."""
    ranker = recommender.rankers.get(RANKED_BY["home"])
    return ranker.importance() if ranker is not None else {}
