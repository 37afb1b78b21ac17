"""Trainings that are killed at any moment while a service answers: is what is published always whole?

    python -m benchmarks.faults kills [--kills 100] [--seed 1]

A made-up shop is trained again and again; each training is killed with SIGKILL in a step, or before the first, that is
drawn anew each time, after a part of a second that is drawn too, so that kills fall into all of them. After each, what
is published must be whole, in the history, and what the service answers from; half bundles must be nowhere, and a
training afterwards clears away what was left. The service must have answered every request.
"""

import argparse
import http.client
import json
import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.events import Victim
from benchmarks.faults.trainings import Training
from models.registry import Registry
from training.pipeline import STEPS

SHOWN = 10
LONGEST_PAUSE = 1.0  # its square in seconds: more kills early in a step than late


class Asker:
    """Asks a service for lists without a pause, in a thread, and counts what it answers."""

    def __init__(self, port: int) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0  # seconds
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def model(self) -> str | None:
        """The model that answers now; None where none does."""
        return _asked(self._port)[1]

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            started = time.monotonic()
            self.answers[_asked(self._port)[0]] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)


@dataclass
class Killed:
    """What a hundred kills came to."""

    kills: int = 0
    finished: int = 0  # trainings that were done before the kill came
    steps: Counter[str] = field(default_factory=Counter)  # the step that each kill fell into
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def kill_trainings(arguments: list[str], store: Path, *, kills: int, seed: int) -> Killed:
    """Kill so many trainings for `store`, which has a published model; a service answers from it all the time."""
    rng, outcome, registry = random.Random(seed), Killed(), Registry(store)  # noqa: S311
    steps = ["", *(f"{name} …" for name, _ in STEPS)]
    service = Victim(store, None, 1)
    try:
        with Asker(service.port) as asker:
            while outcome.kills < kills:
                training = Training(arguments)
                training.wait_for(rng.choice(steps))
                time.sleep(rng.uniform(0, LONGEST_PAUSE) ** 2)
                training.kill()
                ended = training.wait()
                outcome.kills += ended.code < 0
                outcome.finished += ended.code == 0
                outcome.steps[step_of(ended.said)] += ended.code < 0
                outcome.failures += [f"kill {outcome.kills}: {fault}" for fault in faults_of(registry)]
                if ended.code > 0:
                    outcome.failures.append(f"a training ended with {ended.code}: {ended.said}")
                    break
            wait_until(lambda: asker.model() == registry.current())
            if asker.model() != registry.current():
                outcome.failures.append(f"the service answers from {asker.model()}, not from {registry.current()}")
        outcome.answers = asker.answers
    finally:
        service.stop()
    last = Training(arguments).wait()
    left = [path.name for path in registry.work.iterdir()]
    if last.code != 0 or left:
        outcome.failures.append(f"the training after all ended with {last.code} and left {left}")
    if set(outcome.answers) != {"200"}:
        outcome.failures.append(f"the service answered {dict(outcome.answers)}")
    return outcome


def faults_of(registry: Registry) -> list[str]:
    """What is wrong with the store: damaged bundles under a version's name, a published one that is not there."""
    versions, current = registry.versions(), registry.current()
    found = [problem for version in versions for problem in registry.verify(version)]
    if current not in versions:
        found.append(f"{current} is published and not there")
    strange = {path.name for path in registry.bundles.iterdir()} - set(versions)
    return found + [f"{name} lies among the bundles" for name in strange]


def step_of(said: str) -> str:
    """The last step that a training had begun, from what it said."""
    steps = [line.split("] ")[1].split(" …")[0] for line in said.splitlines() if line.startswith("[") and " …" in line]
    return steps[-1] if steps else "starting"


def wait_until(condition: Any) -> None:
    """Wait some seconds for it."""
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)


def _asked(port: int) -> tuple[str, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/recommend?n=5")
        answer = connection.getresponse()
        return str(answer.status), json.loads(answer.read()).get("model_version")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__, None
    finally:
        connection.close()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """On a shop of 40 customers that is made up here."""
    with tempfile.TemporaryDirectory(prefix="recsvc-kills-") as directory:
        folder = Path(directory)
        arguments = small_shop(folder, options.seed)
        first = Training(arguments).wait()
        if first.code != 0:
            return {"failures": [first.said]}
        outcome = kill_trainings(arguments, folder / "store", kills=options.kills, seed=options.seed)
    return {
        "kills": outcome.kills,
        "trainings_done_before_the_kill": outcome.finished,
        "kills_by_step": dict(outcome.steps),
        "answers_meanwhile": dict(outcome.answers),
        "failures": outcome.failures[:SHOWN],
    }


def small_shop(folder: Path, seed: int) -> list[str]:
    """Purchases of 40 customers in `folder`, and what `recsvc train` needs to hear to learn from them."""
    from benchmarks.generate import ShopSettings, write_shop

    write_shop(folder / "shop", ShopSettings(customers=40, items=50, rows=500, seed=seed, days=90))
    shop = folder / "shop"
    files = ["--purchases", shop / "purchases.parquet", "--products", shop / "products.parquet"]
    return [*map(str, files), "--store", str(folder / "store")]
