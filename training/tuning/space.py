"""What the search may change, and within which limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from training.settings import TrainingSettings

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Values = dict[str, int | float]


@dataclass(frozen=True)
class Knob:
    """One setting, 'section.name', from `low` to `high` or one of `choices`; `log`: by factors rather than by steps."""

    key: str
    low: float = 0
    high: float = 0
    log: bool = False
    choices: tuple[float, ...] = ()

    def distribution(self, default: float) -> "BaseDistribution":
        """What Optuna draws from: values of the default's type, the default among them."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(sorted({*self.choices, default}))
        low, high = min(self.low, default), max(self.high, default)
        if isinstance(default, int):
            return IntDistribution(int(low), int(high), log=self.log)
        return FloatDistribution(low, high, log=self.log)


# Upper limits keep a list's candidates, and so what a request costs, within twice the defaults.
KNOBS = (
    Knob("lists.own", 80, 250, log=True),
    Knob("lists.others", 30, 120, log=True),
    Knob("customers.neighbours", 30, 400, log=True),
    Knob("neighbours.neighbours", 40, 300, log=True),
    Knob("neighbours.buyers", 2, 10, log=True),
    Knob("ease.regularisation", 20.0, 1_000.0, log=True),
    Knob("factors.factors", 16, 128, log=True),
    Knob("factors.regularisation", 3.0, 300.0, log=True),
    Knob("factors.alpha", 1.0, 60.0, log=True),
    Knob("categories.items", 5, 40, log=True),
    Knob("popular.half_life_days", choices=(0.0, 7.0, 14.0, 28.0, 56.0)),
    Knob("ranker.windows", choices=(0, 2, 4, 6)),
    Knob("ranker.home_rounds", 40, 300, log=True),
    Knob("ranker.home_leaves", 7, 63, log=True),
    Knob("ranker.discover_rounds", 60, 500, log=True),
    Knob("ranker.discover_leaves", 4, 31, log=True),
)
KEYS = tuple(knob.key for knob in KNOBS)


def searched(given: Iterable[str]) -> tuple[Knob, ...]:
    """All knobs but those that the settings file set itself."""
    fixed = set(given)
    return tuple(knob for knob in KNOBS if knob.key not in fixed)


def value_of(settings: TrainingSettings, key: str) -> int | float:
    """The value of 'section.name'."""
    section, _, name = key.partition(".")
    value: int | float = getattr(getattr(settings, section), name)
    return value


def with_values(settings: TrainingSettings, values: Mapping[str, Any]) -> TrainingSettings:
    """The settings with these values; raises ValueError for one that its section refuses."""
    for key, value in values.items():
        section, _, name = key.partition(".")
        settings = replace(settings, **{section: replace(getattr(settings, section), **{name: value})})
    return settings
