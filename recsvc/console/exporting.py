"""Exports in the background: a process of its own writes the files, and a file beside them tells every worker how far
it is.

Who runs holds a lock on `job.lock`, which ends with the process however that ends: a job that says it is running while
nobody holds the lock has crashed.
"""

import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from models.errors import RecsvcError, RefusedError
from recsvc.http.settings import METRICS_DIRECTORY, ServeSettings

log = logging.getLogger(__name__)
FOLDER = "exports"  # in the store, with a folder for each campaign
FORMATS = ("csv", "jsonl", "mailchimp", "klaviyo", "brevo", "sendgrid", "ses")
TOLD_EVERY = 0.25  # seconds
LESS_URGENT = 10  # than the lists that the service answers with, as `nice` counts


@dataclass(frozen=True, kw_only=True)
class Job:
    """One export: `state` is running, done, failed or crashed; `summary` as `recsvc offers export --json` prints it."""

    state: str
    by: str
    formats: tuple[str, ...]
    record: bool
    started_at: str
    size: int = 0
    seen: int = 0
    ended_at: str | None = None
    problem: str = ""
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The names of what was written."""
        return [Path(name).name for name in self.summary.get("files", [])]

    def write(self, folder: Path) -> None:
        """Tell the others; whoever reads gets this or what was there before."""
        temporary = folder / f".job-{os.getpid()}-{threading.get_ident()}"
        temporary.write_bytes(orjson.dumps(asdict(self)))
        os.replace(temporary, folder / "job.json")


class Exports:
    """The exports of one store."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._folder = settings.store / FOLDER

    def folder(self, campaign: str) -> Path:
        """Where the files of a campaign are written."""
        return self._folder / campaign

    def job(self, campaign: str) -> Job | None:
        """The latest export of a campaign, None where there was none yet."""
        folder = self.folder(campaign)
        job = _read(folder)
        if job is None or job.state != "running":
            return job
        with _lock(folder) as free:
            if free is None:
                return job
            job = _read(folder)  # it may have ended between the two looks
        return replace(job, state="crashed") if job is not None and job.state == "running" else job

    def start(self, campaign: str, *, formats: tuple[str, ...], record: bool, by: str, now: datetime) -> None:
        """Begin an export. Raises RefusedError while another of this campaign runs."""
        folder = self.folder(campaign)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock(folder, patience=0.5) as lock:
            if lock is None:
                raise RefusedError("an export of this campaign is running")
            Job(state="running", by=by, formats=formats, record=record, started_at=now.isoformat()).write(folder)
            command = [sys.executable, "-m", __name__, str(self._settings.store), campaign]
            process = subprocess.Popen(  # noqa: S603
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=(lock.fileno(),), start_new_session=True,
            )  # fmt: skip
        threading.Thread(target=process.wait, name="recsvc-export", daemon=True).start()

    def _environment(self) -> dict[str, str]:
        """What the export needs to know, out of sight of others on the machine."""
        given = {
            "RECSVC_DATABASE_URL": self._settings.database_url,
            "RECSVC_SECRET": self._settings.secret,
            "RECSVC_SECRET_PREVIOUS": self._settings.previous_secret,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        left = {name: value for name, value in os.environ.items() if name not in (*given, METRICS_DIRECTORY)}
        return left | {name: value for name, value in given.items() if value}


@contextmanager
def _lock(folder: Path, *, patience: float = 0.0) -> Iterator[BinaryIO | None]:
    """The lock of a folder's export, held by whoever has its descriptor; None while it is held elsewhere.

    Whoever looks holds it for a moment, too: who wants it in earnest waits `patience` seconds for that.
    """
    until = time.monotonic() + patience
    with (folder / "job.lock").open("ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield None
                    return
                time.sleep(0.01)
        yield handle


def _read(folder: Path) -> Job | None:
    try:
        table = orjson.loads((folder / "job.json").read_bytes())
        return Job(**{**table, "formats": tuple(table["formats"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # none yet, or another version of recsvc wrote it


def export(store: Path, campaign: str) -> None:
    """Run the job that lies in the campaign's folder, and tell how far it is."""
    folder = store / FOLDER / campaign
    job = _read(folder)
    assert job is not None
    try:
        job = replace(_exported(store, campaign, folder, job), state="done")
    except RecsvcError as error:
        job = replace(job, state="failed", problem=str(error))
    except Exception as error:
        log.exception("export failed", extra={"campaign": campaign})
        job = replace(job, state="failed", problem=f"{type(error).__name__}; the service's log says more")
    replace(job, ended_at=datetime.now(UTC).isoformat()).write(folder)


def _exported(store: Path, campaign: str, folder: Path, job: Job) -> Job:
    from recsvc.offers.export import export_offers
    from recsvc.offers.run import open_run
    from recsvc.offers.targets import FOLDER as CAMPAIGNS

    run = open_run(store / CAMPAIGNS / f"{campaign}.toml", store)
    audience = run.audience()
    seen, told = 0, float("-inf")

    def advance(number: int) -> None:
        nonlocal seen, told
        seen += number
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            replace(job, size=audience.size, seen=seen).write(folder)

    summary = export_offers(run, audience, folder, formats=job.formats, record=job.record, advance=advance)
    return replace(job, size=audience.size, seen=audience.size, summary=summary.as_json())


if __name__ == "__main__":
    from recsvc.http.logs import configure_logs

    os.nice(LESS_URGENT)
    configure_logs()
    export(Path(sys.argv[1]), sys.argv[2])
