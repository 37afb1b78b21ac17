"""Trainings in processes of their own, started in milliseconds, so that they can be killed or starved by the dozen."""

import multiprocessing
import os
import resource
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

# Loaded once, by the server that every training is forked from.
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
LONGEST = 300.0


@dataclass(frozen=True)
class Ended:
    """How a training ended; a signal is its number below 0."""

    code: int
    said: str


class Training:
    """One running `recsvc train`, and what it says."""

    def __init__(self, arguments: list[str], *, largest_file: int | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        self._pipe, says = context.Pipe(duplex=False)
        self._heard = b""
        self.process: ForkServerProcess = context.Process(target=_run, args=(arguments, says, largest_file))
        self.process.start()
        says.close()

    def wait(self) -> Ended:
        """Its end; one that takes longer than LONGEST is killed, and told by TimeoutError."""
        self.process.join(LONGEST)
        late = self.process.exitcode is None
        self.process.kill()
        self.process.join()
        os.set_blocking(self._pipe.fileno(), True)
        with os.fdopen(os.dup(self._pipe.fileno()), "rb") as pipe:
            said = (self._heard + pipe.read()).decode("utf-8", "replace")
        self._pipe.close()
        if late:
            raise TimeoutError(f"a training takes more than {LONGEST} s: {said}")
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, said)

    def said(self) -> str:
        """What it has said so far."""
        os.set_blocking(self._pipe.fileno(), False)
        with suppress(BlockingIOError):
            while more := os.read(self._pipe.fileno(), 65_536):
                self._heard += more
        return self._heard.decode("utf-8", "replace")

    def wait_for(self, words: str) -> None:
        """Return once it has said these words, or has ended."""
        while words not in self.said() and self.process.is_alive():
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL, at once."""
        self.process.kill()


def _run(arguments: list[str], says: Connection, largest_file: int | None) -> None:
    from recsvc.cli.main import main

    # A pipe takes some 64 kB before it waits for its reader: more than a training says.
    os.dup2(says.fileno(), 1)
    os.dup2(says.fileno(), 2)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    main.main(["train", *arguments], prog_name="recsvc")
