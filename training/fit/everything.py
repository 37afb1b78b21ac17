"""Fits the sources of customers' own lists on what is known on one day; the ranker's windows and the final model both
come from here. Carts have a fit of their own."""

from collections.abc import Callable, Collection

from models.recommender import PERSONAL, Recommender
from models.scenarios import BASELINES
from models.sources.protocol import Source
from training.data import TrainingData
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


def fit_sources(
    data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str] = PERSONAL
) -> Recommender:
    """A recommender that knows `data` and nothing later, with the sources of `names`.

    It has no rankers yet and orders by its baselines.
    """
    habits = habits_of(data, horizon)
    past = Past(data, habits, fit_statistics(data, habits))
    fits: dict[str, Callable[[], Source]] = {
        "repeat": lambda: fit_repeat(past, settings.repeat),
        "customers": lambda: fit_customers(past, settings.customers),
        "neighbours": lambda: fit_neighbours(past, settings.neighbours),
        "factors": lambda: fit_factors(past, settings.factors),
        "categories": lambda: fit_categories(past, settings.categories),
        "popular": lambda: fit_popular(past, settings.popular),
    }
    sources = {name: fits[name]() for name in names}
    return Recommender(habits.history, past.statistics, sources, {}, BASELINES, settings.lists)
