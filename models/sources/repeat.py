"""*repeat*: what the customer bought before, newer and more frequent purchases first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.habits import LASTING, LONG
from models.sources.protocol import Queries, Signals, Source


@dataclass(frozen=True, kw_only=True)
class RepeatSettings:
    """`half_life_days`: after so many days a purchase counts half; 0 lets the trainer choose from the shop's own
    data. This is the baseline that the ranker has to beat."""

    half_life_days: float = 0.0

    def __post_init__(self) -> None:
        if self.half_life_days < 0:
            raise ValueError(f"half_life_days is {self.half_life_days}; expected 0 (chosen by the trainer) or more")


@dataclass(frozen=True, eq=False)
class Repeat(Source):
    """Own purchases with decay. `repeat` ranks by the chosen half-life; `habit`, which proposes, forgets more
    slowly.
    """

    half_life_days: float
    name = "repeat"
    signals = ("repeat", "habit")
    proposing = ("repeat",)

    def score(self, queries: Queries) -> Signals:
        habits = queries.habits
        habit = habits.counts[LONG] + np.float32(0.1) * habits.counts[LASTING]
        return Signals({"repeat": habits.matrix(habits.decayed(self.half_life_days)), "habit": habits.matrix(habit)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"half_life_days": np.array([self.half_life_days])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(float(arrays["half_life_days"][0]))
