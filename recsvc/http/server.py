"""Run the service: checks first, then Granian with one process a worker until SIGTERM or Ctrl-C."""

import errno
import multiprocessing
import os
import resource
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels

from models.errors import RefusedError
from models.remote_registry import RemoteRegistry, open_registry
from recsvc.experiments import LiveExperiments
from recsvc.http.keeper import Keeper
from recsvc.http.limit import PUBLIC, SERVER, parse_limit
from recsvc.http.settings import METRICS_DIRECTORY, ServeSettings
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.http.supervisor import BACKLOG, Drain, Supervisor
from recsvc.keys import list_keys, usable
from recsvc.state import DatabaseError, open_database

DRAIN_SECONDS = 30
MOST_FILES = 65_536
LOGS = {
    "formatters": {"json": {"()": "recsvc.http.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
}


def run(settings: ServeSettings, *, say: Callable[[str], None], welcome: Callable[[], None] = lambda: None) -> None:
    """Serve until told to stop; `say` gets a line for people now and then, `welcome` is called once it answers.

    Port 0 takes a free one. On SIGTERM the workers finish what they are answering, for at most DRAIN_SECONDS. Raises
    RefusedError for a port that is taken and for a host that others can reach while no key protects it.
    """
    settings = replace(settings, port=free_port(settings.host, settings.port))
    with ExitStack() as open_until_the_end:
        listeners = [
            open_until_the_end.enter_context(listen(settings.host, settings.port, shared=True))
            for _ in range(settings.workers)
        ]
        settings.store.mkdir(parents=True, exist_ok=True)
        check_access(settings, say)
        read_secret(settings.secret, settings.store)
        read_previous_secret(settings.previous_secret)
        for limit, name in ((settings.public_limit, PUBLIC), (settings.server_limit, SERVER)):
            parse_limit(limit, name)
        registry = open_registry(settings.store)
        if isinstance(registry, RemoteRegistry):
            _keep(registry, settings, say)
        elif registry.current() is None:
            say(
                f"Nothing is published in {settings.store} yet: /health/ready says 503 until "
                "`recsvc train --purchases FILE` has published a model."
            )
        # Workers are started afresh, not forked: a lock that a thread of this process holds would stay shut in them.
        multiprocessing.set_start_method("spawn", force=True)
        allow_many_files()
        # A worker answers one request at a time: threads of BLAS in several workers would only fight for the cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        # Else pydantic reads the entry points of all that is installed, for plugins that nobody here has.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        with tempfile.TemporaryDirectory(prefix="recsvc-metrics-") as metrics:
            os.environ[METRICS_DIRECTORY] = metrics
            server = Supervisor(
                listeners,
                address=settings.host,
                port=settings.port,
                interface=Interfaces.WSGI,
                blocking_threads=1,
                websockets=False,
                log_level=LogLevels.warning,
                log_dictconfig=LOGS,
                respawn_failed_workers=True,
                workers_kill_timeout=DRAIN_SECONDS,
                leave_seconds=settings.leave_seconds,
            )
            threading.Thread(target=_announce, args=(settings, server, say, welcome), daemon=True).start()
            server.serve(target_loader=partial(_load_worker, settings), wrap_loader=False)


def allow_many_files() -> None:
    """As many as the system lets this process and its workers open, up to MOST_FILES.

    A model has a file an array, and two models are open while one takes over; many systems allow 1,024 to who does not
    ask for more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has a limit of its own beneath the one that it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _load_worker(settings: ServeSettings, descriptor: int, loaded: Any) -> Any:
    """Runs in the worker, where Flask and the model are imported; `descriptor` is the inherited listening socket."""
    drain = Drain(descriptor)
    from recsvc.http.worker import build_worker

    application = build_worker(settings, drain)
    loaded.value = 1
    return application


def _keep(registry: RemoteRegistry, settings: ServeSettings, say: Callable[[str], None]) -> None:
    """Let this process look at the shared registry, for as long as it lives."""
    experiments = LiveExperiments(settings.config)

    def wanted() -> set[str]:
        return {arm.model for one in experiments.current().values() for arm in one.arms.values() if arm.model}

    Keeper(registry, wanted).start()
    if not settings.secret:
        say(
            f"RECSVC_SECRET is not set, so {settings.store} has a secret of its own: ids, links and tokens that the "
            "other machines make are not valid here. Give all of them the same."
        )
    if registry.copies.current() is None:
        say(
            f"No model of {registry.depot.url} is on this machine yet: /health/ready says 503 until the published one "
            "has been fetched."
        )


def check_access(settings: ServeSettings, say: Callable[[str], None]) -> None:
    """Bring the database up to date, and refuse to listen to others without an API key.

    A database that is down is no reason to stop: without it nobody gets a personal list that a key would have to open.
    """
    try:
        database = open_database(settings.database_url, settings.store)
    except DatabaseError as error:
        say(f"Warning: {error}. Recommendations go on without it; API keys work once it is back.")
        return
    try:
        keys = usable(list_keys(database), datetime.now(UTC))
    finally:
        database.dispose()
    if not settings.loopback and not keys:
        raise RefusedError(
            f"{settings.host} can be reached from other machines and there is no API key to protect it: make one with "
            "`recsvc keys create --name NAME --scope server`, or serve on 127.0.0.1"
        )


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens on the port, or on a free one for 0; raises RefusedError when it cannot.

    Shared ones listen on one port together, and the kernel parts the connections among them.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise RefusedError(f"host {host!r} has no address: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise RefusedError(f"port {port} on {host} is taken by another program; choose one with --port") from None
        raise RefusedError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    listener.setblocking(False)  # as every worker's runtime needs it
    return listener


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0; raises RefusedError when it cannot be listened on.

    Shared sockets share with whoever asks the same way, so a second service would take half of the requests.
    """
    with listen(host, port) as probe:
        found: int = probe.getsockname()[1]
        return found


def _announce(
    settings: ServeSettings, server: Supervisor, say: Callable[[str], None], welcome: Callable[[], None]
) -> None:
    """Say where the service is once all its workers have loaded and it answers."""
    server.wait_until_loaded(settings.workers)
    while True:
        try:
            with urllib.request.urlopen(settings.address + "/health/live", timeout=2):  # noqa: S310
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    workers = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
    say(f"recsvc answers at {settings.address} ({workers}); what to ask: {settings.address}/docs. Ctrl-C ends it.")
    welcome()
