"""`recsvc train --tune`: search on one window, look again on the next, and leave the one that judges alone."""

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from training.data import TrainingData
from training.settings import TrainingSettings
from training.tuning.measure import Comparison, compare, measure
from training.tuning.shop import CUSTOMERS, Memory, fingerprint, sampled
from training.tuning.space import KNOBS, searched, with_values
from training.tuning.study import Study, Trial, best_of, search
from training.windows import horizon_of, label_days, window_starts


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What came of a search. `values`: the best trial's, against the settings that it started from; `searched` and
    `confirmed`: the first days of the two windows; `second`: the best against the default on the second one, None
    where there was nothing to look at again; `used`: whether the training goes on with `values`; `reason`."""

    values: Mapping[str, int | float]
    trials: tuple[Trial, ...]
    searched: str | None
    confirmed: str | None
    second: Comparison | None
    used: bool
    reason: str

    @property
    def tuned(self) -> dict[str, int | float]:
        """The values that the model has from it."""
        return dict(self.values) if self.used else {}

    def summary(self) -> dict[str, Any]:
        """For the manifest: without the trials."""
        return {**{name: value for name, value in asdict(self).items() if name != "trials"}, "trials": len(self.trials)}

    def document(self) -> dict[str, Any]:
        """Everything, each trial too."""
        return asdict(self)

    def sentence(self) -> str:
        """For the terminal."""
        if not self.trials:
            return f"tuning: {self.reason}; the settings stay as they are"
        found = f"tuning: {len(self.trials)} trials, the best {best_of(self.trials).gain:+.1%} where it was searched"
        if self.second is not None:
            both = self.second.both
            found += f", {both.mean:+.1%} ({both.low:+.1%} to {both.high:+.1%}) in the weeks after"
        values = ", ".join(f"{key} = {_shown(value)}" for key, value in self.values.items())
        return f"{found}: {'used: ' + values if self.used else self.reason + '; the settings stay as they are'}"


def _shown(value: float) -> str:
    return f"{value:.6g}"


def tune(
    data: TrainingData,
    settings: TrainingSettings,
    folder: Path,
    *,
    minutes: float,
    given: frozenset[str] = frozenset(),
    first: Mapping[str, int | float] | None = None,
    show: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = monotonic,
) -> Tuning:
    """Search for `minutes`, the second look included, give or take a trial.

    `folder` keeps the study, by data and settings: a search that was interrupted goes on. `given` are settings,
    'section.name', that stay as they are; `first` is tried at once, such as what was found the last time.
    """
    horizon = horizon_of(data, settings.ranker.horizon_days)
    seed = settings.ranker.seed
    windows = spans(data, horizon, settings.ranker.windows)
    knobs = searched(given)
    if windows is None or not knobs:
        reason = "the settings file sets all that is searched" if not knobs else "the purchases span too few weeks"
        return Tuning(values={}, trials=(), searched=None, confirmed=None, second=None, used=False, reason=reason)
    shop = sampled(data, CUSTOMERS, seed)
    looked, again = windows
    key = fingerprint(shop, settings, horizon, windows, KNOBS, knobs, importlib.metadata.version("recsvc"))
    began, memory = clock(), Memory()
    past = shop.before(looked.end)

    def tried(some: TrainingSettings) -> dict[str, float]:
        return measure(past, some, horizon, memory, lambda _: None).ndcg

    study = Study(folder, key)
    search(study, settings, knobs, first or {}, tried, seed=seed, seconds=minutes * 60, clock=clock, show=show)
    trials = study.trials
    facts = Tuning(
        values={},
        trials=tuple(trials),
        searched=_day(looked.start),
        confirmed=_day(again.start),
        second=None,
        used=False,
        reason="nothing beat the settings as they are",
    )
    best = best_of(trials)
    if best.gain <= 0:
        return facts
    present, memory = shop.before(again.end), Memory()
    base = measure(present, settings, horizon, memory, lambda _: None)
    second = compare(measure(present, with_values(settings, best.values), horizon, memory, lambda _: None), base, seed)
    show(min(1.0, (clock() - began) / (minutes * 60)))
    return replace(
        facts,
        values=best.values,
        second=second,
        used=second.better,
        reason="better in the weeks after, too" if second.better else "what was found did not hold in the weeks after",
    )


@dataclass(frozen=True)
class Span:
    """Days `start` ≤ day < `end`."""

    start: int
    end: int


def spans(data: TrainingData, horizon: int, count: int) -> tuple[Span, Span] | None:
    """Where to search and where to look again, both before the window that judges the model; None where the past is
    too short for rankers to learn from a window before the first of them.
    """
    end, found = _start_of_latest(data, horizon), []
    for _ in range(2):
        if end is None or end <= data.first_day:
            return None
        past = data.before(end)
        start = _start_of_latest(past, horizon)
        if start is None or len(window_starts(past, label_days(past, horizon), count)) < 2:
            return None
        found.append(Span(start, end))
        end = start
    return found[1], found[0]


def _start_of_latest(data: TrainingData, horizon: int) -> int | None:
    starts = window_starts(data, label_days(data, horizon), 1)
    return starts[0] if starts else None


def _day(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
