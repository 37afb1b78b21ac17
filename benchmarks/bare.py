"""What an empty route costs: Flask that answers with given JSON, on the server that `recsvc serve` starts.

    python -m benchmarks.bare PORT WORKERS ANSWER.json

Started by `benchmarks.serve`, which compares with it.
"""

import multiprocessing
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response
from granian.constants import Interfaces
from granian.log import LogLevels

from recsvc.http.server import LOGS, listen
from recsvc.http.supervisor import Drain, Supervisor
from recsvc.http.worker import in_one_piece


def load(answer: Path, descriptor: int, loaded: Any) -> Any:
    """Runs in the worker: the application, whose only work is to write the answer as JSON."""
    drain = Drain(descriptor)
    body = orjson.loads(answer.read_bytes())
    app = Flask("bare")

    @app.get("/recommend")
    def recommend() -> Response:
        return Response(orjson.dumps(body), content_type="application/json")

    loaded.value = 1
    return in_one_piece(app.wsgi_app, drain.begun.is_set)


def main() -> None:
    """Serve until told to stop."""
    port, workers, answer = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    multiprocessing.set_start_method("spawn", force=True)
    with ExitStack() as open_until_the_end:
        listeners = [open_until_the_end.enter_context(listen("127.0.0.1", port, shared=True)) for _ in range(workers)]
        server = Supervisor(
            listeners,
            address="127.0.0.1",
            port=port,
            interface=Interfaces.WSGI,
            blocking_threads=1,
            websockets=False,
            log_level=LogLevels.warning,
            log_dictconfig=LOGS,
        )
        server.serve(target_loader=partial(load, answer), wrap_loader=False)


if __name__ == "__main__":
    main()
