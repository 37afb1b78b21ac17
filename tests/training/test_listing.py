"""The lists of all customers, by threads and through files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.interactions import Interactions
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import STORED
from tests.engine.conftest import trees_over
from training.listing import lists_of_all
from training.progress import Part, Steps
from training.ranker_settings import RankerSettings
from training.settings import TrainingSettings


@pytest.fixture(scope="module")
def recommender(tiny_store: Path) -> Recommender:
    """The tiny shop's, with small trees that rank."""
    recommender = Recommender.from_bundle(Registry(tiny_store).open())
    ranker = trees_over(recommender)
    return replace(recommender, rankers={"home": ranker, "discover": ranker})


def nothing_said() -> Part:
    return Part(Steps([("lists", 1.0)], quiet=True), "lists")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_lists_are_those_of_one_block(recommender: Recommender, tmp_path: Path, threads: int) -> None:
    n_customers = len(recommender.histories)
    settings = TrainingSettings(ranker=RankerSettings(threads=threads))
    stored = lists_of_all(recommender, settings, nothing_said(), tmp_path)
    every = recommender.rank_several(recommender.queries(np.arange(n_customers)), STORED, settings.lists.stored)
    for name, expected in every.items():
        lists, scored = stored[name], expected.scored
        assert lists.indptr.tolist() == scored.indptr.tolist()
        assert lists.item.tolist() == scored.item.tolist()
        assert lists.score.tolist() == scored.score.tolist()
        assert lists.source.tolist() == expected.source.tolist()


def test_who_bought_nothing_and_nobody_at_all(recommender: Recommender, tmp_path: Path) -> None:
    for n_customers in (0, 2):
        folder = tmp_path / str(n_customers)
        folder.mkdir()
        nobody = replace(recommender, histories=Interactions.empty(n_customers))
        stored = lists_of_all(nobody, TrainingSettings(), nothing_said(), folder)
        assert len(stored["again"].indptr) == n_customers + 1
        assert len(stored["again"].item) == 0
