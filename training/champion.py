"""The published model, as a training sees it: what stands beside the challenger on the same window."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Manifest
from models.catalogue import under
from models.errors import RecsvcError, SettingsError, UnreachableError
from models.lists import StoredLists
from models.ranker import Ranker
from models.ranking import Scored
from models.recommender import PERSONAL, Recommender
from models.registry import Registry
from models.scenarios import BASELINES
from models.settings import read_section
from models.strings import IdIndex
from training.data import TrainingData
from training.evaluate.metrics import accuracy
from training.fit.everything import Fit, fit_sources
from training.judging import Also, Judgement, Judges, K, Served, judged, truth_of
from training.settings import TrainingSettings

EPOCH = date(1970, 1, 1).toordinal()
# The sections of settings that make customers' lists.
RECIPE = ("lists", *PERSONAL)


@dataclass(frozen=True, eq=False)
class Beside:
    """What the champion reached on the challenger's window: ndcg@10 of each judge by scenario (empty: it could not be
    compared), `how` that was found, and whether the champion had seen purchases of the window."""

    gains: Mapping[str, NDArray[np.float64]]
    how: str
    saw_the_window: bool


@dataclass(frozen=True, eq=False)
class Champion:
    """The published bundle: its rankers, those that judged it (they know older weeks only), its lists and its ids."""

    manifest: Manifest
    rankers: Mapping[str, Ranker]
    judging: Mapping[str, Ranker]
    lists: Mapping[str, StoredLists]
    customers: IdIndex
    items: IdIndex

    @classmethod
    def of(cls, bundle: Bundle) -> "Champion":
        """Raises BundleError or KeyError when the bundle lacks a part."""
        arrays = bundle.arrays
        return cls(
            bundle.manifest,
            rankers_of(bundle, "ranker"),
            rankers_of(bundle, "judging"),
            {name: StoredLists.from_arrays(under(arrays, f"lists.{name}")) for name in BASELINES},
            IdIndex.from_arrays(under(arrays, "customers")),
            IdIndex.from_arrays(under(under(arrays, "catalogue"), "items")),
        )

    @classmethod
    def published(cls, registry: Registry, tell: Callable[[str], None]) -> "Champion | None":
        """The published one; None where nothing is published, or what is cannot be read: then anything is better.

        Raises UnreachableError: a registry that does not answer is no reason to go without the gate.
        """
        try:
            return None if registry.current() is None else cls.of(registry.open())
        except UnreachableError:
            raise
        except (RecsvcError, KeyError, ValueError) as error:
            tell(f"the published model cannot be read, so the new one is not compared with it: {error}")
            return None

    @property
    def end(self) -> int:
        """The day after its last purchase."""
        return date.fromisoformat(self.manifest.window[1]).toordinal() - EPOCH + 1

    def beside(
        self,
        data: TrainingData,
        settings: TrainingSettings,
        recommender: Recommender,
        judges: Judges,
        rankers: Mapping[str, Ranker],
        also: Also | None = None,
        fit: Fit = fit_sources,
    ) -> tuple[dict[str, Judgement], Beside]:
        """Judge the challenger (`rankers` over `recommender`, both as of the window's start) and the champion's recipe
        on the same customers; `also` makes further use of the challenger's blocks.

        The champion's sources knew other purchases, so its recipe is compared: its settings, fitted on what lay before
        the window, and its rankers over them: those that it serves with where they had not seen the window, else those
        that judged it. Where they need features that are gone, the lists that it stored stand for it, if its purchases
        ended before the window.
        """
        start = judges.window.start
        saw = self.end > start
        own, horizon = self.recipe(settings, recommender.statistics.horizon)
        served = Served(self.rankers_before(start), {**BASELINES, **self.manifest.settings.get("baselines", {})})
        if own == settings and horizon == recommender.statistics.horizon:
            judgements = judged(recommender, judges, rankers, served, also)
            gains = {name: found.gains["champion"] for name, found in judgements.items() if "champion" in found.gains}
            how = "its rankers over the same sources"
        else:
            judgements = judged(recommender, judges, rankers, None, also)
            fitted = fit(data.before(start), own, horizon, PERSONAL)
            again = judged(fitted, judges, {}, served)
            gains = {name: found.gains["champion"] for name, found in again.items() if "champion" in found.gains}
            how = "its rankers over sources with its settings"
        if gains.keys() < judgements.keys():
            if saw:
                return judgements, Beside({}, "nothing: its features are gone, and it knew the window", saw)
            gains = {name: self._stored_gains(name, data, recommender, judges) for name in judgements}
            how = "the lists that it stored"
        return judgements, Beside(gains, how, saw)

    def rankers_before(self, start: int) -> dict[str, Ranker]:
        """Those that it serves with if its purchases ended before the day `start`, else those of older weeks that
        judged it; of a bundle that lacks these, the former all the same.
        """
        older = self.judging if self.end > start else {}
        return {name: older.get(name, ranker) for name, ranker in self.rankers.items()}

    def recipe(self, settings: TrainingSettings, horizon: int) -> tuple[TrainingSettings, int]:
        """`settings` with the champion's own for all that makes lists, and how far it looks ahead; what this version of
        recsvc no longer knows is as today."""
        tables = self.manifest.settings
        own: dict[str, Any] = {}
        for name in RECIPE:
            with suppress(KeyError, SettingsError):
                own[name] = read_section(type(getattr(settings, name)), tables[name], name)
        return replace(settings, **own), int(tables.get("horizon_days", horizon))

    def _stored_gains(
        self, name: str, data: TrainingData, recommender: Recommender, judges: Judges
    ) -> NDArray[np.float64]:
        """ndcg@10 of its stored lists; who was no customer then has an empty list."""
        known = self.customers.find_all(data.customers[int(customer)] for customer in judges.customers)
        row = np.flatnonzero(known >= 0)
        scored = self.lists[name].rows(known[row], row, len(known)).scored
        item_now = data.catalogue.items.find_all(self.items[index] for index in range(len(self.items)))
        item = item_now[scored.item]
        still = item >= 0
        lists = Scored(len(known), scored.row[still], item[still].astype(np.int32), scored.score[still])
        return accuracy(lists, truth_of(judges, recommender, name), K)["ndcg"]


def rankers_of(bundle: Bundle, kind: str) -> dict[str, Ranker]:
    """The bundle's rankers of one kind: 'ranker', those that serve, or 'judging', those that were judged."""
    # Calibration does not change an order, and orders are all that is compared.
    whole = {"scores": np.array([0.0, 1.0]), "probabilities": np.array([0.0, 1.0])}
    names = {name: f"{kind}.{name}.txt" for name in BASELINES}
    return {
        name: Ranker.from_arrays(whole, bundle.document(document))
        for name, document in names.items()
        if document in bundle.manifest.documents
    }
