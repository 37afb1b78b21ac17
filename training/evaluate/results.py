"""What a backtest found, as plain values: for the terminal, a JSON file, the report and the bundle."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from training.evaluate.intervals import Interval

KINDS = ("recommender", "baseline", "source")


@dataclass(frozen=True, kw_only=True)
class WindowFacts:
    """One window: first and last day as ISO dates; `customers` bought before and in it, `judged` of them were drawn;
    `first_time_customers` bought in it for the first time, so nothing was known of them; `baskets` with a hidden item.
    """

    first_day: str
    last_day: str
    customers: int
    judged: int
    first_time_customers: int
    baskets: int
    fit_seconds: float


@dataclass(frozen=True, kw_only=True)
class ColdScore:
    """Items with fewer than five customers before the window that were bought in it: the share of these `items` that is
    in any list (`reach`), and the share of their `purchases` (customer, item) that the customer's own list held
    (`hit`).
    """

    items: int
    purchases: int
    reach: float
    hit: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """One method in one scenario. `values`: 'ndcg@10' → mean over customers; `lists`: coverage, novelty, repeat, new
    at k;
    `by_activity`: segment → the main metric; `by_window`: the main metric of each window; `candidates`: recall of
    all that
    the method proposes, where it proposes more than a list; `settings`: those chosen before the first window.
    """

    method: str
    kind: str
    settings: str
    values: Mapping[str, Interval]
    lists: Mapping[str, float]
    by_activity: Mapping[str, Interval]
    by_window: tuple[float, ...]
    cold: ColdScore | None = None
    candidates: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScenarioResult:
    """All methods in one scenario, best first. `gain`: the recommender's main metric against that of `best_baseline`
    (0.06: six per cent more), and `difference` the same in absolute numbers; None where there is no baseline.
    """

    scenario: str
    main_metric: str
    rows: int
    customers: int
    scores: tuple[Score, ...]
    best_baseline: str | None
    gain: Interval | None
    difference: Interval | None

    def score(self, method: str) -> Score:
        """Raises KeyError for a method that did not run here."""
        return {score.method: score for score in self.scores}[method]

    def of_kind(self, kind: str) -> tuple[Score, ...]:
        return tuple(score for score in self.scores if score.kind == kind)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Customers by the number of orders before the window: `least` to `most` (None: no bound)."""

    name: str
    least: int
    most: int | None
    rows: int


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """The main metric of `home` for customers with `least` to `most` orders before the window, by method."""

    least: int
    most: int | None
    rows: int
    values: Mapping[str, Interval]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Of `count` listed items with a promised probability of `predicted` on average, the share `observed` was
    bought.
    """

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much of the ranker's gain a feature brought; the shares of a model add up to 1."""

    feature: str
    share: float


@dataclass(frozen=True, kw_only=True)
class ListedItem:
    """One place of a customer's list: what put it there, and what became of it."""

    item_id: str
    title: str
    source: str
    carrier: str | None
    bought_before: int
    bought_after: bool


@dataclass(frozen=True, kw_only=True)
class PastItem:
    """An item of a customer's history: in how many orders, and when last."""

    item_id: str
    title: str
    orders: int
    last_day: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """A real customer of the newest window: what it had, what it was offered, what it then bought."""

    customer_id: str
    orders: int
    history: tuple[PastItem, ...]
    items: tuple[ListedItem, ...]
    bought: int


@dataclass(frozen=True, kw_only=True)
class Results:
    """A whole backtest. `k` are the list lengths; the first is the main one."""

    recommender: str
    first_day: str
    last_day: str
    horizon_days: int
    horizon_chosen: bool
    k: tuple[int, ...]
    resamples: int
    windows: tuple[WindowFacts, ...]
    segments: tuple[Segment, ...]
    scenarios: tuple[ScenarioResult, ...]
    learning_curve: tuple[CurvePoint, ...] = ()
    calibration: Mapping[str, tuple[Reliability, ...]] = field(default_factory=dict)
    importance: tuple[Importance, ...] = ()
    examples: tuple[Example, ...] = ()

    def scenario(self, name: str) -> ScenarioResult | None:
        return next((result for result in self.scenarios if result.scenario == name), None)

    def as_json(self) -> dict[str, Any]:
        """Only dicts, lists, texts, numbers and None; a number that does not exist is None."""
        return plain(asdict(self))  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """JSON-able: tuples as lists, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
