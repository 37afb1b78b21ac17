"""Granian's supervisor on sockets that it keeps, so that no connection is lost when a worker ends.

Granian has each worker on Linux open a socket of its own under SO_REUSEPORT; what the kernel has queued for a worker
goes with it. Here the parent binds one for each place, and who takes the place inherits it with all that waits there.
One socket for all would do as well, but a worker that wakes takes every connection at once, and the others go idle.
"""

import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from granian._granian import SocketHolder
from granian.log import logger
from granian.server.mp import MPServer

Worker = Any  # Granian's WorkerProcess, which has no types
BACKLOG = 1024
UNACCEPTED = struct.Struct("@24xI")  # tcpi_unacked of Linux' struct tcp_info: of a listening socket its queue
DRAIN_SIGNAL = signal.SIGUSR1
LEAVE_SIGNAL = signal.SIGUSR2
GLANCE = 0.05  # seconds between looks at a worker that loads
PATIENCE = 120.0  # seconds that a new worker may take to load before the old one is kept
REST = 1.0  # seconds between "take nothing new" and "finish": clients see Connection: close meanwhile


class Supervisor(MPServer):
    """`MPServer` on sockets that are bound already; `listeners` has one a worker. The callback loader gets the number
    of its worker's socket, and a shared value to set to 1 once the worker can answer.

    A worker is replaced by one that answers already; the old one first takes no new connections and ends the ones it
    has with their next answer (`Drain`), then gets SIGTERM. Told to end, the service first says for `leave_seconds`
    that it is not ready any more, and answers all the same. Raises nothing of its own.
    """

    def __init__(self, listeners: Sequence[socket.socket], *, leave_seconds: float = 0.0, **options: Any) -> None:
        self._leave_seconds = leave_seconds
        super().__init__(target="recsvc", backlog=BACKLOG, workers=len(listeners), **options)
        self._listeners = listeners
        # Bytes that workers set in shared memory. No lock goes with them that a killed worker could hold for ever.
        self._loaded: dict[int, Any] = {}

    def wait_until_loaded(self, workers: int) -> None:
        """Return once so many workers have started and each of them can answer."""
        while sum(loaded.value for loaded in self._loaded.copy().values()) < workers:
            time.sleep(GLANCE)

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._take_place(0)

    def _take_place(self, idx: int) -> int:
        """Let the next worker inherit the socket of this place; returns its number."""
        self._sso = self._listeners[idx]
        descriptor: int = self._sso.fileno()
        holder: Any = SocketHolder  # its stubs lack the constructor, which takes a backlog on Linux alone
        backlog = (BACKLOG,) if sys.platform == "linux" else ()
        self._shd = holder(descriptor, False, *backlog)
        return descriptor

    def _drop_shared_socket(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Worker:  # type: ignore[override]
        loaded = multiprocessing.RawValue("b", 0)
        descriptor = self._take_place(idx)
        worker = super()._spawn_worker(idx, target, partial(callback_loader, descriptor, loaded))
        self._loaded[idx] = loaded
        return worker

    def _respawn_workers(
        self, workers: list[int], spawn_target: Any, target_loader: Callable[..., Any], delay: float = 0
    ) -> None:
        """Replace those that died at once, and the others one after the other by one that answers already."""
        for idx in workers:
            old: Worker = self.wrks[idx]
            new = self._spawn_worker(idx, spawn_target, target_loader)
            if not old.is_alive():
                self.respawned_wrks[idx] = time.monotonic()
                new.start()
                self.wrks[idx] = new
                continue
            new.interrupt_by_parent = True  # one that cannot start is no reason to replace it again
            new.start()
            if self._wait_for(new):
                new.interrupt_by_parent = False
                self.wrks[idx] = new
                self._retire([old])
            elif self.interrupt_signal:
                self._retire([new])
                return
            else:
                new.kill()
                logger.error(f"A new worker-{idx + 1} could not start; the old one goes on")

    def _wait_for(self, worker: Worker) -> bool:
        """Whether the worker can answer before it dies, takes too long, or the service is told to end."""
        end = time.monotonic() + PATIENCE
        while worker.is_alive() and not self.interrupt_signal and time.monotonic() < end:
            if self._loaded[worker.idx].value:
                return True
            time.sleep(GLANCE)
        return False

    def shutdown(self, exit_code: int = 0) -> None:
        """Leave, where the service was told to end, then as Granian does."""
        if self.interrupt_signal and self._leave_seconds:
            self._signal(self.wrks, LEAVE_SIGNAL)
            time.sleep(self._leave_seconds)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _signal(self, workers: list[Worker], number: signal.Signals) -> None:
        """To those that have loaded: before that nobody there would take it, and it would kill them."""
        for worker in workers:
            if worker.is_alive() and worker.inner.pid is not None and self._loaded[worker.idx].value:
                os.kill(worker.inner.pid, number)

    def _stop_workers(self) -> None:
        self._retire(self.wrks)
        self.wrks.clear()

    def _retire(self, workers: list[Worker]) -> None:
        """Let workers finish: first nothing new, then, after a rest, nothing more; at last by force."""
        for worker in workers:
            worker.interrupt_by_parent = True
        self._signal(workers, DRAIN_SIGNAL)
        time.sleep(REST)
        for worker in workers:
            worker.terminate()
        end = time.monotonic() + (self.workers_kill_timeout or 0)
        for worker in workers:
            worker.join(max(end - time.monotonic(), 0.001))
            if worker.is_alive():
                logger.warning(f"Killing worker-{worker.idx + 1}: it did not finish in {self.workers_kill_timeout} s")
                worker.kill()
                worker.join()


class Drain:
    """A worker's side of `_retire`. On DRAIN_SIGNAL `begun` is set, and nothing is accepted any more: a socket that
    nobody knows takes the place of the listening one under its number."""

    def __init__(self, descriptor: int) -> None:
        self.begun = threading.Event()
        self._descriptor = descriptor
        self._silent = socket.socket(socket.AF_UNIX)
        self._silent.setblocking(False)
        if sys.platform == "linux":
            self._silent.bind("")  # a name of the kernel's choice, in no directory
            self._silent.listen(1)
        signal.signal(DRAIN_SIGNAL, self._begin)

    def close(self) -> None:
        """Let go of the socket that nobody knows; a worker's ends with it."""
        self._silent.close()

    def waiting(self) -> int:
        """Connections that this worker has not accepted yet; 0 where only Linux would tell."""
        if sys.platform != "linux" or self.begun.is_set():
            return 0
        with socket.socket(fileno=os.dup(self._descriptor)) as listener:
            return int(UNACCEPTED.unpack_from(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104))[0])

    def _begin(self, *_: object) -> None:
        if sys.platform == "linux":
            os.dup2(self._silent.fileno(), self._descriptor)
        self.begun.set()
