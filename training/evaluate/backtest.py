"""The rolling backtest: every method is fitted on what lies before a window, and judged by what was bought in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.ranking import Scored, contains, keys, positions
from models.recommender import Recommender
from training.baselines.baskets import BASKET_METHODS, FURTHER_BASKET_METHODS
from training.baselines.methods import FURTHER, STANDARD, Method, choose_variants
from training.baselines.ranking import Baseline
from training.data import TrainingData
from training.evaluate.collecting import Judge, ScenarioRun
from training.evaluate.contenders import (
    Contender,
    basket_blocks,
    customer_blocks,
    has_probabilities,
    importance_of,
    ranked_lists,
    signal_lists,
)
from training.evaluate.examples import examples_of
from training.evaluate.metrics import HIT_AT, METRICS, MRR_AT, HiddenItems, hide_one
from training.evaluate.results import Example
from training.evaluate.truth import CUSTOMER_SCENARIOS, Judged, judge
from training.evaluate.windows import Window, backtest_horizon, rolling_windows
from training.progress import Part, Steps

# What a source proposes at most when its own recall is taken, and how far down a list its promises are checked.
CANDIDATES = 200
CALIBRATED_PLACES = 50


@dataclass(frozen=True, kw_only=True)
class BacktestSettings:
    """`horizon_days`: 0 takes it from the shop; `windows` side by side at the end of the data; `k`: list lengths, the
    first is the main one; `customers` and `baskets` judged a window at most; `examples`: customers shown in full;
    `baselines` by name; `sources`: whether each source of the first contender is judged alone, too.
    """

    horizon_days: int = 0
    windows: int = 3
    k: tuple[int, ...] = (10, 20)
    customers: int = 20_000
    baskets: int = 2_500
    examples: int = 10
    baselines: tuple[str, ...] = tuple(method.name for method in STANDARD)
    sources: bool = True
    resamples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.horizon_days < 0 or self.examples < 0:
            raise ValueError("horizon_days and examples must be at least 0")
        if min(self.windows, self.customers, self.baskets, self.resamples, *self.k) < 1:
            raise ValueError("windows, customers, baskets, resamples and every k must be at least 1")
        known = [method.name for method in STANDARD + FURTHER]
        if unknown := [name for name in self.baselines if name not in known]:
            raise ValueError(f"no baseline is called {unknown[0]!r}; known: {', '.join(known)}")
        if len(set(self.k)) != len(self.k):
            raise ValueError(f"k is {self.k}; expected each length once")


@dataclass(frozen=True, eq=False)
class WindowRun:
    """One window as it was judged."""

    window: Window
    customers: int
    judged: int
    first_time_customers: int
    baskets: int
    fit_seconds: float


@dataclass(frozen=True, eq=False)
class Promises:
    """Probabilities that lists promised, whether the item was `bought`, and how many customers each row stands for."""

    promised: NDArray[np.float32]
    bought: NDArray[np.bool_]
    weight: float


@dataclass(frozen=True, eq=False)
class Backtest:
    """Everything measured, row by row; `training.evaluate.summary.summarise` makes Results of it, and a gate
    compares two contenders by `values` and `groups`.
    """

    settings: BacktestSettings
    horizon_days: int
    recommender: str
    first_day: int
    last_day: int
    scenarios: dict[str, ScenarioRun]
    windows: list[WindowRun] = field(default_factory=list)
    promises: dict[str, list[Promises]] = field(default_factory=dict)
    importance: dict[str, float] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)

    def values(self, method: str, scenario: str, metric: str) -> NDArray[np.float32]:
        """One value a row in all windows, such as ('recsvc', 'home', 'ndcg@10'); NaN where a row cannot be judged."""
        run = self.scenarios[scenario]
        return run.rows_of(method)[:, run.metrics.index(metric)]

    def groups(self, scenario: str) -> NDArray[np.int64]:
        """Whose row it is: rows of a customer in several windows stand or fall together."""
        return np.concatenate(self.scenarios[scenario].groups)


def backtest_steps(settings: BacktestSettings) -> tuple[tuple[str, float], ...]:
    """The steps that `backtest` takes, with weights, for a progress bar."""
    steps: list[tuple[str, float]] = [("settings of the baselines", 40.0)]
    for number in range(1, settings.windows + 1):
        steps += [(f"window {number}: recommender", 100.0), (f"window {number}: baselines", 30.0)]
    return tuple(steps)


def backtest(data: TrainingData, contenders: Sequence[Contender], settings: BacktestSettings, steps: Steps) -> Backtest:
    """Judge the contenders, the sources of the first one, and the baselines. `steps` knows the `backtest_steps`.

    Raises InputError where the purchases are too few for the windows.
    """
    horizon = backtest_horizon(data, settings.windows, settings.horizon_days)
    windows = rolling_windows(data, horizon, settings.windows)
    names = tuple(f"{name}@{k}" for k in settings.k for name in METRICS)
    scenarios = {scenario: ScenarioRun(names) for scenario in CUSTOMER_SCENARIOS}
    scenarios["complements"] = ScenarioRun((f"hit@{HIT_AT}", f"mrr@{MRR_AT}"))
    found = Backtest(settings, horizon, contenders[0].name, data.first_day, data.last_day, scenarios)
    methods = [method for method in STANDARD + FURTHER if method.name in settings.baselines]
    with steps.step("settings of the baselines") as part:
        chosen = {}
        for place, method in enumerate(methods):
            chosen[method.name] = choose_variants(
                method, data, windows[0].start, horizon, sample=settings.customers, seed=settings.seed
            )
            part.show((place + 1) / len(methods))
    for number, window in enumerate(windows, start=1):
        # Each window draws from its own stream, so that more windows do not change the newest one's sample.
        rng = np.random.default_rng([settings.seed, window.start])
        run = _OneWindow(found, data, window, rng)
        with steps.step(f"window {number}: recommender"):
            run.contenders(contenders, last=number == len(windows))
        with steps.step(f"window {number}: baselines") as part:
            run.baselines(methods, chosen, part)
        run.close()
    return found


class _OneWindow:
    """Judges all methods on one window and adds what it finds to the backtest."""

    def __init__(self, found: Backtest, data: TrainingData, window: Window, rng: np.random.Generator) -> None:
        self._found, self._settings, self._data = found, found.settings, data
        self._judged = judge(data, window, sample=self._settings.customers, rng=rng)
        if not len(self._judged.customers):
            raise InputError(
                f"between day {window.start} and {window.end} nobody bought who had bought before;"
                " use a longer --horizon or more purchases"
            )
        self._judge = Judge.of(self._judged, self._settings.k)
        self._limit = max(self._settings.k)
        self._hidden, self._owners = hidden_items(data, self._judged, self._settings.baskets, rng)
        self._seconds = 0.0
        for scenario in CUSTOMER_SCENARIOS:
            run = found.scenarios[scenario]
            run.groups.append(self._judged.customers)
            run.orders.append(self._judged.orders)
        baskets = found.scenarios["complements"]
        # A guest's basket stands for itself.
        baskets.groups.append(np.where(self._owners >= 0, self._owners, -1 - self._hidden.order.astype(np.int64)))
        lengths = np.diff(self._judged.histories.rows(self._owners).indptr)
        baskets.orders.append(lengths)

    def contenders(self, contenders: Sequence[Contender], *, last: bool) -> None:
        """Fit one after the other, so that one at a time is in memory; the first also shows what is inside it."""
        for place, contender in enumerate(contenders):
            began = monotonic()
            recommender = contender.fit(self._judged.past)
            if place == 0:
                self._seconds = monotonic() - began
            self._recommender(contender.name, recommender, first=place == 0)
            if place == 0 and self._settings.sources:
                self._sources(recommender)
            if place == 0 and last:
                self._found.importance.update(importance_of(recommender))
                rng = np.random.default_rng(self._settings.seed)
                self._found.examples.extend(
                    examples_of(recommender, self._judged, self._settings.examples, self._settings.k[0], rng)
                )

    def _customers(self, recommender: Recommender) -> Iterator[Any]:
        return customer_blocks(recommender, self._judged.customers)

    def _recommender(self, name: str, recommender: Recommender, *, first: bool) -> None:
        length = max(self._limit, CALIBRATED_PLACES)
        lists = ranked_lists(recommender, self._customers(recommender), CUSTOMER_SCENARIOS, length)
        for scenario, found in lists.items():
            self._judge.add(self._found.scenarios[scenario].method(name, "recommender"), scenario, found)
        if first:
            self._promises(recommender, lists)
        nobody = np.full(len(self._owners), -1, np.int64)
        for shown, owners in ((name, nobody), (f"{name}, customer known", self._owners)):
            blocks = basket_blocks(recommender, self._hidden, owners)
            completed = ranked_lists(recommender, blocks, ("complements",), MRR_AT)["complements"]
            run = self._found.scenarios["complements"].method(shown, "recommender")
            self._judge.add_baskets(run, self._hidden, completed)

    def _promises(self, recommender: Recommender, came: dict[str, Scored]) -> None:
        """What calibrated lists promise, to customers who came back and to those who did not."""
        judged = self._judged
        scenarios = [name for name in CUSTOMER_SCENARIOS if has_probabilities(recommender, name)]
        stayed = ranked_lists(recommender, customer_blocks(recommender, judged.absent), scenarios, CALIBRATED_PLACES)
        for scenario in scenarios:
            lists = came[scenario]
            lists = lists.where(positions(lists.row) < CALIBRATED_PLACES)
            bought = contains(judged.truth[scenario].keys, keys(lists.row, lists.item))
            nothing = np.zeros(len(stayed[scenario]), np.bool_)
            self._found.promises.setdefault(scenario, []).extend(
                (
                    Promises(lists.score, bought, judged.weight),
                    Promises(stayed[scenario].score, nothing, judged.absent_weight),
                )
            )

    def _sources(self, recommender: Recommender) -> None:
        found = signal_lists(recommender.sources, self._customers(recommender), CUSTOMER_SCENARIOS, CANDIDATES)
        for name, by_scenario in found.items():
            for scenario, proposed in by_scenario.items():
                run = self._found.scenarios[scenario].method(name, "source")
                self._judge.add(run, scenario, proposed)
                self._judge.add_candidates(run, scenario, proposed, CANDIDATES)
        nobody = np.full(len(self._owners), -1, np.int64)
        blocks = basket_blocks(recommender, self._hidden, nobody)
        completed = signal_lists(recommender.sources, blocks, ("complements",), MRR_AT)
        for name, by_scenario in completed.items():
            run = self._found.scenarios["complements"].method(name, "source")
            self._judge.add_baskets(run, self._hidden, by_scenario["complements"])

    def baselines(self, methods: Sequence[Method], chosen: dict[str, dict[str, str]], part: Part) -> None:
        """With the settings chosen for each scenario; one that serves several scenarios is fitted once."""
        judged = self._judged
        for place, method in enumerate(methods):
            fitted: dict[str, Baseline] = {}
            for scenario in CUSTOMER_SCENARIOS:
                variant = chosen[method.name][scenario]
                if variant not in fitted:
                    fitted = {variant: method.variants[variant](judged.past, judged.window.start)}
                if scenario not in fitted[variant].scenarios:
                    continue
                lists = fitted[variant].rank_customers(judged.customers, scenario, self._limit)
                run = self._found.scenarios[scenario].method(method.name, "baseline", variant)
                self._judge.add(run, scenario, lists)
            part.show((place + 1) / (len(methods) + 1))
        self._basket_baselines()

    def _basket_baselines(self) -> None:
        further = FURTHER_BASKET_METHODS if "EASE" in self._settings.baselines else {}
        for name, fit in (BASKET_METHODS | further).items():
            fitted = fit(self._judged.past)
            lists = fitted.rank_baskets(len(self._hidden.item), self._hidden.cart_row, self._hidden.cart_item, MRR_AT)
            run = self._found.scenarios["complements"].method(name, "baseline")
            self._judge.add_baskets(run, self._hidden, lists)

    def close(self) -> None:
        judged = self._judged
        self._found.windows.append(
            WindowRun(
                judged.window,
                judged.all_customers,
                len(judged.customers),
                judged.first_time_customers,
                len(self._hidden.item),
                self._seconds,
            )
        )


def hidden_items(
    data: TrainingData, judged: Judged, limit: int, rng: np.random.Generator
) -> tuple[HiddenItems, NDArray[np.int64]]:
    """Baskets of the window with one item hidden, items sold before alone; and the customer of each (−1: a guest)."""
    lines, window = data.lines, judged.window
    sold = np.zeros(len(data.catalogue), np.bool_)
    sold[judged.past.lines.item] = True
    inside = lines.where((lines.day >= window.start) & (lines.day < window.end) & sold[lines.item])
    hidden = hide_one(inside.order, inside.item, rng=rng, limit=limit)
    owner = np.full(int(lines.order.max()) + 1, -1, np.int64)
    owner[inside.order] = inside.customer
    return hidden, owner[hidden.order]
