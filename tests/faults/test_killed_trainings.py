"""Trainings that are killed while a service answers, and two that publish at once.

`python -m benchmarks.faults kills publishers bits` does it in larger numbers.
"""

import shutil
import time
from pathlib import Path

import pytest

from benchmarks.faults.kills import kill_trainings, step_of
from benchmarks.faults.publishers import faults_of_pair, train_at_once
from models.registry import Registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def arguments_of(shop: Path, store: Path) -> list[str]:
    files = ["--purchases", shop / "purchases.csv", "--products", shop / "products.csv", "--store", store]
    return [str(argument) for argument in files]


def test_killed_trainings_leave_whole_models_and_a_service_that_answers(
    tiny_shop: Path, tiny_store: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(tiny_store, tmp_path / "store")
    outcome = kill_trainings(arguments_of(tiny_shop, store), store, kills=4, seed=2)
    assert outcome.failures == []
    assert outcome.kills == 4
    assert len(outcome.steps) > 1
    assert outcome.answers["200"] > 20


def test_two_trainers_publish_at_once(tiny_shop: Path, tiny_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(tiny_store, tmp_path / "store")
    registry = Registry(store)
    time.sleep(1.1)  # versions are named by the second
    both = arguments_of(tiny_shop, store)
    ended = train_at_once([[*both, "--force"], [*both, "--force", "--until", "2026-02-20"]])
    assert faults_of_pair(registry, ended) == []
    assert len(registry.history()) == 3
    assert len(registry.versions()) == 3


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("", "starting"),
        ("[1/6] reading purchases …\nreading a.csv\n", "reading purchases"),
        ("[1/6] reading purchases …\n[1/6] reading purchases: 1.0 s\n[2/6] learning … about 9 s left\n", "learning"),
    ],
)
def test_the_step_that_a_kill_fell_into(said: str, step: str) -> None:
    assert step_of(said) == step
