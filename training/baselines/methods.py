"""Which baselines there are, and with which settings each may run: the best ones are chosen before the first window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from training.baselines.counting import fit_own_purchases, fit_popular
from training.baselines.customer_knn import fit_tifu_knn, fit_up_cf
from training.baselines.ease import fit_ease
from training.baselines.factors import fit_als
from training.baselines.item_knn import fit_item_bm25, fit_item_cosine
from training.baselines.ranking import CUSTOMER_SCENARIOS, Baseline, Fit
from training.data import TrainingData
from training.evaluate.metrics import accuracy
from training.evaluate.truth import judge
from training.evaluate.windows import Window

CHOICE_CUSTOMERS = 3_000
CHOICE_K = 10
FOREVER = float("inf")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A baseline under its name; `variants`: settings, in words, and the fit with them."""

    name: str
    variants: Mapping[str, Fit]


def _variants(fit: Callable[..., Baseline], settings: Sequence[Mapping[str, Any]]) -> dict[str, Fit]:
    return {", ".join(f"{name} {value:g}" for name, value in one.items()): partial(fit, **one) for one in settings}


def _half_lives(*days: float) -> list[dict[str, float]]:
    return [{"half_life_days": day} for day in days]


STANDARD = (
    Method(name="best sellers", variants=_variants(fit_popular, _half_lives(7, 14, 28, 60, FOREVER))),
    Method(name="own purchases", variants=_variants(fit_own_purchases, _half_lives(7, 15, 30, 60, 120, 240, FOREVER))),
    Method(
        name="item-kNN",
        variants={
            **_variants(
                fit_item_bm25,
                [{"half_life_days": 60, "k1": 100, "b": 0.8}, {"half_life_days": FOREVER, "k1": 5, "b": 0.5}],
            ),
            **_variants(fit_item_cosine, _half_lives(60)),
        },
    ),
    Method(
        name="ALS",
        variants=_variants(
            fit_als,
            [
                {"alpha": 3, "regularisation": 30, "half_life_days": 60},
                {"alpha": 10, "regularisation": 100, "half_life_days": 60},
                {"alpha": 2, "regularisation": 3, "half_life_days": FOREVER},
            ],
        ),
    ),
)
FURTHER = (
    Method(
        name="TIFU-KNN",
        variants=_variants(
            fit_tifu_knn,
            [
                {"group": 7, "within": 0.9, "between": 0.7, "neighbours": 300, "own": 0.7},
                {"group": 3, "within": 0.9, "between": 0.6, "neighbours": 900, "own": 0.2},
                {"group": 7, "within": 0.9, "between": 0.9, "neighbours": 300, "own": 0.9},
            ],
        ),
    ),
    Method(
        name="UP-CF",
        variants=_variants(
            fit_up_cf,
            [
                {"newest": 5, "locality": 10, "own": 0.5},
                {"newest": 25, "locality": 10, "own": 0.5},
                {"newest": 25, "locality": 1, "own": 0.1},
            ],
        ),
    ),
    Method(name="EASE", variants=_variants(fit_ease, [{"regularisation": 100}, {"regularisation": 1000}])),
)


def choose_variants(
    method: Method, data: TrainingData, start: int, horizon_days: int, *, sample: int, seed: int
) -> dict[str, str]:
    """For each scenario the settings with the best ndcg@10 on the `horizon_days` before the day `start`.

    Later purchases are not looked at. Where that window holds nothing to judge by, the first settings are taken.
    """
    names = list(method.variants)
    inner = Window(start=start - horizon_days, end=start)
    judged = judge(data, inner, sample=min(sample, CHOICE_CUSTOMERS), rng=np.random.default_rng(seed))
    chosen = dict.fromkeys(CUSTOMER_SCENARIOS, names[0])
    if not len(judged.customers) or len(names) == 1:
        return chosen
    best = dict.fromkeys(CUSTOMER_SCENARIOS, -1.0)
    for name in names:
        fitted = method.variants[name](judged.past, inner.start)
        for scenario in fitted.scenarios:
            truth = judged.truth[scenario]
            if not truth.size.any():
                continue
            lists = fitted.rank_customers(judged.customers, scenario, CHOICE_K)
            value = float(np.nanmean(accuracy(lists, truth, CHOICE_K)["ndcg"]))
            if value > best[scenario]:
                best[scenario], chosen[scenario] = value, name
    return chosen
