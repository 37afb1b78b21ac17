"""An estimate with the range it may lie in."""

from dataclasses import dataclass
from math import isfinite, nan

CONFIDENCE = 0.95
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Interval:
    """`value` and its confidence interval from `low` to `high`; NaN where nothing can be said."""

    value: float
    low: float = nan
    high: float = nan

    @property
    def known(self) -> bool:
        return isfinite(self.low) and isfinite(self.high)

    @property
    def holds_zero(self) -> bool:
        """Whether no effect is among what may be; True where nothing is known."""
        return not self.known or self.low <= 0 <= self.high

    def scaled(self, factor: float, plus: float = 0.0) -> "Interval":
        """factor × interval + plus; `factor` above 0."""
        return Interval(self.value * factor + plus, self.low * factor + plus, self.high * factor + plus)

    def as_json(self) -> dict[str, float | None]:
        """NaN and infinity, which JSON does not have, become null."""
        return {
            name: number if isfinite(number) else None
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }
