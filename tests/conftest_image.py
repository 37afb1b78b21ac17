"""The serving image, installed once a run without a container engine, and a server started from it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.dockerfile import Builder, Image

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
STOP_SECONDS = 30


@pytest.fixture(scope="session")
def serve_image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The Dockerfile's target `serve`: a clean venv with the wheel and requirements/serve.txt, nothing else."""
    return Builder(ROOT, tmp_path_factory.mktemp("image")).build("serve")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], health_check: Sequence[str], log: Path
) -> Iterator[None]:
    """Run `command` until the block ends; the block begins when `health_check`, run again and again, exits 0.

    Ends it as a container engine would, and fails when it does not stop by itself then.
    """
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment, cwd=log.parent, stdout=out, stderr=out, stdin=subprocess.DEVNULL, process_group=0
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(health_check, env=environment, capture_output=True).returncode != 0:
            assert process.poll() is None, f"{command} ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{command} is not ready after {START_SECONDS} s:\n{log.read_text()}"
            time.sleep(0.2)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def get_json(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON at an address of this machine; raises urllib.error.HTTPError for a status of 400 and above."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
