"""A worker that is to end accepts nothing more; what waits is left to the others. The whole is in test_server.py."""

import os
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from recsvc.http.server import listen
from recsvc.http.supervisor import DRAIN_SIGNAL, Drain
from recsvc.http.worker import in_one_piece

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sockets are replaced in place on Linux alone")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    before = signal.getsignal(DRAIN_SIGNAL)
    with listen("127.0.0.1", 0) as opened:
        yield opened
    signal.signal(DRAIN_SIGNAL, before)


def test_what_a_worker_has_not_accepted_is_left_to_the_others(listener: socket.socket) -> None:
    with socket.socket(fileno=os.dup(listener.fileno())) as mine:
        drain = Drain(mine.fileno())
        callers = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        assert drain.waiting() == 3
        mine.accept()[0].close()
        assert drain.waiting() == 2
        os.kill(os.getpid(), DRAIN_SIGNAL)
        assert drain.begun.is_set()
        with pytest.raises(BlockingIOError):
            mine.accept()
        assert drain.waiting() == 0
        for _ in range(2):  # another worker's turn
            listener.accept()[0].close()
        for caller in callers:
            caller.close()
        drain.close()


def test_a_worker_that_ends_asks_its_clients_to_come_back_elsewhere() -> None:
    sent: list[list[tuple[str, str]]] = []

    def app(_: object, start_response: object) -> list[bytes]:
        assert callable(start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a", b"b"]

    for ending in (False, True):
        answer = in_one_piece(app, lambda ending=ending: ending)  # type: ignore[misc]
        assert answer({}, lambda _, headers: sent.append(headers)) == [b"a", b"b"]
    assert sent == [[("Content-Type", "text/plain")], [("Content-Type", "text/plain"), ("Connection", "close")]]
