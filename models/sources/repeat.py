"""*repeat*: what the customer bought before, newer and more frequent purchases first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.interactions import Pairs
from models.ranking import Scored, rank
from models.sources.protocol import Queries


@dataclass(frozen=True, kw_only=True)
class RepeatSettings:
    """`half_life_days`: after so many days a purchase counts half; 0 lets the trainer choose from the shop's own
    data.
    """

    half_life_days: float = 0.0

    def __post_init__(self) -> None:
        if self.half_life_days < 0:
            raise ValueError(f"half_life_days is {self.half_life_days}; expected 0 (chosen by the trainer) or more")


def decayed_counts(pairs: Pairs, today: int, half_life_days: float) -> NDArray[np.float32]:
    """Orders of each pair, halved for every `half_life_days` of age."""
    age = (today - pairs.history.day).astype(np.float32)
    return pairs.sums(np.exp2(-age / np.float32(half_life_days))).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Repeat:
    """Own purchases with decay: the baseline that any recommender for repeat purchase has to beat."""

    half_life_days: float
    name = "repeat"

    def candidates(self, queries: Queries, limit: int) -> Scored:
        pairs = queries.pairs
        score = decayed_counts(pairs, queries.today, self.half_life_days)
        return rank(len(queries), pairs.row, pairs.item, score, limit)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"half_life_days": np.array([self.half_life_days])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(float(arrays["half_life_days"][0]))
