"""Which settings a training goes on with: what the published model tuned is kept until a training tunes again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.bundle import Manifest
from training.data import TrainingData
from training.progress import Steps
from training.settings import TrainingSettings
from training.tuning.space import KEYS, Values, with_values

STEP = "tuning"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a training was asked to tune: `given` settings, 'section.name', stay as they are; `minutes` to search, 0:
    no search; `untuned`: go without what the published model tuned."""

    given: frozenset[str] = frozenset()
    minutes: float = 0.0
    untuned: bool = False

    @property
    def steps(self) -> tuple[tuple[str, float], ...]:
        """The step that it adds to a training, with its weight."""
        return ((STEP, 60 * self.minutes),) if self.minutes else ()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The settings; `values`, by 'section.name', that tuning put into them; `facts` for the manifest; the search's
    `document`, where there was one."""

    settings: TrainingSettings
    values: Values = field(default_factory=dict)
    facts: Mapping[str, Any] | None = None
    document: Mapping[str, Any] | None = None


def choose(
    wish: Wish, data: TrainingData, settings: TrainingSettings, folder: Path, published: Manifest | None, steps: Steps
) -> Chosen:
    """The settings to train with; a search keeps its trials in `folder`."""
    kept = Chosen(settings=settings)
    if published is not None and not wish.untuned:
        kept = keep(settings, published, wish.given, steps)
    if not wish.minutes:
        if kept.values:
            shown = ", ".join(f"{key} = {value:.6g}" for key, value in kept.values.items())
            steps.say(f"kept as tuned: {shown} (without: --untuned; anew: --tune MINUTES)")
        return kept
    # Optuna takes a second to load.
    from training.tuning.tune import tune

    with steps.step(STEP) as part:
        found = tune(data, settings, folder, minutes=wish.minutes, given=wish.given, first=kept.values, show=part.show)
    steps.say(found.sentence())
    values = found.tuned
    return Chosen(
        settings=with_values(settings, values), values=values, facts=found.summary(), document=found.document()
    )


def keep(settings: TrainingSettings, published: Manifest, given: frozenset[str], steps: Steps) -> Chosen:
    """`settings` with the values that `published` has from tuning, its own or an earlier one's. What the settings file
    gives goes before them, and what this version of recsvc no longer knows or takes is left out.
    """
    values: Values = {}
    for key, value in published.settings.get("tuned", {}).items():
        if key in given:
            continue
        try:
            if key not in KEYS:
                raise ValueError("it is no longer tuned")
            settings = with_values(settings, {key: value})
        except ValueError as error:
            steps.say(f"{key} = {value}, as tuned, is left out: {error}")
            continue
        values[key] = value
    facts = {"kept_from": published.version} if values else None
    return Chosen(settings=settings, values=values, facts=facts)
