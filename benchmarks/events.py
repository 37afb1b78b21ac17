"""Events posted while workers, and then the whole service, are killed: is what was acknowledged there, once?

    python -m benchmarks.events [--events 20000] [--threads 8] [--workers 2] [--postgres URL]

On SQLite in a directory of its own; with `--postgres postgresql://user@host/database` besides on PostgreSQL, in a
database that is made for this and dropped afterwards. Each event is posted by itself and, where no answer came, again
under the same event_id, as a shop's server does.
"""

import argparse
import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from benchmarks.swap import free_port, workers_of
from recsvc.state import open_database
from recsvc.state.live_events import events

SERVE = (sys.executable, "-c", "from recsvc.cli.main import main; main()", "serve")
PATIENCE = 120.0
# Kills at these parts of the way: of one worker, and of everything.
WORKER_KILLS, SERVICE_KILLS = (0.15, 0.35, 0.75), (0.55,)


@dataclass
class Outcome:
    """`acknowledged` event ids; how many answers said that an event was known, or did not come."""

    acknowledged: set[str] = field(default_factory=set)
    duplicates: int = 0
    unanswered: int = 0
    killed_workers: int = 0
    killed_services: int = 0
    seconds: float = 0.0


class Victim:
    """A service that is killed and started again, always on the same port."""

    def __init__(self, store: Path, database_url: str | None, workers: int) -> None:
        self.port = free_port()
        where = ("--store", str(store), "--port", str(self.port), "--workers", str(workers))
        self._command = (*SERVE, *where)
        self._environment = {**os.environ, "PYTHONPATH": "."}
        if database_url is not None:
            self._environment["RECSVC_DATABASE_URL"] = database_url
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not self._alive():
            if time.monotonic() > end:
                process.kill()
                process.wait()
                raise SystemExit("the service does not start")
            time.sleep(0.05)
        return process

    def _alive(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill_worker(self) -> None:
        """One worker, at once; its parent starts another."""
        with suppress(IndexError, OSError):
            os.kill(workers_of(self.process.pid)[0], signal.SIGKILL)

    def kill_all(self) -> None:
        """Parent and workers at once, as when a machine goes down; then a new start."""
        workers = workers_of(self.process.pid)
        self.process.kill()
        for worker in workers:
            with suppress(OSError):
                os.kill(worker, signal.SIGKILL)
        self.process.wait()
        self.process = self._start()

    def stop(self) -> None:
        """The orderly way."""
        self.process.terminate()
        self.process.wait(PATIENCE)


def post_through_kills(
    store: Path, database_url: str | None, *, n_events: int, threads: int = 8, workers: int = 2
) -> Outcome:
    """Post so many events, each until it is acknowledged, while the service is killed again and again."""
    outcome, lock = Outcome(), threading.Lock()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(n_events):
        waiting.put(f"event-{number}")
    service = Victim(store, database_url, workers)
    started = time.monotonic()

    def post() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        while True:
            try:
                event_id = waiting.get_nowait()
            except queue.Empty:
                connection.close()
                return
            answer = posted(connection, event_id)
            with lock:
                if answer is None:
                    outcome.unanswered += 1
                    waiting.put(event_id)
                else:
                    outcome.acknowledged.add(event_id)
                    outcome.duplicates += answer
            if answer is None:
                time.sleep(0.05)

    posting = [threading.Thread(target=post) for _ in range(threads)]
    for thread in posting:
        thread.start()
    for share in sorted((*WORKER_KILLS, *SERVICE_KILLS)):
        while len(outcome.acknowledged) < share * n_events:
            time.sleep(0.01)
        if share in WORKER_KILLS:
            service.kill_worker()
            outcome.killed_workers += 1
        else:
            service.kill_all()
            outcome.killed_services += 1
    for thread in posting:
        thread.join()
    outcome.seconds = time.monotonic() - started
    service.stop()
    return outcome


def posted(connection: http.client.HTTPConnection, event_id: str) -> int | None:
    """Post one event; 0 when it was new, 1 when it was known, None where nobody answered for it."""
    event = {"type": "view", "event_id": event_id, "session_id": event_id, "items": ["milk"]}
    try:
        connection.request("POST", "/events", json.dumps(event), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = json.loads(response.read())
        if response.status != 202:
            return None
        return int(body["duplicates"])
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        return None


def stored_counts(store: Path, database_url: str | None) -> dict[str, int]:
    """How often each event is in the database."""
    database = open_database(database_url, store)
    try:
        with database.connect() as connection:
            found = connection.execute(
                sa.select(events.c.event_id, sa.func.count().label("n")).group_by(events.c.event_id)
            )
            return {row.event_id: row.n for row in found}
    finally:
        database.dispose()


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """The address of a new database of a PostgreSQL server, dropped afterwards."""
    address = sa.make_url(server).set(drivername="postgresql+psycopg")
    name = f"recsvc_benchmark_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'create database "{name}"')
    try:
        yield address.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f'drop database "{name}" with (force)')
        admin.dispose()


def measure(kind: str, database_url: str | None, options: argparse.Namespace) -> bool:
    """Prints one JSON object; returns whether nothing was lost or doubled."""
    with tempfile.TemporaryDirectory(prefix="recsvc-events-") as directory:
        store = Path(directory)
        outcome = post_through_kills(
            store, database_url, n_events=options.events, threads=options.threads, workers=options.workers
        )
        counts = stored_counts(store, database_url)
    lost = len(outcome.acknowledged - counts.keys())
    doubled = sum(count > 1 for count in counts.values())
    report = {
        "database": kind,
        "acknowledged": len(outcome.acknowledged),
        "lost": lost,
        "doubled": doubled,
        "sent_again": outcome.unanswered,
        "known_when_sent_again": outcome.duplicates,
        "killed_workers": outcome.killed_workers,
        "killed_services": outcome.killed_services,
        "posts_per_second": round(options.events / outcome.seconds),
    }
    print(json.dumps(report), flush=True)
    return lost == doubled == 0


def main() -> int:
    """Exits with 1 when an event was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--postgres", metavar="URL", help="a server on which a database may be made")
    options = parser.parse_args()
    good = measure("sqlite", None, options)
    if options.postgres:
        with own_database(options.postgres) as url:
            good = measure("postgresql", url, options) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
