"""From rows to results: means, intervals, who is best, and by how much."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluate.backtest import Backtest, Promises
from training.evaluate.collecting import MethodRun, ScenarioRun, cold_counts, mean_of
from training.evaluate.examples import day_text
from training.evaluate.intervals import Interval, means, relative_gain, resampled_means
from training.evaluate.results import (
    ColdScore,
    CurvePoint,
    Importance,
    Reliability,
    Results,
    ScenarioResult,
    Score,
    Segment,
    WindowFacts,
)

FEW_ORDERS = 2
# Lower ends of the learning curve's steps, in orders before the window.
CURVE = (1, 2, 3, 5, 9, 17, 33, 65)
FEWEST_ROWS = 20
RELIABILITY_BINS = 10
SHOWN_FEATURES = 20


def summarise(found: Backtest) -> Results:
    """The results of a backtest; the resampling is seeded by its settings."""
    segments = segments_of(np.concatenate(found.scenarios["home"].orders))
    scenarios = {
        name: scenario_result(name, run, found, segments) for name, run in found.scenarios.items() if can_be_judged(run)
    }
    return Results(
        recommender=found.recommender,
        first_day=day_text(found.first_day),
        last_day=day_text(found.last_day),
        horizon_days=found.horizon_days,
        horizon_chosen=found.settings.horizon_days == 0,
        k=found.settings.k,
        resamples=found.settings.resamples,
        windows=tuple(
            WindowFacts(
                first_day=day_text(run.window.start),
                last_day=day_text(run.window.end - 1),
                customers=run.customers,
                judged=run.judged,
                first_time_customers=run.first_time_customers,
                baskets=run.baskets,
                fit_seconds=run.fit_seconds,
            )
            for run in found.windows
        ),
        segments=segments,
        scenarios=tuple(scenarios.values()),
        learning_curve=learning_curve(found, scenarios["home"]) if "home" in scenarios else (),
        calibration={name: reliability(parts) for name, parts in found.promises.items()},
        importance=importance_shares(found.importance),
        examples=tuple(found.examples),
    )


def can_be_judged(run: ScenarioRun) -> bool:
    """Whether anybody bought what the scenario looks for: a shop where all buy the same has nothing to discover."""
    return any(np.isfinite(values).any() for one in run.methods.values() for values in one.values)


def segments_of(orders: NDArray[Any]) -> tuple[Segment, ...]:
    """1–2 orders, light, heavy: the border between the last two is the median of those with more than two."""
    more = orders[orders > FEW_ORDERS]
    middle = int(np.median(more)) if len(more) else FEW_ORDERS + 1
    bounds: tuple[tuple[str, int, int | None], ...] = (
        ("few", 1, FEW_ORDERS),
        ("light", FEW_ORDERS + 1, middle),
        ("heavy", middle + 1, None),
    )
    return tuple(
        Segment(name=name, least=least, most=most, rows=int(_between(orders, least, most).sum()))
        for name, least, most in bounds
    )


def _between(orders: NDArray[Any], least: int, most: int | None) -> NDArray[np.bool_]:
    return np.asarray((orders >= least) & (orders <= (np.inf if most is None else most)))


def scenario_result(name: str, run: ScenarioRun, found: Backtest, segments: tuple[Segment, ...]) -> ScenarioResult:
    """All methods on the same resamples of the same customers, so that their differences have intervals too."""
    main = run.metrics[0]
    methods = [method for method, one in run.methods.items() if one.places]
    groups, orders = found.groups(name), np.concatenate(run.orders)
    of_segment = [_between(orders, segment.least, segment.most) for segment in segments]
    blocks = []
    for method in methods:
        rows = run.rows_of(method)
        by_segment = [np.where(inside, rows[:, 0], np.nan) for inside in of_segment] if name != "complements" else []
        blocks.append(np.column_stack([rows, *by_segment]))
    width = blocks[0].shape[1]
    table = np.concatenate(blocks, axis=1)
    drawn = resampled_means(
        table, np.random.default_rng(found.settings.seed), groups=groups, resamples=found.settings.resamples
    )
    mean = means(table)
    scores = []
    for place, method in enumerate(methods):
        at = range(place * width, (place + 1) * width)
        columns = [Interval.of(float(mean[column]), drawn[:, column]) for column in at]
        by_activity = columns[len(run.metrics) :]
        scores.append(
            _score(method, run.methods[method], dict(zip(run.metrics, columns, strict=False)))
            | {"by_activity": {s.name: value for s, value in zip(segments, by_activity, strict=False)}}
        )
    ordered = sorted((Score(**score) for score in scores), key=lambda score: -score.values[main].mean)
    best = next((score.method for score in ordered if score.kind == "baseline"), None)
    gain = difference = None
    if best is not None and found.recommender in methods:
        own, base = (methods.index(method) * width for method in (found.recommender, best))
        gain = relative_gain(float(mean[own]), float(mean[base]), drawn[:, own], drawn[:, base])
        difference = Interval.of(float(mean[own] - mean[base]), drawn[:, own] - drawn[:, base])
    judged = np.isfinite(table[:, 0])
    return ScenarioResult(
        scenario=name,
        main_metric=main,
        rows=int(judged.sum()),
        customers=len(np.unique(groups[judged])),
        scores=tuple(ordered),
        best_baseline=best,
        gain=gain,
        difference=difference,
    )


def _score(method: str, one: MethodRun, values: Mapping[str, Interval]) -> dict[str, Any]:
    counts = cold_counts(one)
    cold = None
    if counts is not None:
        reached, items, hit, purchases = counts
        cold = ColdScore(items=items, purchases=purchases, reach=reached / items, hit=hit / purchases)
    return {
        "method": method,
        "kind": one.kind,
        "settings": one.settings,
        "values": values,
        "lists": mean_of(one.lists),
        "by_window": tuple(float(means(block[:, :1])[0]) for block in one.values),
        "cold": cold,
        "candidates": float(np.nanmean(one.candidates)) if np.isfinite(one.candidates).any() else None,
    }


def learning_curve(found: Backtest, home: ScenarioResult) -> tuple[CurvePoint, ...]:
    """The recommender and the best baseline by number of orders before the window; steps with hardly anyone are left
    out.
    """
    methods = [method for method in (found.recommender, home.best_baseline) if method is not None]
    groups, orders = found.groups("home"), np.concatenate(found.scenarios["home"].orders)
    values = np.stack([found.values(method, "home", home.main_metric) for method in methods], axis=1)
    points = []
    for place, least in enumerate(CURVE):
        most = CURVE[place + 1] - 1 if place + 1 < len(CURVE) else None
        inside = _between(orders, least, most) & np.isfinite(values[:, 0])
        if inside.sum() < FEWEST_ROWS:
            continue
        rng = np.random.default_rng(found.settings.seed)
        drawn = resampled_means(values[inside], rng, groups=groups[inside], resamples=found.settings.resamples)
        mean = means(values[inside])
        shown = {method: Interval.of(float(mean[column]), drawn[:, column]) for column, method in enumerate(methods)}
        points.append(CurvePoint(least=least, most=most, rows=int(inside.sum()), values=shown))
    return tuple(points)


def reliability(parts: list[Promises]) -> tuple[Reliability, ...]:
    """Promised probabilities in bins of about equal size, against the share that was bought."""
    promised = np.concatenate([part.promised for part in parts]).astype(np.float64)
    bought = np.concatenate([part.bought for part in parts])
    weight = np.concatenate([np.full(len(part.promised), part.weight) for part in parts])
    if not len(promised):
        return ()
    # Equal promises stay in one bin: the edges are distinct.
    edges = np.unique(np.quantile(promised, np.linspace(0, 1, RELIABILITY_BINS + 1))[1:-1])
    at = np.searchsorted(edges, promised, side="right")
    total = np.bincount(at, weight)
    filled = np.flatnonzero(total)
    predicted, observed = np.bincount(at, weight * promised), np.bincount(at, weight * bought)
    return tuple(
        Reliability(
            predicted=float(predicted[place] / total[place]),
            observed=float(observed[place] / total[place]),
            count=round(float(total[place])),
        )
        for place in filled
    )


def importance_shares(gains: Mapping[str, float]) -> tuple[Importance, ...]:
    """The features that brought most, largest first."""
    total = sum(gains.values())
    if total <= 0:
        return ()
    largest = sorted(gains.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN_FEATURES]
    return tuple(Importance(feature=feature, share=gain / total) for feature, gain in largest)
