"""The recommender as the trainer makes it, as a contender; apart from the rest, which the trainer itself uses."""

from dataclasses import replace

from training.evaluate.contenders import Contender
from training.pipeline import STEPS, fit
from training.progress import Steps
from training.settings import TrainingSettings


def trained_contender(name: str, settings: TrainingSettings, horizon_days: int) -> Contender:
    """The recommender as `recsvc train` would make it with these settings, for lists that look `horizon_days` ahead."""
    looking_ahead = replace(settings, ranker=replace(settings.ranker, horizon_days=horizon_days))
    return Contender(name=name, fit=lambda data: fit(data, looking_ahead, Steps(STEPS, quiet=True))[0])
