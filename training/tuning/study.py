"""The search itself: Optuna proposes from the trials so far, which lie in a file that an interrupted training finds
again.
"""

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import optuna

from training.settings import TrainingSettings
from training.tuning.measure import worth
from training.tuning.space import Knob, Values, value_of, with_values

# Trials at random before the search learns from what it found; settings that a trial changes of the best so far. Few:
# most of what a trial changes makes it worse, and what it leaves alone need not be fitted again.
AT_RANDOM, CHANGED = 10, 4
# Studies of earlier data that stay beside the newest.
KEPT_STUDIES = 4
# How many times as long as a trial the second look takes: two settings on a window that nothing is known of yet.
SECOND_LOOK = 2.0

Measure = Callable[[TrainingSettings], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One try: the values that it changed, ndcg@10 by scenario, how much better than the default it was, and how long
    it took."""

    values: Mapping[str, int | float]
    ndcg: Mapping[str, float]
    gain: float
    seconds: float


class Study:
    """The trials of one search, a line each in `folder`/`key`.jsonl; those of other searches go, but for the newest."""

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{key}.jsonl"
        self._path.touch()
        self.trials, length = [], 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):  # a run was killed while it wrote
                break
            self.trials.append(Trial(**json.loads(line)))
            length += len(line)
        os.truncate(self._path, length)
        by_age = sorted(folder.glob("*.jsonl"), key=lambda path: (path == self._path, path.stat().st_mtime))
        for old in by_age[: -1 - KEPT_STUDIES]:
            old.unlink(missing_ok=True)

    def add(self, trial: Trial) -> None:
        """Keep a trial, for good once this returns."""
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(trial)) + "\n")
            out.flush()
            os.fsync(out.fileno())
        self.trials.append(trial)


def search(
    study: Study,
    settings: TrainingSettings,
    knobs: Sequence[Knob],
    first: Mapping[str, int | float],
    measure: Measure,
    *,
    seed: int,
    seconds: float,
    clock: Callable[[], float],
    show: Callable[[float], None],
) -> None:
    """Add trials to the study for about `seconds`, of which the second look gets its part.

    The first trial is `settings` as they are, the second `first`, where it changes anything; each of the others changes
    a few values of the best so far. What a trial tries depends on the seed and the trials before it alone, so that an
    interrupted search goes on as if it had not been.
    """
    began = clock()
    default = {knob.key: value_of(settings, knob.key) for knob in knobs}
    warm = {key: value for key, value in first.items() if key in default and value != default[key]}
    done = study.trials
    while not done or clock() - began + _usual(done) * (1 + SECOND_LOOK) <= seconds:
        values = _next(knobs, default, warm, done, seed)
        before = clock()
        ndcg = dict(measure(with_values(settings, values)))
        study.add(
            Trial(
                values={key: value for key, value in values.items() if value != default[key]},
                ndcg=ndcg,
                gain=worth(ndcg, done[0].ndcg) if done else 0.0,
                seconds=round(clock() - before, 3),
            )
        )
        show(min(1.0, (clock() - began) / seconds))


def _usual(trials: Sequence[Trial]) -> float:
    return float(np.mean([trial.seconds for trial in trials]))


def best_of(trials: Sequence[Trial]) -> Trial:
    """The best trial, the earliest of equal ones."""
    return max(trials, key=lambda trial: trial.gain)


def _next(knobs: Sequence[Knob], default: Values, warm: Values, done: Sequence[Trial], seed: int) -> Values:
    """All values of the next trial."""
    if not done:
        return default
    if len(done) == 1 and warm:
        return {**default, **warm}
    rng = np.random.default_rng([seed, len(done)])
    free = rng.choice(sorted(default), min(CHANGED, len(default)), replace=False)
    best = {**default, **best_of(done).values}
    space = {knob.key: knob.distribution(default[knob.key]) for knob in knobs}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tpe = optuna.samplers.TPESampler(seed=seed + len(done), n_startup_trials=AT_RANDOM, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=tpe)
    study.add_trials(
        optuna.trial.create_trial(params={**default, **trial.values}, distributions=space, value=trial.gain)
        for trial in done
    )
    study.enqueue_trial({key: value for key, value in best.items() if key not in free})
    proposed: Values = study.ask(space).params
    return proposed
