"""kill -9 or Ctrl-C at any moment of `recsvc train`: the published model stays, and nobody meets a half bundle."""

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from models.registry import Registry
from training.pipeline import STEPS

# Loaded once; every training then starts in milliseconds, in a fresh process.
LOADED = [
    "recsvc.cli.main",
    "training.commands",
    "training.pipeline",
    "duckdb",
    "ibis.backends.duckdb",
    "implicit.als",
    "lightgbm",
    "sklearn.isotonic",
]
LONGEST_WAIT = 100.0


def train(shop: Path, store: Path, log: Path) -> None:
    """What `recsvc train` does, with stderr in a file."""
    from recsvc.cli.main import main

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    files = ["--purchases", shop / "purchases.csv", "--products", shop / "products.csv", "--store", store]
    main.main(["train", *map(str, files)], prog_name="recsvc")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context


def stopped(processes: ForkServerContext, shop: Path, store: Path, sign: signal.Signals, step: str) -> tuple[int, str]:
    """Train, and send a signal shortly after the step has begun; exit code and what was said."""
    log = store.parent / f"{sign.name} {step}.log"
    log.touch()
    training = processes.Process(target=train, args=(shop, store, log))
    training.start()
    assert training.pid is not None
    try:
        began = time.monotonic()
        while f"{step} …" not in log.read_text() and training.is_alive():
            assert time.monotonic() - began < LONGEST_WAIT, log.read_text()
            time.sleep(0.005)
        time.sleep(random.Random(f"{sign} {step}").uniform(0, 0.2))
        with contextlib.suppress(ProcessLookupError):
            os.kill(training.pid, sign)
        training.join(LONGEST_WAIT)
    finally:
        training.kill()
        training.join()
    assert training.exitcode is not None
    return training.exitcode, log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_stopped_training_leaves_what_is_published(
    processes: ForkServerContext, tiny_shop: Path, tiny_store: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    store = shutil.copytree(tiny_store, tmp_path / "store")
    registry = Registry(store)
    published = registry.current()
    for step, _ in STEPS:
        code, said = stopped(processes, tiny_shop, store, sign, step)
        if code == 0:
            # It was done before the signal came: what is published then is whole and its own.
            published = registry.versions()[-1]
        elif sign == signal.SIGINT:
            assert code == 1, said
            assert said.rstrip().endswith("Aborted!")
            assert list(registry.work.iterdir()) == []
        else:
            assert code == -signal.SIGKILL
        assert "Traceback" not in said
        assert registry.current() == published
        assert [problem for version in registry.versions() for problem in registry.verify(version)] == []
    with registry.workspace() as work:
        assert list(registry.work.iterdir()) == [work]
