"""A bucket of a real object store, SeaweedFS, on this machine: what speaks S3 is tested against what answers in S3."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import require

PATIENCE = 60.0
NAME = "models"
ACCESS_KEY, SECRET_KEY = "a-key-of-the-tests", "a-secret-of-the-tests"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
         "s3.port", "s3.port.grpc")  # fmt: skip


@dataclass
class Bucket:
    """A bucket, and the environment in which recsvc finds it."""

    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3.port']}",
        }

    def new_prefix(self) -> str:
        """An address in it where nothing lies yet."""
        return f"s3://{NAME}/{uuid.uuid4().hex}/shop"

    def freeze(self) -> None:
        """Let it answer nobody until `thaw`."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """A bucket for this run; whoever needs an empty place asks it for a `new_prefix()`."""
    folder = tmp_path_factory.mktemp("bucket")
    ports = free_ports()
    identity = {"name": "tests", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                "actions": ["Read", "Write", "List"]}  # fmt: skip
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    require(program and find_spec("obstore"), "SeaweedFS and the extra object-storage (make .venv/.installed-dev)")
    options = {
        "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": folder, "s3": "true", "s3.config": folder / "s3.json",
        "master.volumeSizeLimitMB": "64", "volume.max": "8",
        "s3.iam": "false", "s3.port.iceberg": "0", "s3.port.lance": "0",
        "master.telemetry": "false",  # nothing is reported to anybody
        **ports,
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), f"-logdir={folder}", "server", *(f"-{name}={value}" for name, value in options.items())],
            stdout=log, stderr=log, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
    try:
        _make_bucket(ports, process, folder / "log")
        yield Bucket(ports, process)
    finally:
        process.kill()
        process.wait()


def free_ports() -> dict[str, int]:
    held = [socket.socket() for _ in PORTS]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = {name: int(one.getsockname()[1]) for name, one in zip(PORTS, held, strict=True)}
    for one in held:
        one.close()
    return ports


def _make_bucket(ports: dict[str, int], process: subprocess.Popen[bytes], log: Path) -> None:
    # To SeaweedFS a bucket is a folder of its filer; the S3 side must have come up as well.
    wanted = [
        urllib.request.Request(f"http://127.0.0.1:{ports['filer.port']}/buckets/{NAME}/", method="POST"),
        urllib.request.Request(f"http://127.0.0.1:{ports['s3.port']}/healthz"),
    ]
    end = time.monotonic() + PATIENCE
    while wanted:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            with urllib.request.urlopen(wanted[0], timeout=10):
                wanted.pop(0)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
