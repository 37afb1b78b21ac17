"""A day in twenty minutes: does a worker's memory stay flat, and does any request fail?

    python -m benchmarks.soak [--store DIR] [--minutes 20] [--rate 60] [--workers 2]

Works on a copy of the store. A day's visitors, who come again and again, ask for lists of every kind, also with
filters and carts, post events (some of them wrong), look at /metrics and make mistakes, so many requests a second
in all; 24 times another model is published, and the workers are restarted once, half-way. Memory is what belongs to
each worker alone (anonymous pages, Linux only), read every two seconds, and judged without the first third of a
worker's life, in which caches fill: `kb_a_minute` is the slope of a straight line through it, `growth_mb` what that
makes in the time judged; `descriptors` are the fewest, the most and the last files open. Exits with 1 when a request
failed, or a worker grew by more than ALLOWED_MB.
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cost import RECSVC
from benchmarks.swap import free_port, two_versions, wait_until_ready, workers_of
from models.registry import Registry
from recsvc.engine import Engine

THREADS = 4
PUBLICATIONS = 24
VISITORS = 2_000
EVERY = 2.0  # seconds between two looks at the memory
WARM = 1 / 3  # of each half
ALLOWED_MB = 3.0
SCENARIOS = ("home", "discover", "again", "popular")
JSON = {"Content-Type": "application/json"}
Asked = tuple[str, str, object | None, frozenset[int]]  # method, path, body, the answers that are right


@dataclass
class Course:
    """What came of it: answers by status, what failed, and (seconds, bytes) of each worker's memory."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    memory: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    descriptors: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    publications: int = 0


class Visitors:
    """The requests of a day's visitors, drawn at random."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311
        self._customers = [engine.customers[place] for place in range(min(VISITORS, len(engine.customers)))]
        self._items = [engine.catalogue.items[place] for place in range(min(VISITORS, len(engine.catalogue)))]

    def next(self, number: int) -> Asked:
        """The request number so many."""
        rng, fine = self._rng, frozenset((200,))
        customer, items = rng.choice(self._customers), rng.sample(self._items, min(3, len(self._items)))
        session, kind = f"s{rng.randrange(VISITORS)}", rng.random()
        if kind < 0.45:
            return "GET", f"/recommend?customer_id={customer}&scenario={rng.choice(SCENARIOS)}&n=10", None, fine
        if kind < 0.60:
            asked = {"session_id": session, "session_items": items, "n": 8, "customer_id": customer}
            return "POST", "/recommend", asked, fine
        if kind < 0.70:
            dear = {"field": "price", "op": "<=", "value": rng.choice((5, 10, 20))}
            return "POST", "/recommend", {"customer_id": customer, "filter": dear, "n": 10}, fine
        if kind < 0.78:
            return "POST", "/recommend", {"items": items, "scenario": "complements", "explain": False}, fine
        if kind < 0.94:
            what = rng.choice(("view", "view", "add_to_cart", "purchase"))
            event: dict[str, object] = {"type": what, "event_id": f"e{number}", "session_id": session, "items": items}
            if what == "purchase":
                event |= {"customer_id": customer, "order_id": f"o{number}"}
            return "POST", "/events", event, frozenset((202,))
        if kind < 0.96:
            return "POST", "/events", {"type": "view", "event_id": f"e{number}", "items": "none"}, frozenset((400,))
        if kind < 0.98:
            return "GET", f"/recommend?customer_id={customer}&n={rng.randrange(101, 999)}", None, frozenset((400,))
        return "GET", rng.choice(("/metrics", "/health/ready", "/openapi.json")), None, fine


def soak(store: Path, *, seconds: float, rate: float, workers: int, publications: int = PUBLICATIONS) -> Course:
    """Run it on a copy of the store; the course of everything."""
    with tempfile.TemporaryDirectory(prefix="recsvc-soak-") as directory:
        copy = Path(directory) / "store"
        versions = two_versions(store, copy)
        engine = Engine.from_bundle(Registry(copy).open())
        port = free_port()
        where = ["--store", str(copy), "--port", str(port), "--workers", str(workers)]
        service = subprocess.Popen([RECSVC, "serve", *where], stderr=subprocess.DEVNULL)
        course, started = Course(), time.monotonic()
        try:
            wait_until_ready(port)
            started = time.monotonic()
            threads = [
                threading.Thread(
                    target=_visit, args=(Visitors(engine, seed), seed, port, rate, started, seconds, course)
                )
                for seed in range(THREADS)
            ]
            threads.append(threading.Thread(target=_look, args=(service.pid, started, seconds, course)))
            for thread in threads:
                thread.start()
            _publish(copy, versions, service.pid, started, seconds, publications, course)
            for thread in threads:
                thread.join()
        finally:
            service.terminate()
            service.wait(120)
    return course


def _visit(
    visitors: Visitors, seed: int, port: int, rate: float, started: float, seconds: float, course: Course
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    number = seed
    while (now := time.monotonic() - started) < seconds:
        due = number / rate
        if due > now:
            time.sleep(due - now)
        method, path, body, right = visitors.next(number)
        number += THREADS
        try:
            connection.request(method, path, None if body is None else json.dumps(body), JSON)
            answer = connection.getresponse()
            answer.read()
            said = str(answer.status)
            if answer.status not in right:
                course.failures.append(f"{method} {path}: {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            said = type(error).__name__
            course.failures.append(f"{method} {path}: {error!r}")
        course.answers[said] += 1
    connection.close()


def _look(pid: int, started: float, seconds: float, course: Course) -> None:
    while (now := time.monotonic() - started) < seconds:
        for worker in workers_of(pid):
            try:
                course.memory[worker].append((now, own_memory(worker)))
                course.descriptors[worker].append(len(os.listdir(f"/proc/{worker}/fd")))  # noqa: PTH208
            except OSError:  # it has just ended
                continue
        time.sleep(EVERY)


def _publish(
    store: Path, versions: list[str], pid: int, started: float, seconds: float, publications: int, course: Course
) -> None:
    registry = Registry(store)
    for turn in range(publications):
        time.sleep(max(0.0, started + seconds * (turn + 1) / (publications + 1) - time.monotonic()))
        registry.publish(versions[(turn + 1) % 2], why="soak", now=datetime.now(UTC))
        course.publications += 1
        if turn == publications // 2:
            os.kill(pid, signal.SIGHUP)


def own_memory(pid: int) -> int:
    """Bytes of anonymous memory: what the process holds beside files that others map too."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Anonymous:"))


def trend(samples: list[tuple[float, int]]) -> dict[str, float]:
    """The straight line through a worker's memory after its first third, in which caches fill."""
    judged = np.array(samples[int(len(samples) * WARM) :], float)
    minutes, megabytes = judged[:, 0] / 60, judged[:, 1] / 2**20
    slope = float(np.polyfit(minutes, megabytes, 1)[0])
    return {
        "minutes": round(float(minutes[-1] - minutes[0]), 1),
        "mb": round(float(np.median(megabytes)), 1),
        "kb_a_minute": round(slope * 1024, 1),
        "growth_mb": round(slope * float(minutes[-1] - minutes[0]), 2),
    }


def main() -> int:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("RECSVC_STORE", "var/store")))
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second, all together")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    course = soak(options.store, seconds=options.minutes * 60, rate=options.rate, workers=options.workers)
    long = {worker: samples for worker, samples in course.memory.items() if len(samples) > 20}
    trends: dict[str, Any] = {str(worker): trend(samples) for worker, samples in long.items()}
    growing = [worker for worker, line in trends.items() if line["growth_mb"] > ALLOWED_MB]
    print(
        json.dumps(
            {
                "minutes": options.minutes,
                "requests": course.answers.total(),
                "answers": dict(course.answers),
                "publications": course.publications,
                "failed": len(course.failures),
                "failures": course.failures[:10],
                "memory_of_workers": trends,
                "descriptors": {str(worker): [min(n), max(n), n[-1]] for worker, n in course.descriptors.items()},
                "growing": growing,
            }
        )
    )
    return 1 if course.failures or growing else 0


if __name__ == "__main__":
    sys.exit(main())
