"""How `home` and `discover` fare on shops that nothing was set for, beside each simple method tuned on earlier weeks.

Two shops are cut from The Complete Journey: *thin*, four months with about four orders a household, and *non-food*, the
whole year without groceries and without categories. The last 28 days are foreseen from what lies before them.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import DAYS, K, all_purchases
from models.ranking import Scored
from models.recommender import PERSONAL, Recommender
from models.scenarios import BASELINES
from training.baselines.methods import FURTHER, STANDARD, choose_variants
from training.data import TrainingData
from training.evaluate.metrics import accuracy
from training.evaluate.truth import judge
from training.evaluate.windows import Window
from training.fit.everything import fit_sources
from training.ranking import train_rankers
from training.settings import TrainingSettings
from training.windows import horizon_of

SCENARIOS = ("home", "discover")
THIN_DAYS, BLOCK = 120, 64
NON_FOOD = (
    "DRUG GM", "COSMETICS", "NUTRITION", "FLORAL", "GARDEN CENTER", "TOYS", "MISCELLANEOUS", "HOUSEWARES", "AUTOMOTIVE",
    "PHOTO & VIDEO",
)  # fmt: skip


def main() -> None:
    """Print one line a method and a shop: ndcg@10 of each list it has."""
    with tempfile.TemporaryDirectory() as folder:
        data = all_purchases(Path(folder))
    for shop, some in (("thin", thin(data)), ("non-food", non_food(data))):
        for method, figures in measured(some):
            shown = "  ".join(f"{scenario} {value:.4f}" for scenario, value in figures.items())
            print(f"{shop:<10}{method:<16}{shown}", flush=True)


def thin(data: TrainingData) -> TrainingData:
    """The last months, of which each household keeps a few orders drawn at random."""
    lines, rng = data.lines, np.random.default_rng(5)
    customer_of, day_of = (np.full(int(lines.order.max()) + 1, -1) for _ in range(2))
    customer_of[lines.order], day_of[lines.order] = lines.customer, lines.day
    inside = day_of > data.last_day - THIN_DAYS - DAYS
    orders = np.bincount(customer_of[inside & (customer_of >= 0)], minlength=len(data.customers))
    share = np.minimum(1, (rng.gamma(1.2, 4.0, len(data.customers)) + 1) / np.maximum(orders, 1))
    return kept(data, (inside & (rng.random(len(inside)) < share[customer_of]))[lines.order])


def non_food(data: TrainingData) -> TrainingData:
    """Without groceries, and with a catalogue that has no categories."""
    catalogue = data.catalogue
    paths = [catalogue.categories[place] for place in range(len(catalogue.categories))]
    chosen = np.array([*(path.split(" > ")[0] in NON_FOOD for path in paths), False])
    bare = replace(catalogue, category=np.full(len(catalogue), -1, np.int32))
    return replace(kept(data, chosen[catalogue.category[data.lines.item]]), catalogue=bare)


def kept(data: TrainingData, mask: NDArray[np.bool_]) -> TrainingData:
    """These lines alone, orders numbered anew."""
    lines = data.lines.where(mask)
    return replace(data, lines=replace(lines, order=np.unique(lines.order, return_inverse=True)[1].astype(np.int32)))


def measured(data: TrainingData) -> Iterator[tuple[str, dict[str, float]]]:
    """ndcg@10 by scenario, of each simple method and of recsvc with default settings."""
    end = data.last_day + 1
    judged = judge(data, Window(start=end - DAYS, end=end), sample=None, rng=np.random.default_rng(0))

    def gain(lists: Scored, scenario: str) -> float:
        return float(np.nanmean(accuracy(lists, judged.truth[scenario], K)["ndcg"]))

    for method in STANDARD + FURTHER:
        chosen = choose_variants(method, data, end - DAYS, DAYS, sample=2_000, seed=1)
        fitted = {name: method.variants[chosen[name]](judged.past, end - DAYS) for name in SCENARIOS}
        able = {name: one for name, one in fitted.items() if name in one.scenarios}
        lists = {name: one.rank_customers(judged.customers, name, K) for name, one in able.items()}
        yield method.name, {name: gain(found, name) for name, found in lists.items()}
    recommender = trained(judged.past)
    yield "recsvc", {name: gain(lists_of(recommender, judged.customers, name), name) for name in SCENARIOS}


def trained(past: TrainingData) -> Recommender:
    """As `recsvc train` would make it."""
    settings, horizon = TrainingSettings(), horizon_of(past)
    with threadpool_limits(1, "blas"):
        found = train_rankers(past, settings, horizon, lambda _: None)
        recommender = fit_sources(past, settings, horizon, PERSONAL)
    best = {name: judgement.best_single for name, judgement in found.judgements.items()}
    return replace(recommender, rankers=found.rankers, baselines={**BASELINES, **best})


def lists_of(recommender: Recommender, customers: NDArray[np.int64], scenario: str) -> Scored:
    """Row r is the list of customers[r]."""
    parts = []
    for start in range(0, len(customers), BLOCK):
        found = recommender.rank(recommender.queries(customers[start : start + BLOCK]), scenario, K).scored
        parts.append((found.row + start, found.item, found.score))
    row, item, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Scored(len(customers), row, item, score)


if __name__ == "__main__":
    main()
