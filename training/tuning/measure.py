"""What settings are worth: the ranker's own backtest on one window, by a part of the customers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.data import TrainingData
from training.evaluate.intervals import Interval, means, resampled_means
from training.ranking import train_rankers
from training.settings import TrainingSettings
from training.tuning.shop import Memory

# Customers that teach in all windows of a trial, and that judge it.
TEACHERS, JUDGES = 3_000, 1_500
SCENARIOS = ("home", "discover")


@dataclass(frozen=True, eq=False)
class Measured:
    """ndcg@10 of each judge by scenario, NaN of who bought nothing that counts; the same judges in the same order for
    all settings."""

    gains: Mapping[str, NDArray[np.float64]]

    @property
    def ndcg(self) -> dict[str, float]:
        """The mean by scenario, 0 where nobody counts."""
        return {
            name: float(np.nan_to_num(means(self.gains[name][:, None])[0])) if name in self.gains else 0.0
            for name in SCENARIOS
        }


def measure(
    data: TrainingData, settings: TrainingSettings, horizon: int, memory: Memory, show: Callable[[float], None]
) -> Measured:
    """Judge on the freshest window of `data` what the older ones teach."""
    own = settings.ranker
    smaller = replace(own, customers=min(own.customers, TEACHERS), judges=min(own.judges, JUDGES))
    with threadpool_limits(1, "blas"):
        trained = train_rankers(data, replace(settings, ranker=smaller), horizon, show, fit=memory.fit, judge_only=True)
    return Measured({name: judgement.gains[judgement.served] for name, judgement in trained.judgements.items()})


def worth(ndcg: Mapping[str, float], base: Mapping[str, float]) -> float:
    """How much better than the base, as a share: the mean over the scenarios in which the base found anything."""
    shares = [ndcg[name] / base[name] - 1 for name in SCENARIOS if base[name] > 0]
    return float(np.mean(shares)) if shares else 0.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One's ndcg@10 against another's on the same judges, as shares, with intervals from the bootstrap over them."""

    both: Interval
    home: Interval | None
    discover: Interval | None

    @property
    def better(self) -> bool:
        """Better beyond chance, and in neither scenario worse beyond chance."""
        apart = [found for found in (self.home, self.discover) if found is not None]
        return self.both.low > 0 and all(found.high >= 0 for found in apart)


def compare(measured: Measured, base: Measured, seed: int) -> Comparison:
    """`measured` against `base`; the judges are drawn together for both scenarios."""
    names = [name for name in SCENARIOS if base.ndcg[name] > 0]
    table = np.stack([part.gains[name] for name in names for part in (measured, base)], axis=1)
    drawn, mean = resampled_means(table, np.random.default_rng(seed)), means(table)
    apart = {
        name: (mean[2 * at] / mean[2 * at + 1] - 1, drawn[:, 2 * at] / drawn[:, 2 * at + 1] - 1)
        for at, name in enumerate(names)
    }
    both = np.mean([one for one, _ in apart.values()]), np.mean([many for _, many in apart.values()], axis=0)
    intervals = {name: Interval.of(float(one), many) for name, (one, many) in apart.items()}
    return Comparison(
        both=Interval.of(float(both[0]), both[1]), home=intervals.get("home"), discover=intervals.get("discover")
    )
