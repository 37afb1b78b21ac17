"""Exports in the background: files as the command writes them, progress for every worker, and jobs that died."""

import fcntl
import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from models.errors import RefusedError
from recsvc.console.exporting import Exports, Job
from recsvc.http.settings import ServeSettings
from tests.conftest_shop import run_recsvc
from tests.console.conftest import CAMPAIGN, SECRET, form_token, post

PAGE = "/console/campaigns/weekly"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def exports(store: Path) -> Exports:
    """As another worker sees them."""
    return Exports(ServeSettings(store=store, secret=SECRET))


@pytest.fixture
def edition(store: Path) -> Path:
    """The campaign's file with an edition that nobody got."""
    file = store / "campaigns" / "weekly.toml"
    file.write_text(CAMPAIGN.replace('locale = "de"', 'locale = "de"\nedition = "next"'))
    return file


def ended(exports: Exports) -> Job:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        job = exports.job("weekly")
        if job is not None and job.state != "running":
            return job
        time.sleep(0.05)
    raise AssertionError("the export did not end")


def test_an_export_writes_the_commands_files_and_every_worker_knows(
    admin: FlaskClient, exports: Exports, store: Path, edition: Path
) -> None:
    arguments = ("--out", store / "by-command", "--store", store, "--json", "--quiet", "--no-record")
    told = json.loads(run_recsvc("offers", "export", edition, *arguments).stdout)
    begun = post(admin, PAGE, f"{PAGE}/export", format="jsonl", record="on")
    assert (begun.status_code, begun.headers["Location"]) == (303, f"{PAGE}#export")
    job = ended(exports)
    assert (job.state, job.problem, job.by, job.seen) == ("done", "", "Nora", job.size)
    assert job.summary["written"] == told["written"]
    fetched = admin.get(f"{PAGE}/files/weekly.jsonl")
    assert fetched.data == (store / "by-command" / "weekly.jsonl").read_bytes()
    assert "attachment" in fetched.headers["Content-Disposition"]
    page = admin.get(f"{PAGE}/export").text
    assert f'<data value="{told["written"]}" data-figure="export.written"' in page
    assert "hx-trigger" not in page
    assert (store / "exports" / "weekly" / "weekly.jsonl").stat().st_mode & 0o077 == 0
    edition.write_text(edition.read_text() + '\n[audience]\nsegment = ["nobody"]\n')
    assert post(admin, PAGE, f"{PAGE}/export", format="jsonl").status_code == 303
    refused = ended(exports)
    assert refused.state == "failed"
    assert "nobody to write to" in refused.problem
    assert fetched.data == (store / "exports" / "weekly" / "weekly.jsonl").read_bytes()


def test_only_one_export_of_a_campaign_runs(admin: FlaskClient, exports: Exports) -> None:
    folder = exports.folder("weekly")
    folder.mkdir(parents=True)
    with (folder / "job.lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = Job(
            state="running", by="Nora", formats=("csv",), record=True, started_at=NOW.isoformat(), size=50, seen=20
        )
        running.write(folder)
        assert exports.job("weekly") == running
        page = admin.get(f"{PAGE}/export").text
        assert 'max="50" value="20"' in page
        assert 'hx-trigger="every 1s"' in page
        with pytest.raises(RefusedError, match="is running"):
            exports.start("weekly", formats=("csv",), record=False, by="Omar", now=NOW)
        fields = {"format": "csv", "form_token": form_token(admin.get(PAGE).text)}
        answer = admin.post(f"{PAGE}/export", data=fields, headers={"HX-Request": "true"})
        assert "an export of this campaign is running" in answer.text
        assert exports.job("weekly") == running
    crashed = exports.job("weekly")
    assert crashed is not None
    assert crashed.state == "crashed"
    assert "ended without a word" in admin.get(f"{PAGE}/export").text


def test_an_export_that_is_killed_is_shown_as_such(
    exports: Exports, edition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def remembered(*arguments: object, **options: object) -> "subprocess.Popen[bytes]":
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remembered)
    exports.start("weekly", formats=("csv",), record=False, by="Nora", now=NOW)
    job = exports.job("weekly")
    assert job is not None
    assert job.state == "running"
    os.kill(started[0].pid, signal.SIGKILL)
    assert ended(exports).state == "crashed"
    exports.start("weekly", formats=("csv",), record=False, by="Nora", now=NOW)
    assert ended(exports).state == "done"


def test_a_form_without_a_format_begins_nothing(admin: FlaskClient, exports: Exports) -> None:
    assert post(admin, PAGE, f"{PAGE}/export").status_code == 409
    assert exports.job("weekly") is None


@pytest.mark.parametrize("note", ["{", "[]", '{"state": "done"}', '{"state": "done", "formats": null}', "{}"])
def test_a_damaged_note_is_none(admin: FlaskClient, exports: Exports, note: str) -> None:
    folder = exports.folder("weekly")
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(note)
    assert exports.job("weekly") is None
    assert admin.get("/console/campaigns").status_code == 200
