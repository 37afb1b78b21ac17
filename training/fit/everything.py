"""Fits all sources on what is known on one day; the ranker's windows and the final model both come from here."""

from models.recommender import Recommender
from models.scenarios import BASELINES
from training.data import TrainingData
from training.fit.complements import fit_complements
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


def fit_sources(data: TrainingData, settings: TrainingSettings, horizon: int) -> Recommender:
    """A recommender that knows `data` and nothing later; it has no rankers yet and orders by its baselines."""
    habits = habits_of(data, horizon)
    past = Past(data, habits, fit_statistics(data, habits))
    sources = (
        fit_repeat(past, settings.repeat),
        fit_customers(past, settings.customers),
        fit_neighbours(past, settings.neighbours),
        fit_factors(past, settings.factors),
        fit_categories(past, settings.categories),
        fit_complements(data, settings.complements),
        fit_popular(past, settings.popular),
    )
    named = {source.name: source for source in sources}
    return Recommender(habits.history, past.statistics, named, {}, BASELINES, settings.lists)
