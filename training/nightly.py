"""A training since the last one: sources on all purchases, the published rankers over them, and lists of customers of
whom something changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.lists import StoredLists
from models.recommender import Recommender
from models.scenarios import STORED
from training.carried import Carried
from training.champion import EPOCH
from training.data import TrainingData
from training.fit.carts.fit import Learned, fit_carts
from training.fit.everything import fit_sources
from training.in_thread import InThread
from training.listing import lists_of_all
from training.progress import Steps
from training.ranking import Trained
from training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Model:
    """What is learned on one machine: the model, its rankers and how they were judged, how the completion of carts was,
    everybody's lists, and `facts` for the manifest."""

    recommender: Recommender
    trained: Trained
    carts: Mapping[str, Any]
    lists: Mapping[str, StoredLists]
    facts: Mapping[str, Any] = field(default_factory=dict)


def carry_on(carried: Carried, data: TrainingData, settings: TrainingSettings, steps: Steps, work: Path) -> Model:
    """Fit on all of `data` what the published model's rankers judge; `work` holds lists in the making."""
    horizon = carried.recommender.statistics.horizon
    learned = Learned.of(carried.carts, carried.manifest.metrics["complements"])
    with threadpool_limits(1, "blas"):
        beside = InThread(
            lambda: fit_carts(data, horizon, settings.complements, settings.similar, lambda _: None, learned)
        )
        with steps.step("fitting on all purchases"):
            recommender = fit_sources(data, settings, horizon, start=carried.start())
        with steps.step("what completes carts"):
            carts = beside.result()
    sources = {**recommender.sources, "complements": carts.carts, "similar": carts.similar}
    before = carried.recommender
    recommender = replace(
        recommender, sources=sources, rankers=before.rankers, baselines=before.baselines, spread=carried.spread()
    )
    with steps.step("lists of all customers") as part:
        same = carried.unchanged(recommender.histories)
        changed = np.flatnonzero(~same)
        made = lists_of_all(recommender, settings, part, work, changed)
        lists = {name: in_turn(same, carried.kept_lists(name, np.flatnonzero(same)), made[name]) for name in STORED}
    until = date.fromordinal(carried.learned_until - 1 + EPOCH).isoformat()
    facts = {
        "from": carried.manifest.version,
        "learned_until": until,
        "lists_made": len(changed),
        "lists_kept": len(same) - len(changed),
    }
    steps.say(
        f"rankers learned until {until} go on; lists of {len(changed):,} customers are new, {facts['lists_kept']:,} as "
        "they were"
    )
    trained = Trained(dict(before.rankers), dict(carried.judging), {}, None)
    return Model(recommender, trained, carts.metrics, lists, {"carried": facts})


def in_turn(first: NDArray[np.bool_], lists: StoredLists, others: StoredLists) -> StoredLists:
    """Everybody's lists: those of `first` from `lists`, the rest from `others`, each in the order of the customers."""
    lengths = np.empty(len(first), np.int64)
    lengths[first], lengths[~first] = np.diff(lists.indptr), np.diff(others.indptr)
    of_first = np.repeat(first, lengths)

    def both(name: str) -> NDArray[Any]:
        one, other = getattr(lists, name), getattr(others, name)
        values = np.empty(len(of_first), one.dtype)
        values[of_first], values[~of_first] = one, other
        return values

    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return StoredLists(indptr, both("item"), both("score"), both("source"))
