"""Several instances on one PostgreSQL and one registry, behind a load balancer: how many requests fail?

    python -m benchmarks.fleet --database postgresql://… [--store DIR] [--registry URL] [--instances 2] [--rounds 3]

In each round a model is published and rolled back, every instance's workers are replaced (SIGHUP), and every instance
is stopped (SIGTERM) and started again, one after the other, while others answer. Each instance has a store of its own.
The balancer asks /health/ready every 0.2 s and sends nobody to an instance that is not ready; it repeats no request,
and any answer but 200, or none, is a failure. Works on a copy of the store; the registry is a new directory unless
named.
"""

import argparse
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.cost import RECSVC
from benchmarks.swap import free_port, two_versions
from models.registry import Registry
from models.remote_registry import open_registry
from recsvc.engine import Engine

LOOK, PAUSE, PATIENCE = 0.2, 0.02, 90.0
LEAVE_SECONDS = "1.5"  # several looks of the balancer
THREADS = 4


@dataclass
class Instance:
    """A `recsvc serve` that can be stopped and started again, on a port and a store of its own."""

    store: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        where = ["--store", str(self.store), "--port", str(self.port), "--workers", "1", "--leave", LEAVE_SECONDS]
        with self.store.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen([RECSVC, "serve", *where], stderr=log, env=self.environment)

    def stop(self) -> int:
        """Tell it to end, and wait until it has."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Stop it if it runs, by force if need be."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """One request on a connection of its own; raises OSError or HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            if body is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException, ValueError):
            return self.ask("/health/ready")[0] == 200
        return False


class Balancer:
    """Sends requests to the instances that are ready, in turn, each from a connection that it keeps."""

    def __init__(self, instances: list[Instance], path: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self.answered: Counter[int] = Counter()  # by port
        self.versions: set[str] = set()
        self._instances, self._path = instances, path
        self._ready = [instance for instance in instances if instance.is_ready()]
        self._turn = itertools.count()
        self._lock, self._end = threading.Lock(), threading.Event()

    @contextmanager
    def loading(self, threads: int = THREADS) -> Iterator[None]:
        """Ask from so many threads until the block ends."""
        running = [threading.Thread(target=self._ask) for _ in range(threads)]
        running.append(threading.Thread(target=self._look))
        for thread in running:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in running:
                thread.join()

    @property
    def failed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome != "200")

    def _look(self) -> None:
        while not self._end.wait(LOOK):
            self._ready = [instance for instance in self._instances if instance.is_ready()]

    def _ask(self) -> None:
        kept: dict[int, http.client.HTTPConnection] = {}
        while not self._end.wait(PAUSE):
            ready = self._ready
            if not ready:
                self._count("no instance is ready", 0, None)
                continue
            port = ready[next(self._turn) % len(ready)].port
            connection = kept.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=30))
            try:
                connection.request("GET", self._path)
                response = connection.getresponse()
                self._count(str(response.status), port, json.loads(response.read()).get("model_version"))
            except (http.client.HTTPException, ValueError, OSError) as error:
                connection.close()
                self._count(repr(error), port, None)
            # A balancer drops what it keeps to an instance that has left.
            for other in kept.keys() - {instance.port for instance in self._ready}:
                kept.pop(other).close()
        for connection in kept.values():
            connection.close()

    def _count(self, outcome: str, port: int, version: str | None) -> None:
        with self._lock:
            self.outcomes[outcome] += 1
            if outcome == "200":
                self.answered[port] += 1
            if version:
                self.versions.add(version)


def until(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> float:
    """Seconds until it holds; raises TimeoutError."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > within:
            raise TimeoutError(f"{what}: not within {within:g} s")
        time.sleep(0.05)
    return time.monotonic() - start


def worker_of(instance: Instance) -> set[str]:
    """Process ids of an instance's workers; Linux only."""
    assert instance.process is not None
    pid = instance.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return {child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def replaced(instance: Instance) -> Callable[[], bool]:
    """Whether, from now on, its workers are others than now."""
    before = worker_of(instance)
    return lambda: bool(now := worker_of(instance)) and not now & before


@dataclass
class Course:
    """What a run saw: seconds until every instance served what was published, and until an event of one was seen by
    the others."""

    seen_after: list[float] = field(default_factory=list)
    event_seen_after: list[float] = field(default_factory=list)


def run(
    instances: list[Instance],
    versions: list[str],
    registry: Registry,
    *,
    rounds: int,
    customers: Iterable[str],
) -> tuple[Balancer, Course]:
    """The whole course under load; the instances run, the first of the versions is published, and both are there."""
    remaining = iter(customers)
    balancer, course = Balancer(instances, f"/recommend?customer_id={next(remaining)}&n=5"), Course()
    with balancer.loading():
        for turn in range(rounds):
            registry.publish(versions[1], why="benchmark", now=datetime.now(UTC))
            course.seen_after.append(until_all_serve(instances, versions[1]))
            registry.rollback(now=datetime.now(UTC))
            course.seen_after.append(until_all_serve(instances, versions[0]))
            course.event_seen_after.append(until_event_is_seen(instances, turn, next(remaining)))
            for instance in instances:
                assert instance.process is not None
                done = replaced(instance)
                instance.process.send_signal(signal.SIGHUP)
                until(done, "new workers")
            for instance in instances:
                code = instance.stop()
                if code:
                    raise RuntimeError(f"an instance ended with {code}: see {instance.store.with_suffix('.log')}")
                instance.start()
                until(instance.is_ready, "an instance that was started again")
                time.sleep(2 * LOOK)  # the balancer has it back before the next one goes
    return balancer, course


def until_all_serve(instances: list[Instance], version: str) -> float:
    """Seconds until /health/ready of every instance names this model."""

    def all_do() -> bool:
        with suppress(OSError, http.client.HTTPException, ValueError):
            return all(instance.ask("/health/ready")[1]["model_version"] == version for instance in instances)
        return False

    return until(all_do, f"{version} on every instance")


def until_event_is_seen(instances: list[Instance], turn: int, customer: str) -> float:
    """Put an item into a cart at one instance; seconds until no instance lists it any more."""
    path = f"/recommend?customer_id={customer}&scenario=popular&n=20"

    def listed(instance: Instance) -> list[str]:
        return [item["item_id"] for item in instance.ask(path)[1]["items"]]

    item = listed(instances[-1])[0]
    event = {"type": "add_to_cart", "event_id": uuid.uuid4().hex, "customer_id": customer, "items": [item]}
    status, answer = instances[turn % len(instances)].ask("/events", event)
    if status != 202:
        raise RuntimeError(f"/events answered {status}: {answer}")
    return until(lambda: not any(item in listed(instance) for instance in instances), "the event", 10)


@contextmanager
def running(instances: list[Instance]) -> Iterator[None]:
    """Start all, wait until each is ready, and end them in any case."""
    with ExitStack() as at_the_end:
        for instance in instances:
            instance.start()
            at_the_end.callback(instance.end)
        for instance in instances:
            until(instance.is_ready, f"an instance; see {instance.store.with_suffix('.log')}")
        yield


def main() -> int:
    """Prints one JSON object; exits with 1 when a request failed or a model took longer than ten seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("RECSVC_STORE", "var/store")))
    parser.add_argument("--database", default=os.environ.get("RECSVC_DATABASE_URL"))
    parser.add_argument("--registry", help="an address for RECSVC_REGISTRY; without it a new directory")
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.database:
        print("not measured: name an empty PostgreSQL database with --database")
        return 0
    with tempfile.TemporaryDirectory(prefix="recsvc-fleet-") as directory:
        folder = Path(directory)
        versions = two_versions(options.store, folder / "trainer")
        (folder / "registry").mkdir()
        os.environ["RECSVC_REGISTRY"] = options.registry or (folder / "registry").as_uri()
        registry = open_registry(folder / "trainer")
        for version in reversed(versions):
            registry.publish(version, why="benchmark", now=datetime.now(UTC))
        environment = {**os.environ, "RECSVC_DATABASE_URL": options.database, "RECSVC_SECRET": uuid.uuid4().hex}
        instances = [Instance(folder / f"instance-{number}", environment) for number in range(options.instances)]
        ids = Engine.from_bundle(registry.open(verify=False)).customers
        started = time.monotonic()
        with running(instances):
            customers = (ids[index] for index in range(options.rounds + 1))
            balancer, course = run(instances, versions, registry, rounds=options.rounds, customers=customers)
    print(json.dumps({"seconds": round(time.monotonic() - started), **summary(balancer, course)}))
    return 1 if balancer.failed or max(course.seen_after) > 10 or max(course.event_seen_after) > 1 else 0


def summary(balancer: Balancer, course: Course) -> dict[str, Any]:
    """What is printed."""
    return {
        "requests": sum(balancer.outcomes.values()),
        "failed": balancer.failed,
        "outcomes": dict(balancer.outcomes),
        "answered_by_instance": sorted(balancer.answered.values()),
        "versions_seen": len(balancer.versions),
        "model_seen_by_all_after_seconds": [round(seconds, 2) for seconds in course.seen_after],
        "event_seen_by_all_after_seconds": [round(seconds, 2) for seconds in course.event_seen_after],
    }


if __name__ == "__main__":
    sys.exit(main())
