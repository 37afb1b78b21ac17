"""Everything about carts from one training: tables, ranker, alternatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.carts.carts import Carts, ComplementSettings
from models.carts.similar import Similar, SimilarSettings
from models.ranker import Ranker
from training.data import TrainingData
from training.fit.carts.alike import Shelf, fit_alike
from training.fit.carts.content import Content
from training.fit.carts.ease import USUAL, choose_regularisation
from training.fit.carts.examples import carts_of
from training.fit.carts.orders import Orders
from training.fit.carts.ranker import UNJUDGED, Judged, train_ranker
from training.fit.carts.similar import fit_similar
from training.fit.carts.tables import fit_tables

# Of the latest orders so many teach the ranker, within these shares of all.
TEACHING, LEAST_SHARE, GREATEST_SHARE = 8_000, 0.08, 0.2


@dataclass(frozen=True, eq=False)
class FittedCarts:
    """What serving needs, and the figures for the manifest."""

    carts: Carts
    similar: Similar
    metrics: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Learned:
    """What earlier orders taught: the ranker, if it is better than the `single` signal, whether substitutes are
    suppressed, and the figures, with the regularisation of EASE."""

    ranker: Ranker | None
    single: str
    suppress: bool
    metrics: Mapping[str, Any]

    @classmethod
    def of(cls, carts: Carts, metrics: Mapping[str, Any]) -> "Learned":
        """As some bundle has it."""
        return cls(carts.ranker, carts.single, carts.suppress, metrics)


def fit_carts(
    data: TrainingData,
    horizon: int,
    settings: ComplementSettings,
    similar_settings: SimilarSettings,
    show: Callable[[float], None],
    learned: Learned | None = None,
) -> FittedCarts:
    """The ranker learns on tables of all but the latest orders, unless it has `learned` already; the tables that serve
    know all orders."""
    learned = learned or _learn(data, horizon, settings)
    regularisation = float(learned.metrics["regularisation"])
    show(0.5)
    orders = Orders.of(data, settings)
    shelf = Shelf.of(data, orders)
    alike = fit_alike(Content.of(data.catalogue), shelf)
    show(0.7)
    tables, beyond = fit_tables(data, orders, settings, regularisation, alike.stand_ins(), alike.considered)
    show(0.9)
    similar = fit_similar(alike, shelf, tables.links, orders.counts, beyond, similar_settings)
    carts = Carts(tables, learned.ranker, learned.single, settings.per_category, learned.suppress)
    return FittedCarts(carts, similar, dict(learned.metrics))


def _learn(data: TrainingData, horizon: int, settings: ComplementSettings) -> Learned:
    judged, regularisation = _judged(data, horizon, settings)
    metrics = {**judged.as_dict(), "regularisation": regularisation}
    return Learned(judged.ranker, judged.single, judged.suppress, metrics)


def _judged(data: TrainingData, horizon: int, settings: ComplementSettings) -> tuple[Judged, float]:
    """The ranker and how it was judged, and the regularisation of EASE."""
    rng = np.random.default_rng(settings.seed)
    every = Orders.of(data, settings)
    day = _start_of_latest(every)
    past, latest = data.before(day), replace(data, lines=data.lines.where(data.lines.day >= day))
    if not len(past.lines) or not len(latest.lines):
        return UNJUDGED, settings.regularisation or USUAL
    orders, later = Orders.of(past, settings), Orders.of(latest, settings)
    regularisation = settings.regularisation or choose_regularisation(orders, later.held, rng)
    examples = carts_of(later, orders.counts > 0, settings.carts, rng)
    if not len(examples):
        return UNJUDGED, regularisation
    tables, _ = fit_tables(past, orders, settings, regularisation)
    # Substitutes are judged, not left out, while learning.
    carts = Carts(tables, None, UNJUDGED.single, settings.per_category, False)
    return train_ranker(carts, examples, past.interactions(), day, horizon, settings, rng), regularisation


def _start_of_latest(orders: Orders) -> int:
    """The day from which on orders teach the ranker."""
    if not len(orders):
        return orders.today
    share = float(np.clip(TEACHING / len(orders), LEAST_SHARE, GREATEST_SHARE))
    return int(orders.day[int(len(orders) * (1 - share))])
