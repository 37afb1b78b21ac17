"""What a training since the last one carries on from the published model: rankers, factors to start from, and the lists
of customers of whom nothing changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Manifest
from models.carts.carts import Carts
from models.catalogue import under
from models.errors import RecsvcError
from models.interactions import Interactions
from models.lists import StoredLists
from models.ranker import Ranker
from models.ranking import Scored, distinct, keys, positions
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import STORED
from models.sources.factors import Factors
from models.spread import Spread
from models.strings import IdIndex
from training.champion import EPOCH, RECIPE, rankers_of
from training.data import TrainingData
from training.evaluate.metrics import Truth, accuracy
from training.gate import DECIDING, POPULAR, Level, Verdict, collapsed, lost
from training.gate_settings import GateSettings
from training.judging import Judgement, K
from training.settings import TrainingSettings

# Sections of settings with which everything is as the published model has it.
SECTIONS = (*dict.fromkeys(RECIPE), "complements", "similar", "ranker")
NO_MATTER = ("keep_days", "threads")
# Customers whose purchases since the published training judge its lists.
JUDGES = 20_000
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Carried:
    """The published bundle beside today's `data`: `customer` and `item` give its own index of each of today's, −1 for
    one that it does not know; `learned_until` is the day after the last one that its rankers learned from."""

    data: TrainingData
    manifest: Manifest
    recommender: Recommender
    lists: Mapping[str, StoredLists]
    judging: Mapping[str, Ranker]
    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    learned_until: int

    @classmethod
    def of(
        cls,
        registry: Registry,
        data: TrainingData,
        settings: TrainingSettings,
        horizon: int,
        say: Callable[[str], None],
    ) -> "Carried | None":
        """The published model, where it can be carried on; else None, and `say` hears why."""
        if registry.current() is None:
            return None
        try:
            bundle = registry.open()
            reason = _outdated(bundle.manifest, data, settings, horizon)
            if reason is None:
                return cls._open(bundle, data)
        except (RecsvcError, KeyError, TypeError, ValueError) as error:
            reason = f"the published model cannot be carried on: {error}"
        say(f"everything is learned anew: {reason}")
        return None

    @classmethod
    def _open(cls, bundle: Bundle, data: TrainingData) -> "Carried":
        arrays, manifest = bundle.arrays, bundle.manifest
        customers = IdIndex.from_arrays(under(arrays, "customers"))
        items = IdIndex.from_arrays(under(under(arrays, "catalogue"), "items"))
        return cls(
            data,
            manifest,
            Recommender.from_bundle(bundle),
            {name: StoredLists.from_arrays(under(arrays, f"lists.{name}")) for name in STORED},
            rankers_of(bundle, "judging"),
            same_ids(customers, data.customers),
            same_ids(items, data.catalogue.items),
            learned_until(manifest),
        )

    def start(self) -> Factors:
        """Its factors with today's customers and items; those that it does not know have none yet."""
        factors = self.recommender.sources["factors"]
        assert isinstance(factors, Factors)
        users, items = (
            _taken(array, index) for array, index in ((factors.users, self.customer), (factors.items, self.item))
        )
        return replace(factors, users=users, items=items)

    def spread(self) -> Spread:
        """What its lists bring forward, by today's customers and items."""
        before = self.recommender.spread
        if before.is_empty:
            return Spread.nothing()
        item = np.where(self.customer >= 0, before.item[np.maximum(self.customer, 0)], -1)
        return Spread(np.where(item >= 0, self.own_item[np.maximum(item, 0)], -1).astype(np.int32))

    def unchanged(self, histories: Interactions) -> NDArray[np.bool_]:
        """Which of today's customers bought exactly what the published model knows of them."""
        mine = _prints(self.recommender.histories, np.arange(len(self.own_item)), len(self.own_item))
        known = self.customer >= 0
        same = np.zeros(len(histories), np.bool_)
        now = _prints(histories, self.item, len(self.own_item))
        same[known] = now[known] == mine[self.customer[known]]
        return same

    @property
    def own_item(self) -> NDArray[np.int64]:
        """Today's index of each of its items, −1 for one that is gone."""
        return _inverse(self.item, self.recommender.statistics.n_items)

    def kept_lists(self, scenario: str, customers: NDArray[np.int64]) -> StoredLists:
        """Its lists of today's `customers`, without items that are gone."""
        found = self.lists[scenario].rows(self.customer[customers], np.arange(len(customers)), len(customers))
        item = self.own_item[found.scored.item]
        there = item >= 0
        lengths = np.bincount(found.scored.row[there], minlength=len(customers))
        return StoredLists(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            item[there].astype(np.int32),
            found.scored.score[there],
            found.source[there],
        )

    @property
    def carts(self) -> Carts:
        """Its source of what completes carts."""
        carts = self.recommender.sources["complements"]
        assert isinstance(carts, Carts)
        return carts

    def judged(self) -> Judgement | None:
        """Its home lists by what customers bought since; None where nobody that it knows bought anything."""
        lines, start = self.data.lines, self.recommender.statistics.today
        known = np.append(self.customer >= 0, False)
        since = (lines.day >= start) & known[lines.customer]
        bought = distinct(keys(lines.customer[since], lines.item[since]))
        judges = distinct(bought >> 32)
        if len(judges) > JUDGES:
            judges = np.sort(np.random.default_rng(start).choice(judges, JUDGES, replace=False))
            bought = bought[np.isin(bought >> 32, judges)]
        if not len(judges):
            return None
        truth = Truth.of(len(judges), np.searchsorted(judges, bought >> 32), bought & 0xFFFFFFFF)
        lists = self.kept_lists(DECIDING, judges)
        row = np.repeat(np.arange(len(judges)), np.diff(lists.indptr))
        mine = Scored(len(judges), row, lists.item, lists.score)
        sales = _taken(self.recommender.statistics.sales_per_10_000[1], self.item)
        best = np.argsort(-sales, kind="stable")[:K].astype(np.int32)
        row = np.repeat(np.arange(len(judges)), len(best))
        popular = Scored(len(judges), row, np.tile(best, len(judges)), np.tile(sales[best], len(judges)))
        first = positions(mine.row) < K
        gains = {
            "lists": accuracy(mine.where(first), truth, K)["ndcg"],
            POPULAR: accuracy(popular, truth, K)["ndcg"],
        }
        means = {name: float(np.nanmean(gain)) for name, gain in gains.items()}
        line = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        return Judgement(means, "lists", None, len(judges), line, (), gains)

    def verdict(self, counts: Mapping[str, int], settings: GateSettings) -> Verdict:
        """Whether the data still are what the published model foresees; its figures go on, beside these."""
        before = self.manifest.metrics.get("gate", {})
        facts: dict[str, Any] = {name: before[name] for name in ("home", "discover") if name in before}
        facts |= {"champion": self.manifest.version, "compared": "its own lists with what customers bought since"}
        reasons = lost(counts, self.manifest, settings)
        judgement = self.judged()
        if judgement is not None:
            facts["since"] = {"ndcg@10": judgement.ndcg, "customers": judgement.customers}
            reasons += collapsed(Level.of(judgement), self.manifest, settings)
        return Verdict(reasons=tuple(reasons), facts=facts)


def learned_until(manifest: Manifest) -> int:
    """The day after the last one that the rankers of a bundle learned from."""
    carried = manifest.metrics.get("carried") or {}
    return date.fromisoformat(carried.get("learned_until", manifest.window[1])).toordinal() - EPOCH + 1


def same_ids(before: IdIndex, now: IdIndex) -> NDArray[np.int64]:
    """The index before of each id of now, −1 for one that is new: two merged lists of hashes, no loop."""
    index = np.full(len(now), -1)
    if len(before):
        place = np.minimum(np.searchsorted(before.hashes, now.hashes), len(before) - 1)
        known = before.hashes[place] == now.hashes
        index[now.order[known]] = before.order[place[known]]
    return index


def _outdated(manifest: Manifest, data: TrainingData, settings: TrainingSettings, horizon: int) -> str | None:
    tables = settings.tables()
    for name in SECTIONS:
        mine, today = manifest.settings.get(name, {}), tables[name]
        changed = [key for key in today if key not in NO_MATTER and mine.get(key) != today[key]]
        if changed:
            return f"[{name}] {', '.join(changed)} of the settings changed"
    if manifest.settings.get("horizon_days") != horizon:
        return f"lists look {horizon} days ahead, those of the published model {manifest.settings.get('horizon_days')}"
    age = data.last_day + 1 - learned_until(manifest)
    if age < 0:
        return "the published model knows later purchases"
    if age >= settings.ranker.keep_days:
        return f"its rankers learned {age} days ago ([ranker] keep_days is {settings.ranker.keep_days})"
    return None


def _taken(array: NDArray[np.float32], index: NDArray[np.int64]) -> NDArray[np.float32]:
    """The rows of the index, zeros for −1."""
    taken: NDArray[np.float32] = np.array(array[np.maximum(index, 0)])
    taken[index < 0] = 0
    return taken


def _inverse(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    inverse = np.full(n, -1)
    known = np.flatnonzero(index >= 0)
    inverse[index[known]] = known
    return inverse


def _prints(histories: Interactions, item: NDArray[np.int64], unknown: int) -> NDArray[np.uint64]:
    """A number a row that any other item, day or quantity makes another; items by the index `item` gives them."""
    number = np.where(item < 0, unknown, item).astype(np.uint64)[histories.item]
    entry = (number << np.uint64(32)) | histories.day.astype(np.uint64)
    entry = _mixed(_mixed(entry) ^ histories.quantity.view(np.uint32).astype(np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entry, dtype=np.uint64)])
    total: NDArray[np.uint64] = sums[histories.indptr[1:]] - sums[histories.indptr[:-1]]
    return total + np.diff(histories.indptr).astype(np.uint64)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(31))) * MIX
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(29))
    return mixed
