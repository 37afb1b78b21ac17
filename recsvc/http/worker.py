"""One worker process of `recsvc serve`: loads the published bundle, follows it, and answers."""

import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait
from typing import Any

from models.registry import Registry
from models.remote_registry import RemoteRegistry
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.health import registry_of
from recsvc.http.logs import configure_logs
from recsvc.http.service import STREAMED, Service, service_of
from recsvc.http.settings import ServeSettings
from recsvc.http.supervisor import DRAIN_SIGNAL, LEAVE_SIGNAL, Drain
from recsvc.state import connect

log = logging.getLogger(__name__)
FIRST_READING = 5.0  # seconds that a worker waits for the database before it answers without

LAST_REQUESTS = 10.0  # seconds that a worker without its parent may go on

CLOSE = ("Connection", "close")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def build_worker(settings: ServeSettings, drain: Drain) -> WsgiApp:
    """What the server runs in each worker."""
    configure_logs()
    _end_with_parent()
    live = LiveEngine(Registry(settings.store))
    live.start()
    app = create_app(settings, live, connect(settings.database_url, settings.store))
    watch(service_of(app), drain)
    signal.signal(LEAVE_SIGNAL, lambda *_: service_of(app).leaving.set())
    problem = service_of(app).keys.check_database(FIRST_READING)
    if problem:
        log.warning("database down", extra={"problem": problem})
    service_of(app).events.start()
    service_of(app).metrics.start()
    # What is loaded now stays: looking for garbage in it would hold up a request now and then.
    gc.collect()
    gc.freeze()
    return in_one_piece(app.wsgi_app, drain.begun.is_set)


def watch(service: Service, drain: Drain) -> None:
    """What /metrics reads when it is asked."""
    metrics, events = service.metrics, service.events
    metrics.watch(
        "recsvc_http_connections_waiting", "Connections that the asked worker has yet to accept.", drain.waiting
    )
    metrics.watch("recsvc_live_events_available", "1 while live events can be read.", lambda: events.available)
    if isinstance(service.registry, RemoteRegistry):
        metrics.watch(
            "recsvc_registry_up", "1 while the shared registry answers.", lambda: registry_of(service)[0] == "up"
        )
    metrics.watch("recsvc_database_up", "1 while the database answers.", lambda: service.keys.problem is None)


def in_one_piece(
    app: Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]], ending: Callable[[], bool]
) -> WsgiApp:
    """The application with its answers as lists, which the server sends at once instead of piece by piece, but for
    those that are meant to come in pieces.

    Where the worker is `ending`, the client is told to come back on a new connection, which another worker takes.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if ending():
            pieces = app(environ, lambda status, headers, *more: start_response(status, [*headers, CLOSE], *more))
        else:
            pieces = app(environ, start_response)
        if environ.get(STREAMED):
            return pieces
        if isinstance(pieces, tuple):
            return pieces
        try:
            return list(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    return answer


def _end_with_parent() -> None:
    """Stop when the parent is gone: a worker that nobody can stop would hold the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), DRAIN_SIGNAL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_REQUESTS)
        os._exit(1)  # whatever still runs, nobody could end it any more

    threading.Thread(target=watch, name="recsvc-parent", daemon=True).start()
