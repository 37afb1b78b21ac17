"""How fast `recsvc serve` answers, and what a bare Flask route on the same server does with an answer of the same size.

    python -m benchmarks.serve [--store DIR]… [--seconds 5] [--rounds 2] [--workers 2] [--connections 1,8,32]

Prints a table in Markdown for each store: requests a second, latency of half and of 99 % of the answers, and throughput
over that of the bare route in the same round. wrk asks; it runs on the same cores, so only the ratios travel. Works on
a store of its own that borrows the published bundle.
"""

import argparse
import gc
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cost import RECSVC
from benchmarks.serve_cases import (
    COMPUTED,
    Measured,
    N,
    Request,
    carts,
    customers_of,
    filtered,
    look_ups,
    require_wrk,
    views,
    wrk,
)
from benchmarks.swap import free_port, workers_of
from models.registry import Registry
from recsvc.engine import Engine
from recsvc.keys import Scope, create_key
from recsvc.state import open_database

BARE, LIVE, HALF = "bare Flask", "computed, live events", "computed, live events, half the load"
SETTLED = 2.0  # seconds after which every worker knows of events
PATIENCE = 120.0
PATHS = re.compile(r'recsvc_recommendation_duration_seconds_count\{path="(\w+)"\} ([0-9.e+]+)')


@dataclass(frozen=True)
class Service:
    """A running service: where, whose workers, and how many seconds it took to answer."""

    port: int
    pid: int
    key: str
    started_in: float

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """One answer; raises SystemExit when it is not a good one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {answer[:300].decode(errors='replace')}")
        return answer

    def cpu_seconds(self) -> float:
        """Processor time of the workers so far."""
        stats = [Path(f"/proc/{pid}/stat").read_text(encoding="ascii") for pid in workers_of(self.pid)]
        fields = [text.rpartition(")")[2].split() for text in stats]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")

    def computed(self) -> float:
        """Lists that were ranked in full so far, of all workers; 0 before the first."""
        found = dict(PATHS.findall(self.ask("GET", "/metrics").decode()))
        return float(found.get("computed", 0))


@contextmanager
def running(command: Sequence[str], port: int, key: str, path: str) -> Iterator[Service]:
    """The service from the start of its process until it is told to stop."""
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise SystemExit(f"the service does not start: {' '.join(command)}")
            time.sleep(0.01)
        yield Service(port, process.pid, key, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def private_mb(pid: int) -> tuple[float, float]:
    """What is this process's own, in MB: written by it, and pages of files that nobody else has touched."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    sizes = {name: int(kb) / 1024 for name, kb in re.findall(r"^(Private_\w+): +(\d+) kB", text, re.MULTILINE)}
    return sizes["Private_Dirty"], sizes["Private_Clean"]


def borrowed(store: Path, folder: Path) -> tuple[Path, str]:
    """A store of its own with the other's published bundle, and a server key for it."""
    version = Registry(store).current()
    if version is None:
        raise SystemExit(f"no model is published in {store}; name another store with --store")
    own = folder / "store"
    (own / "bundles").mkdir(parents=True)
    (own / "bundles" / version).symlink_to((store / "bundles" / version).resolve())
    Registry(own).publish(version, why="benchmark", now=datetime.now(UTC))
    database = open_database(None, own)
    try:
        return own, create_key(database, name="benchmark", scope=Scope.SERVER, now=datetime.now(UTC))[1]
    finally:
        database.dispose()


@dataclass(frozen=True)
class Shop:
    """What is asked: the requests of each case, and the events that make those of LIVE computed ones."""

    title: str
    cases: dict[str, list[Request]]
    events: list[list[dict[str, object]]]

    @classmethod
    def of(cls, store: Path) -> "Shop":
        """Made from the bundle, which is let go of again: what only a worker maps is to count as the worker's."""
        engine = Engine.from_bundle(Registry(store).open(verify=False))
        customers = customers_of(engine)
        if len(customers) < 20:
            raise SystemExit(f"only {len(customers)} customers have {N} items in their stored lists; expected 20")
        plain, live = customers[::2], customers[1::2][:COMPUTED]
        cases = {
            **look_ups(plain),
            LIVE: look_ups(live)["look-up, GET"],
            "filter beyond the stored lists": filtered(engine, plain),
            "complements of 5 items": carts(engine, plain),
        }
        title = f"{len(engine.customers):,} customers × {len(engine.catalogue.items):,} items"
        return cls(title, {name: requests for name, requests in cases.items() if requests}, list(views(engine, live)))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case at so many connections: its rounds, those of the bare route, the workers' processor time an answer
    (what a busy machine changes least), and which share was ranked in full."""

    case: str
    connections: int
    rounds: list[Measured]
    bare: list[Measured]
    cpu_ms: float
    computed: float | None

    def __str__(self) -> str:
        def middle(name: str) -> float:
            return float(statistics.median(getattr(one, name) for one in self.rounds))

        ratio = middle("per_second") / statistics.median(one.per_second for one in self.bare)
        p99 = middle("p99") / statistics.median(one.p99 for one in self.bare)
        share = "" if self.computed is None else f"{self.computed:.0%}"
        failed = sum(one.failed for one in self.rounds)
        return (
            f"| {self.case} | {self.connections} | {middle('per_second'):,.0f} | {middle('p50'):.2f} |"
            f" {middle('p99'):.2f} | {ratio:.2f} | {p99:.1f} | {self.cpu_ms:.2f} | {share} | {failed} |"
        )


HEADER = """
| case | connections | requests/s | p50 ms | p99 ms | × bare requests/s | × bare p99 | CPU ms | computed | failed |
|---|---|---|---|---|---|---|---|---|---|"""


def compare(service: Service, bare: Service, shop: Shop, options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """All cases at one number of connections after the other, each round beside the bare route."""
    found: dict[str, list[Measured]] = {}
    ranked: dict[str, float] = {}
    spent: dict[str, float] = {}

    def send(name: str, requests: Sequence[Request], connections: int, pause: float = 0.0) -> None:
        to = bare if name == BARE else service
        ranked_before, spent_before = 0.0 if to is bare else service.computed(), to.cpu_seconds()
        found[name].append(wrk(to.port, requests, to.key, connections, options.seconds, folder, pause))
        spent[name] += to.cpu_seconds() - spent_before
        ranked[name] += 0.0 if to is bare else service.computed() - ranked_before

    for requests in shop.cases.values():  # what is loaded on first use is no part of any answer's time
        wrk(service.port, requests, service.key, 2, 1.0, folder)
    for connections in options.connections:
        for name in (BARE, *shop.cases, HALF):
            found[name], ranked[name], spent[name] = [], 0.0, 0.0
        for _ in range(options.rounds):
            send(BARE, shop.cases["look-up, GET"], connections)
            for name, requests in shop.cases.items():
                send(name, requests, connections)
            full = found[LIVE][-1]
            pause = max(0.0, 2000 * connections / full.per_second - full.p50)
            send(HALF, shop.cases[LIVE], connections, pause)
        for name, rounds in found.items():
            sent = max(1.0, sum(one.per_second for one in rounds) * options.seconds)
            share = None if name == BARE else min(1.0, ranked[name] / sent)
            cpu = 1000 * spent[name] / sent
            yield Row(case=name, connections=connections, rounds=rounds, bare=found[BARE], cpu_ms=cpu, computed=share)


def measure(store: Path, options: argparse.Namespace, folder: Path) -> int:
    """Print the table of one store; returns how many requests failed."""
    own, key = borrowed(store, folder)
    shop = Shop.of(own)
    gc.collect()
    port, other, workers = free_port(), free_port(), str(options.workers)
    command = [RECSVC, "serve", "--store", str(own), "--port", str(port), "--workers", workers]
    recorded = folder / "answer.json"
    bare_command = [sys.executable, "-m", "benchmarks.bare", str(other), workers, str(recorded)]
    failed = 0
    with running(command, port, key, "/health/ready") as service:
        answer = service.ask("GET", shop.cases["look-up, GET"][0].path)
        recorded.write_bytes(answer)
        for body in shop.events:
            service.ask("POST", "/events", body)
        time.sleep(SETTLED)
        with running(bare_command, other, "none", "/recommend") as bare:
            print(f"\n{shop.title}, {workers} workers, {N} items in {len(answer):,} bytes\n{HEADER}", flush=True)
            for row in compare(service, bare, shop, options, folder):
                failed += sum(one.failed for one in row.rounds)
                print(row, flush=True)
        own_mb = [private_mb(pid) for pid in workers_of(service.pid)]
        memory = ", ".join(f"{dirty:.0f} MB (and {clean:.0f} MB of mapped files)" for dirty, clean in own_mb)
        print(
            f"\nPrivate memory of the workers afterwards: {memory}. Ready {service.started_in:.1f} s after the start."
        )
    return failed


def main() -> int:
    """Exits with 1 when a request failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, action="append", help="again for another table")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each case in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=lambda text: [int(part) for part in text.split(",")], default=[1, 8, 32])
    options = parser.parse_args()
    require_wrk()
    for name in [name for name in os.environ if name.startswith("RECSVC_") and name != "RECSVC_STORE"]:
        del os.environ[name]  # the service is measured as it comes
    failed = 0
    for store in options.store or [Path(os.environ.get("RECSVC_STORE", "var/store"))]:
        with tempfile.TemporaryDirectory(prefix="recsvc-serve-") as folder:
            failed += measure(store, options, Path(folder))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
