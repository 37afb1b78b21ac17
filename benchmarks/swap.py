"""60 s of load while 10 bundles are swapped and workers are restarted twice: how many requests fail?

    python -m benchmarks.swap [--store DIR] [--seconds 60] [--kill]

Works on a copy of the store, whose published bundle is copied under a second version so that there is something to
swap. Half of the connections are kept alive, half are new for every request. `--kill` kills a worker with SIGKILL
besides: what it was answering is cut off, and counted as `cut` where the same request, asked again as a browser or a
proxy does it, is answered.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cost import RECSVC
from models.bundle import MANIFEST, read_manifest
from models.registry import Registry

THREADS = 8
SWAPS, RESTARTS = 10, 2


def main() -> int:
    """Prints one JSON object; exits with 1 when a request failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("RECSVC_STORE", "var/store")))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill", action="store_true", help="kill a worker with SIGKILL besides")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recsvc-swap-") as directory:
        store = Path(directory) / "store"
        versions = two_versions(options.store, store)
        port = free_port()
        where = ["--store", str(store), "--port", str(port), "--workers", str(options.workers)]
        service = subprocess.Popen([RECSVC, "serve", *where], stderr=subprocess.DEVNULL)
        try:
            wait_until_ready(port)
            first = set(workers_of(service.pid))
            outcomes, seen = load(port, options, lambda: disturb(store, versions, service.pid, options))
            replaced = not first & set(workers_of(service.pid))
        finally:
            service.terminate()
            service.wait(120)
    failed = sum(count for outcome, count in outcomes.items() if outcome not in ("200", "cut"))
    print(
        json.dumps(
            {
                "seconds": options.seconds,
                "swaps": SWAPS,
                "restarts_of_all_workers": RESTARTS,
                "killed_workers": int(options.kill),
                "requests": sum(outcomes.values()),
                "failed": failed,
                "cut": outcomes["cut"],
                "outcomes": dict(outcomes),
                "versions_seen": len(seen),
                "all_workers_replaced": replaced,
            }
        )
    )
    return 1 if failed else 0


def two_versions(source: Path, store: Path) -> list[str]:
    """Copy the published bundle of `source` twice, the second time under a name of its own; returns both versions."""
    current = Registry(source).current()
    if current is None:
        raise SystemExit(f"no model is published in {source}; name another store with --store")
    second = current[:-8] + ("0" * 8 if current[-8:] != "0" * 8 else "1" * 8)
    for version in (current, second):
        shutil.copytree(source / "bundles" / current, store / "bundles" / version)
    copy = store / "bundles" / second
    (copy / MANIFEST).write_text(replace(read_manifest(copy), version=second).as_json(), encoding="utf-8")
    Registry(store).publish(current, why="benchmark", now=datetime.now(UTC))
    return [current, second]


def disturb(store: Path, versions: list[str], pid: int, options: argparse.Namespace) -> None:
    """Spread swaps over the whole time, and restarts (and the kill) between them."""
    registry = Registry(store)
    for swap in range(SWAPS):
        time.sleep(options.seconds / (SWAPS + 1))
        registry.publish(versions[(swap + 1) % 2], why="benchmark", now=datetime.now(UTC))
        if swap in (2, 6):
            os.kill(pid, signal.SIGHUP)
        if options.kill and swap == 4:
            os.kill(workers_of(pid)[0], signal.SIGKILL)


def workers_of(pid: int) -> list[int]:
    """Process ids of the service's workers; Linux only."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def load(port: int, options: argparse.Namespace, disturbance: Callable[[], None]) -> tuple[Counter[str], set[str]]:
    """Ask from THREADS connections without a pause; returns how often each outcome came and the models seen."""
    outcomes: Counter[str] = Counter()
    seen: set[str] = set()
    lock = threading.Lock()
    end = time.monotonic() + options.seconds

    def ask(keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < end:
            outcome, version = once(connection)
            if outcome != "200" and options.kill:
                again, version = once(connection)
                outcome = "cut" if again == "200" else again
            if not keep:
                connection.close()
            with lock:
                outcomes[outcome] += 1
                if version:
                    seen.add(version)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    disturbance()
    for thread in threads:
        thread.join()
    return outcomes, seen


def once(connection: http.client.HTTPConnection) -> tuple[str, str | None]:
    """One request: its outcome, and the model that answered."""
    try:
        connection.request("GET", "/recommend?customer_id=900&n=5")
        response = connection.getresponse()
        return str(response.status), json.loads(response.read()).get("model_version")
    except (http.client.HTTPException, ValueError, OSError) as error:
        connection.close()
        return repr(error), None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(port: int) -> None:
    """Return once the service answers; raises TimeoutError after a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise TimeoutError("the service did not get ready within a minute")


if __name__ == "__main__":
    sys.exit(main())
