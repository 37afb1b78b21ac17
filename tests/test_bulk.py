"""Everybody's lists by several processes are, byte for byte, those of one."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from models.erased import ErasedIds
from recsvc.files import COLUMNS
from tests.conftest_shop import run_recsvc


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_processes_write_what_one_writes(
    tiny_store: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsvc.bulk.BLOCK", 10)
    files = {}
    for processes in (1, 2):
        out = tmp_path / f"{processes}.{kind}"
        result = run_recsvc(
            "recommend", "--all", "--store", tiny_store, "--out", out, "--processes", str(processes), "--locale", "de"
        )
        assert result.exit_code == 0, result.stderr
        assert "48 lists to" in result.stderr
        files[processes] = out.read_bytes()
    assert files[1] == files[2]
    if kind == "csv":
        assert next(csv.reader(files[2].decode().splitlines())) == list(COLUMNS)


def test_what_a_process_meets_is_told_and_no_file_is_left(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsvc.engine.answering.Engine.version", "20200101T000000Z-00000000")
    out = tmp_path / "all.jsonl"
    result = run_recsvc("recommend", "--all", "--store", tiny_store, "--out", out, "--processes", "2")
    assert result.exit_code == 2
    assert "is not in the registry" in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_erased_have_no_line(tiny_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(tiny_store, tmp_path / "store")
    ErasedIds(store).add("bath-3")
    result = run_recsvc("recommend", "--all", "--store", store, "--processes", "2", "--quiet")
    assert result.exit_code == 0, result.stderr
    names = [json.loads(line)["customer_id"] for line in result.stdout.splitlines()]
    assert len(names) == 47
    assert "bath-3" not in names
