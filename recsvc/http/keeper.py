"""Keeps a machine's copies as a registry publishes them that several machines share.

One process of a machine asks, whatever runs on its store; workers look at the store's `current` as ever. What it found
is in the file `registry.json` of the store, for `/health/ready`, `/metrics` and `recsvc doctor`.
"""

import fcntl
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from models.bundle import write_replacing
from models.errors import RecsvcError, UnreachableError
from models.remote_registry import RemoteRegistry

log = logging.getLogger(__name__)

REPORT, LOCK = "registry.json", "keeper.lock"
LOOK_SECONDS = 2.0
SILENT_SECONDS = 30.0  # without a look, after which something is wrong with whoever looks
LONGEST_FETCH = 3600.0  # the same, while a model is fetched
LONGEST_REST = 300.0  # seconds before a model that could not be fetched is tried again
TIDY_SECONDS = 600.0


@dataclass(frozen=True)
class Report:
    """One look: when (seconds since 1970), what was published, whether the registry answered, what is wrong, and the
    version that is being fetched since."""

    url: str
    looked_at: float
    published: str | None
    up: bool
    problem: str | None
    fetching: str | None = None

    @classmethod
    def read(cls, store: Path) -> "Report | None":
        """The last look of whoever keeps this store; None where nobody has looked yet."""
        try:
            return cls(**json.loads((store / REPORT).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        write_replacing(store / REPORT, [json.dumps(asdict(self)).encode() + b"\n"])


def state_of(registry: RemoteRegistry, now: float) -> tuple[bool, str | None]:
    """Whether the registry answers, and what a person should look at."""
    report = Report.read(registry.store)
    if report is None or report.url != registry.depot.url:
        return False, f"nobody has looked at {registry.depot.url} yet"
    if now - report.looked_at > (LONGEST_FETCH if report.fetching else SILENT_SECONDS):
        silent = f"nobody has looked at {report.url} for {now - report.looked_at:.0f} s: it hangs, or no service runs"
        return False, silent
    return report.up, report.problem


class Keeper:
    """Looks every LOOK_SECONDS, unless another process on this store does.

    `wanted` names versions besides the published one that are to be here, such as those of experiments.
    """

    def __init__(self, registry: RemoteRegistry, wanted: Callable[[], Iterable[str]] = tuple) -> None:
        self._registry, self._wanted = registry, wanted
        self._stop = threading.Event()
        self._said: str | None = None
        self._tidied = 0.0
        self._rests: dict[str, tuple[float, float, str]] = {}  # of a version: not before, the next rest, what was wrong

    def start(self) -> None:
        """Look in the background until `stop()`."""
        threading.Thread(target=self._keep, name="recsvc-registry", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _keep(self) -> None:
        self._registry.store.mkdir(parents=True, exist_ok=True)
        with (self._registry.store / LOCK).open("w") as lock:
            while not self._stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.look()
                except BlockingIOError:
                    pass  # another service on this store looks
                except (RecsvcError, OSError, ValueError, TypeError, KeyError) as error:
                    log.error("registry not kept", extra={"problem": repr(error)})
                self._stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Look once: fetch what is published and wanted, let this machine serve it, and write down how it went."""
        published, up, problems = None, True, []
        try:
            published = self._registry.current()
            self._registry.learn_erased()
        except UnreachableError as error:
            up, problems = False, [str(error)]
        except RecsvcError as error:
            problems = [str(error)]
        if published is not None and not self._registry.serves(published):
            problems += self._try(published, published, up, self._registry.follow)
        for version in self._wanted() if up else ():
            if not self._registry.has(version):
                problems += self._try(version, published, up, partial(self._registry.path, version))
        if up and not problems:
            self._tidy()
        problem = "; ".join(problems) or None
        if problem != self._said:
            log.log(logging.ERROR if problem else logging.INFO, "registry", extra={"problem": problem})
            self._said = problem
        self._report(published, up, problem)

    def _report(self, published: str | None, up: bool, problem: str | None, fetching: str | None = None) -> None:
        Report(self._registry.depot.url, time.time(), published, up, problem, fetching).write(self._registry.store)

    def _try(self, version: str, published: str | None, up: bool, fetch: Callable[[], object]) -> list[str]:
        """Fetch; after a failure only once a rest is over, which grows with each."""
        not_before, rest, problem = self._rests.get(version, (0.0, LOOK_SECONDS, ""))
        if time.monotonic() < not_before:
            return [problem]
        self._report(published, up, self._said, fetching=version)
        try:
            fetch()
        except (RecsvcError, OSError) as error:
            problem = f"the model {version} could not be fetched: {error}"
            self._rests[version] = time.monotonic() + rest, min(rest * 2, LONGEST_REST), problem
            return [problem]
        self._rests.pop(version, None)
        return []

    def _tidy(self) -> None:
        now = time.monotonic()
        if now - self._tidied < TIDY_SECONDS and self._tidied:
            return
        with suppress(UnreachableError):  # the next look says so, and the one after tidies
            for version in self._registry.evict(self._wanted()):
                log.info("copy removed", extra={"version": version})
            self._tidied = now
