"""The real thing: `recsvc serve` as a program of its own, under Granian."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.errors import RefusedError, SettingsError
from models.registry import Registry
from recsvc.cli.serve import default_workers
from recsvc.http.server import check_access, free_port, run
from recsvc.http.settings import ServeSettings
from recsvc.http.tally import FLUSH_SECONDS
from recsvc.keys import Scope, create_key
from recsvc.state import open_database

PATIENCE = 60.0
pytestmark = pytest.mark.timeout(240)  # programs start slowly on a machine that is busy


@dataclass
class Service:
    """A running `recsvc serve`."""

    process: subprocess.Popen[str]
    address: str
    said: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def workers(self) -> list[int]:
        """Process ids of the workers: children that answer, not multiprocessing's resource tracker."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def serving(store: Path, *options: str, **environment: str) -> Iterator[Service]:
    """Start on a free port, wait until it says where it answers, and stop it in any case."""
    program = [
        sys.executable,
        "-c",
        "from recsvc.cli.main import main; main()",
        "serve",
        "--store",
        str(store),
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        [*program, *options], stderr=subprocess.PIPE, text=True, env={**os.environ, **environment, "PYTHONPATH": "."}
    )
    said: list[str] = []
    answers = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip())
            if " answers at " in line:
                answers.set()
        answers.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert answers.wait(PATIENCE), said
        where = re.search(r"http://\S+:\d+", "\n".join(said))
        assert where is not None, said
        yield Service(process, where[0], said)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)
        listener.join()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.slow
def test_it_answers_counts_over_all_workers_and_ends_on_sigterm(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        assert "(2 workers)" in service.said[-1]
        assert len(service.workers()) == 2
        for _ in range(20):
            code, answer = service.get("/recommend?customer_id=coffee-1")
            assert (code, len(answer["items"])) == (200, 10)
        time.sleep(2 * FLUSH_SECONDS)
        with urllib.request.urlopen(service.address + "/metrics", timeout=10) as response:
            metrics = response.read().decode()
        assert 'recsvc_http_requests_total{code="200",route="/recommend"} 20.0' in metrics
        # All other lines are JSON, and none of them names a customer.
        logged = [json.loads(line) for line in service.said if line.startswith("{")]
        assert [entry["message"] for entry in logged] == ["bundle loaded"] * 2
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
    assert not [line for line in service.said if "Traceback" in line]
    assert stat_mode(store / "secret.key") == stat_mode(store / "recsvc.db") == 0o600


@pytest.mark.slow
def test_sigterm_under_load_loses_no_request_that_it_took(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        outcomes = hammer(service, seconds=4.0, after=1.5, do=lambda: service.process.send_signal(signal.SIGTERM))
        assert service.process.wait(PATIENCE) == 0
    assert outcomes["200"] > 50
    # Connections that nobody answered any more were refused or closed before a byte of an answer.
    assert set(outcomes) <= {"200", "refused"}


@pytest.mark.slow
def test_workers_are_restarted_under_load_without_a_failed_request(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        before = service.workers()
        outcomes = hammer(service, seconds=12.0, after=1.0, do=lambda: service.process.send_signal(signal.SIGHUP))
        deadline = time.monotonic() + PATIENCE
        while set(service.workers()) & set(before) or len(service.workers()) != 2:
            assert time.monotonic() < deadline, service.said
            time.sleep(0.1)
    assert set(outcomes) == {"200"}


@pytest.mark.slow
def test_a_new_model_is_picked_up_under_load_without_a_failed_request(store: Path, tiny_shop: Path) -> None:
    from tests.conftest_shop import train_tiny

    registry = Registry(store)
    first = registry.current()
    time.sleep(1.1)  # versions are named by the second
    train_tiny(tiny_shop, store, "--no-publish")
    second = registry.versions()[-1]
    assert first != second
    with serving(store, "--workers", "2") as service:
        seen: set[str] = set()
        outcomes = hammer(
            service,
            seconds=6.0,
            after=1.0,
            do=lambda: registry.publish(second, why="test", now=datetime.now(UTC)),
            seen=seen,
        )
        assert set(outcomes) == {"200"}
        assert seen == {first, second}
        for _ in range(20):
            assert service.get("/health/ready")[1]["model_version"] == second


@pytest.mark.slow
def test_a_killed_worker_is_replaced_while_the_port_stays_open(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while len(alive := service.workers()) < 2 or before[0] in alive:
            assert time.monotonic() < deadline, service.said
            with suppress(ConnectionError, TimeoutError):  # who talked to the killed one, or waits for its successor
                assert service.get("/health/live")[0] == 200
            time.sleep(0.1)
        for _ in range(20):
            assert service.get("/health/live")[0] == 200


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_service(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        workers = service.workers()
        service.process.kill()
        deadline = time.monotonic() + PATIENCE
        while any(running(worker) for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_without_a_model_it_starts_and_takes_the_first_one(store: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    with serving(empty, "--workers", "1") as service:
        assert any("recsvc train" in line for line in service.said)
        code, ready = service.get("/health/ready")
        assert (code, ready["status"]) == (503, "not ready")
        assert service.get("/recommend")[0] == 503
        version = Registry(store).current()
        (store / "bundles").rename(empty / "bundles")
        Registry(empty).publish(str(version), why="test", now=datetime.now(UTC))
        deadline = time.monotonic() + PATIENCE
        while service.get("/health/ready")[0] != 200:
            assert time.monotonic() < deadline, service.said
            time.sleep(0.1)
        assert service.get("/recommend")[1]["model_version"] == version


@pytest.mark.slow
def test_beyond_this_machine_it_serves_with_a_key_alone(store: Path) -> None:
    settings = ServeSettings(store=store, host="0.0.0.0")
    with pytest.raises(RefusedError, match=r"recsvc keys create --name NAME --scope server"):
        run(settings, say=lambda _: None)
    database = open_database(None, store)
    _, token = create_key(database, name="shop", scope=Scope.SERVER, now=datetime.now(UTC))
    database.dispose()
    with serving(store, "--host", "0.0.0.0", "--workers", "1") as service:
        assert service.get("/recommend")[0] == 401
        assert service.get("/recommend", Authorization=f"Bearer {token}")[0] == 200


@pytest.mark.slow
def test_a_database_that_is_down_is_said_and_survived(store: Path) -> None:
    with serving(store, "--workers", "1", RECSVC_DATABASE_URL="postgresql://shop:geheim@127.0.0.1:1/state") as service:
        assert any("Recommendations go on without it" in line for line in service.said)
        assert service.get("/recommend")[0] == 200
        assert service.get("/health/ready")[1]["database"] == "down"
    assert "geheim" not in "\n".join(service.said)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} on 127.0.0.1 is taken"):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port


def test_an_expired_key_protects_nothing(store: Path) -> None:
    database = open_database(None, store)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    create_key(database, name="old", scope=Scope.SERVER, now=long_ago, expires_at=long_ago.replace(year=2021))
    database.dispose()
    with pytest.raises(RefusedError, match="no API key"):
        check_access(ServeSettings(store=store, host="::"), say=lambda _: None)


def test_a_secret_that_is_too_short_stops_the_start(store: Path) -> None:
    with pytest.raises(SettingsError, match="RECSVC_SECRET"):
        run(ServeSettings(store=store, secret="short", port=0), say=lambda _: None)


def test_one_worker_a_core() -> None:
    assert 1 <= default_workers() <= 8


def hammer(service: Service, *, seconds: float, after: float, do: Any, seen: set[str] | None = None) -> dict[str, int]:
    """Ask from four threads without a pause, `do` something after a while; returns how often each outcome came."""
    host, port = service.address.removeprefix("http://").split(":")
    outcomes: dict[str, int] = {}
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def ask() -> None:
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        while time.monotonic() < end:
            version = None
            try:
                connection.request("GET", "/recommend?customer_id=coffee-1")
                response = connection.getresponse()
                body = json.loads(response.read())
                outcome = str(response.status)
                version = body.get("model_version")
            except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected):
                outcome = "refused"
                connection.close()
                time.sleep(0.05)
            except (http.client.HTTPException, ValueError, OSError) as error:
                outcome = repr(error)
                connection.close()
            with lock:
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                if seen is not None and version:
                    seen.add(version)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(after)
    do()
    for thread in threads:
        thread.join()
    return outcomes


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
