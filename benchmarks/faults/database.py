"""The database is gone for a minute, or answers nothing: do lists go on, and are events back when it is?

    python -m benchmarks.faults database --postgres postgresql://user@host/database [--gone 60]

The service reaches PostgreSQL through a proxy here, which closes all connections and refuses new ones (`refuses`), or
holds them and passes nothing on (`silent`), as a machine does that hangs. Meanwhile one asks for lists and one posts
events, without a pause. Lists must come all the time; events must be answered with 503 and Retry-After, and with 202
again without a restart; what was acknowledged must be in the database, once.
"""

import argparse
import http.client
import json
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.events import Victim, own_database, stored_counts
from benchmarks.faults.kills import SHOWN, Asker, small_shop
from benchmarks.faults.trainings import Training

WAYS = ("refuses", "silent")
BACK_WITHIN = 30.0  # seconds


class Proxy:
    """Passes TCP connections on to a server, until it is told not to."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._flowing = threading.Event()
        self._flowing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accept(self._listener)

    def refuse(self) -> None:
        """Close everything, and let nobody in."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # an accept that waits would take one more
        self._listener.close()
        self._cut()

    def fall_silent(self) -> None:
        """Keep connections, take new ones, and pass nothing on."""
        self._flowing.clear()

    def come_back(self) -> None:
        """As in the beginning."""
        self._flowing.set()
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._accept(self._listener)

    def close(self) -> None:
        """The end."""
        self._flowing.set()
        self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        def run() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(self._target)
                    with self._lock:
                        self._pairs.append((client, server))
                    for source, sink in ((client, server), (server, client)):
                        threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


@dataclass
class Posted:
    """Events that were acknowledged, and how others were answered, by whether the database was there."""

    acknowledged: set[str] = field(default_factory=set)
    answers: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("up", "going", "gone", "coming", "back")}
    )
    without_retry_after: int = 0


class Poster:
    """Posts one event after the other, in a thread."""

    def __init__(self, port: int) -> None:
        self.posted, self.phase = Posted(), "up"
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=self._post)

    def __enter__(self) -> "Poster":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _post(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            number += 1
            name, phase = f"e{number}", self.phase
            event = {"type": "view", "event_id": name, "session_id": "s1", "items": ["i1"]}
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.request("POST", "/events", json.dumps(event), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                said = str(answer.status)
                if answer.status == 202:
                    self.posted.acknowledged.add(name)
                if answer.status == 503 and not answer.headers.get("Retry-After"):
                    self.posted.without_retry_after += 1
            except (OSError, http.client.HTTPException) as error:
                said = type(error).__name__
            finally:
                connection.close()
            if phase == self.phase:  # else nobody can say what was right
                self.posted.answers[phase][said] += 1


def lose_database(
    store: Path, url: str, *, way: str, seconds: float, workers: int = 1
) -> tuple[dict[str, Any], list[str]]:
    """Let the database of a service be gone for so long; what was seen, and what is wrong with it."""
    address = sa.make_url(url)
    proxy = Proxy(address.host or "127.0.0.1", address.port or 5432)
    through = address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    service = Victim(store, through, workers)
    failures = []
    try:
        with Asker(service.port) as asker, Poster(service.port) as poster:
            time.sleep(2)
            poster.phase = "going"
            (proxy.refuse if way == "refuses" else proxy.fall_silent)()
            poster.phase = "gone"
            time.sleep(seconds)
            poster.phase = "coming"
            proxy.come_back()
            gone = time.monotonic()
            while not ready(service.port) and time.monotonic() < gone + BACK_WITHIN:
                time.sleep(0.1)
            back = time.monotonic() - gone
            poster.phase = "back"
            time.sleep(2)
        posted = poster.posted
    finally:
        service.stop()
        proxy.close()
    counts = stored_counts(store, url)
    lost = posted.acknowledged - counts.keys()
    doubled = sum(count > 1 for count in counts.values())
    if set(asker.answers) != {"200"}:
        failures.append(f"lists were answered with {dict(asker.answers)}")
    if back >= BACK_WITHIN:
        failures.append(f"the database is back for {BACK_WITHIN} s, and the service does not see it")
    if not posted.answers["gone"]["503"] or posted.without_retry_after or set(posted.answers["gone"]) != {"503"}:
        failures.append(f"events were answered with {dict(posted.answers['gone'])} while it was gone")
    if set(posted.answers["back"]) != {"202"} or set(posted.answers["up"]) != {"202"}:
        failures.append(f"events were answered with {dict(posted.answers['up'])} and {dict(posted.answers['back'])}")
    if lost or doubled:
        failures.append(f"{len(lost)} acknowledged events are lost, {doubled} doubled")
    seen = {
        "lists": dict(asker.answers),
        "slowest_list_ms": round(1000 * asker.slowest),
        "events": {name: dict(counter) for name, counter in posted.answers.items()},
        "back_after_s": round(back, 1),
    }
    return seen, [f"{way}: {failure}" for failure in failures]


def ready(port: int) -> bool:
    """Whether the service says that its database is up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health/ready")
        return bool(json.loads(connection.getresponse().read())["database"] == "up")
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    finally:
        connection.close()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both ways, on a database that is made for this."""
    if not options.postgres:
        return {"left_out": "name a server with --postgres", "failures": []}
    outcome: dict[str, Any] = {"gone_s": options.gone}
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="recsvc-database-") as directory:
        folder = Path(directory)
        ended = Training(small_shop(folder, options.seed)).wait()
        for way in WAYS if ended.code == 0 else ():
            store = shutil.copytree(folder / "store", folder / way)
            with own_database(options.postgres) as url:
                outcome[way], wrong = lose_database(store, url, way=way, seconds=options.gone)
            failures += wrong
    return {**outcome, "failures": failures[:SHOWN]}
