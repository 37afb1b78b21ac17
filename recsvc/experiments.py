"""Experiments: which of several arms a visitor's lists come from, drawn by a hash and so the same every time.

Nothing is stored of it: the arm stands in the signed recommendation_id, and each worker, today and after a restart,
draws the same one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from models.errors import SettingsError
from models.scenarios import SCENARIOS
from models.settings import read_section
from recsvc.following import Following
from recsvc.offers.holdout import BUCKETS, bucket
from recsvc.placements import read_config, read_placements, unknown_placement

MOST_EXPLORED = 100
POOL = ""  # no experiment's name: beside its arm, an explored list's id holds how many items it was drawn from


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Section [experiments.NAME.arms.ARM]: its share of the experiment's visitors, and what is different for them: the
    settings of another `placement`, another `scenario`, another `model` version. The control changes nothing. An arm
    that `explore`s shows any of so many items in any order, by which new models are looked ahead at."""

    share: float
    placement: str = ""
    scenario: str = ""
    model: str = ""
    explore: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.explore <= MOST_EXPLORED:
            raise ValueError(f"explore is {self.explore}; expected 0 to {MOST_EXPLORED} items")
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}; expected a share between 0 and 1")
        if self.scenario and self.scenario not in SCENARIOS:
            raise ValueError(f"scenario is {self.scenario!r}; expected one of {', '.join(SCENARIOS)}")
        if self.scenario and self.placement:
            raise ValueError("an arm has a placement or a scenario, not both; set the scenario in the placement")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Section [experiments.NAME]: the lists of one `placement` or, without one, of one `scenario`.

    Of its `layer` it has the visitors from the first to the second number of `traffic`, shares of all: experiments of
    one layer never share a visitor, those of different layers do. `salt` draws anew.
    """

    placement: str = ""
    scenario: str = ""
    layer: str = "default"
    traffic: tuple[float, ...] = (0.0, 1.0)
    salt: str = ""
    arms: Mapping[str, Arm] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.placement) == bool(self.scenario):
            raise ValueError("say which lists are tested: a placement, or a scenario")
        if self.scenario and self.scenario not in SCENARIOS:
            raise ValueError(f"scenario is {self.scenario!r}; expected one of {', '.join(SCENARIOS)}")
        if len(self.traffic) != 2 or not 0 <= self.traffic[0] < self.traffic[1] <= 1:
            raise ValueError(f"traffic is {list(self.traffic)}; expected two shares such as [0.0, 0.5]")

    def draw(self, name: str, visitor: str) -> str | None:
        """The visitor's arm; None for one who is not in the experiment."""
        low, high = (round(share * BUCKETS) for share in self.traffic)
        if not low <= bucket("layer", self.layer, visitor) < high:
            return None
        drawn, reached = bucket(self.salt, name, visitor), 0.0
        for arm, settings in self.arms.items():
            reached += settings.share
            if drawn < round(reached * BUCKETS):
                return arm
        return list(self.arms)[-1]


Experiments = Mapping[str, Experiment]


@dataclass(frozen=True)
class Drawn:
    """What the experiments say of one request: (experiment, arm) of all it takes part in, and what these change."""

    arms: tuple[tuple[str, str], ...] = ()
    placement: str = ""
    scenario: str = ""
    model: str = ""
    explore: int = 0


NOTHING = Drawn()


def draw(experiments: Experiments, visitor: str | None, placement: str | None, scenario: str) -> Drawn:
    """Draw the visitor's arms for the lists of a placement, or of a scenario where the request names no placement."""
    if not experiments or visitor is None:
        return NOTHING
    found: list[tuple[str, str]] = []
    changes, explore = {"placement": "", "scenario": "", "model": ""}, 0
    for name, experiment in experiments.items():
        tested = experiment.placement == placement if placement else experiment.scenario == scenario
        arm = experiment.draw(name, visitor) if tested else None
        if arm is not None:
            found.append((name, arm))
            explore = max(explore, experiment.arms[arm].explore)
            changes |= {key: value for key in changes if (value := getattr(experiment.arms[arm], key))}
    return Drawn(tuple(found), **changes, explore=explore)


def read_experiments(path: Path | None) -> Experiments:
    """The tables [experiments.NAME] of the file; none without a file. Raises SettingsError naming file and place."""
    tables = read_config(path).get("experiments", {})
    if not tables:
        return {}
    known = read_placements(path)
    try:
        found = {name: _experiment(name, table) for name, table in tables.items()}
        for name, experiment in found.items():
            _check(name, experiment, known)
        for (one, first), (other, second) in combinations(found.items(), 2):
            if first.layer == second.layer and _overlap(first.traffic, second.traffic):
                raise SettingsError(
                    f"[experiments.{one}] and [experiments.{other}] share visitors of the layer '{first.layer}'; "
                    "give them parts of traffic that do not overlap, or layers of their own"
                )
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return found


def shares_of(experiments: Experiments) -> dict[str, dict[str, float]]:
    """What each experiment promised its arms, the control first."""
    return {name: {arm: one.share for arm, one in found.arms.items()} for name, found in experiments.items()}


def _experiment(name: str, table: Any) -> Experiment:
    if not isinstance(table, dict):
        raise SettingsError(f"experiments.{name} is {table!r}; expected a table [experiments.{name}]")
    arms = table.get("arms", {})
    if not isinstance(arms, dict) or not all(isinstance(arm, dict) for arm in arms.values()):
        raise SettingsError(f"arms in [experiments.{name}] are no tables; write [experiments.{name}.arms.control]")
    plain = {key: value for key, value in table.items() if key != "arms"}
    read = read_section(Experiment, plain, f"experiments.{name}")
    named = {arm: read_section(Arm, one, f"experiments.{name}.arms.{arm}") for arm, one in arms.items()}
    return Experiment(**{**read.__dict__, "arms": named})


def _check(name: str, experiment: Experiment, known: Iterable[str]) -> None:
    place = f"[experiments.{name}]"
    if len(experiment.arms) < 2:
        raise SettingsError(f"{place} has {len(experiment.arms)} arms; expected two or more, the control first")
    total = sum(arm.share for arm in experiment.arms.values())
    if abs(total - 1) > 1e-6:
        raise SettingsError(f"{place}: the shares of its arms add up to {total:g}; expected 1")
    for text in (name, *experiment.arms):
        if not text or "\0" in text or len(text.encode()) > 100:
            raise SettingsError(f"{place}: {text[:40]!r} is no name; expected up to 100 letters")
    for wanted in (experiment.placement, *(arm.placement for arm in experiment.arms.values())):
        if wanted and wanted not in set(known):
            raise SettingsError(f"{place}: {unknown_placement(wanted, known)}")


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


class LiveExperiments(Following[Experiments]):
    """Follows the experiments of the settings."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, read_experiments, "experiments")
