"""Fits the sources of customers' own lists on what is known on one day; the ranker's windows and the final model both
come from here. Carts have a fit of their own."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from models.recommender import PERSONAL, Recommender
from models.scenarios import BASELINES
from models.sources.factors import Factors
from models.sources.protocol import Source
from training.data import TrainingData
from training.fit.ease import fit_ease
from training.fit.factors import fit_factors
from training.fit.sources import (
    Past,
    fit_categories,
    fit_customers,
    fit_neighbours,
    fit_popular,
    fit_repeat,
)
from training.fit.statistics import fit_statistics, habits_of
from training.settings import TrainingSettings

# Sources as of one day: `fit_sources`, or one that remembers what it fitted, or that fits elsewhere.
Fit = Callable[[TrainingData, TrainingSettings, int, Collection[str]], Recommender]
# How each source is fitted, from the past and the section of settings that has its name.
FITS: Mapping[str, Callable[[Past, Any], Source]] = {
    "repeat": fit_repeat,
    "customers": fit_customers,
    "neighbours": fit_neighbours,
    "ease": fit_ease,
    "factors": fit_factors,
    "categories": fit_categories,
    "popular": fit_popular,
}


def past_of(data: TrainingData, horizon: int) -> Past:
    """What every source starts from."""
    habits = habits_of(data, horizon)
    return Past(data, habits, fit_statistics(data, habits))


def fit_sources(
    data: TrainingData,
    settings: TrainingSettings,
    horizon: int,
    names: Collection[str] = PERSONAL,
    start: Factors | None = None,
) -> Recommender:
    """A recommender that knows `data` and nothing later, with the sources of `names`; factors of a large shop go on
    from `start`, those of an earlier day.

    It has no rankers yet and orders by its baselines.
    """
    past = past_of(data, horizon)
    fits: dict[str, Callable[[Past, Any], Source]] = {**FITS, "factors": partial(fit_factors, start=start)}
    sources = {name: fits[name](past, getattr(settings, name)) for name in names}
    return Recommender(past.habits.history, past.statistics, sources, {}, BASELINES, settings.lists)


class Onward:
    """Fits sources like `fit_sources` as of one day after another, earlier ones first: factors go on from those of the
    day before, and so know nothing later either."""

    def __init__(self) -> None:
        self._factors: Factors | None = None

    def fit(
        self, data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str] = PERSONAL
    ) -> Recommender:
        """As `fit_sources`; `data` is always the same shop."""
        recommender = fit_sources(data, settings, horizon, names, self._factors)
        factors = recommender.sources.get("factors")
        if isinstance(factors, Factors):
            self._factors = factors
        return recommender
