"""What a bad night can leave behind is found by `recsvc doctor`, which says what mends it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.registry import Registry
from recsvc.cli.check import BROKEN, OK, OPEN, Check
from recsvc.cli.doctor import Patient, examine
from recsvc.state.mailing import benefit_counters, benefit_uses, mails

NOW = datetime.now(UTC)
Usage = namedtuple("Usage", "total used free")


def found(store: Path) -> dict[str, Check]:
    return {check.name: check for check in examine(Patient(store, None, None, "127.0.0.1", 1, NOW))}


def test_a_sound_store_is_sound(store: Path, database: sa.Engine) -> None:
    checks = found(store)
    for name in ("disk", "leftovers", "history", "state"):
        assert checks[name].status == OK, checks[name]


def test_a_disk_without_room_for_another_training(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 10 << 20))
    disk = found(store)["disk"]
    assert (disk.status, disk.remedy) == (BROKEN, "recsvc models prune --keep 2")
    assert "10 MB are free" in disk.detail


def test_work_of_a_killed_training_but_not_of_a_running_one(store: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from models.registry import Registry\n"
        "with Registry(Path(sys.argv[1])).workspace() as work:\n"
        "    (work / 'half.npy').write_bytes(bytes(3_000_000)); print(work, flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(store)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert found(store)["leftovers"].status == OK
        child.kill()
        child.wait()
        left = found(store)["leftovers"]
        assert left.status == OPEN
        assert "1 directory of trainings that were killed, 2.9 MB" in left.detail
        with Registry(store).workspace():
            pass
        assert found(store)["leftovers"].status == OK
    finally:
        child.kill()
        child.communicate()


def test_a_history_that_does_not_end_with_what_is_published(store: Path) -> None:
    registry = Registry(store)
    current = str(registry.current())
    entry = {"version": "20200101T000000Z-00000000", "at": NOW.isoformat(), "why": "trained"}
    with (store / "history.jsonl").open("a") as lines:
        lines.write(json.dumps(entry) + "\n")
    history = found(store)["history"]
    assert (history.status, history.remedy) == (OPEN, f"recsvc models publish {current}")
    registry.publish(current, why="by hand", now=NOW)
    assert found(store)["history"].status == OK


def test_a_line_of_the_history_that_was_cut_short(store: Path) -> None:
    registry = Registry(store)
    with (store / "history.jsonl").open("a") as lines:
        lines.write('{"version": "2026')
    registry.publish(str(registry.current()), why="again", now=NOW)
    history = found(store)["history"]
    assert (history.status, history.detail[:15]) == (OPEN, "1 of 3 lines ca")


def test_a_kept_model_that_cannot_be_read(store: Path) -> None:
    broken = store / "bundles" / "20200101T000000Z-00000000"
    broken.mkdir()
    other = found(store)["other models"]
    assert (other.status, other.remedy) == (OPEN, f"rm -r {broken}")


def test_a_damaged_database_file(store: Path, database: sa.Engine) -> None:
    with database.begin() as connection:
        for number in range(2_000):
            connection.exec_driver_sql(
                "INSERT INTO consents (customer_id, purpose, granted, basis, source, at, recorded_at) "
                "VALUES (?, 'email', 1, 'consent', 'x', ?, ?)",
                (f"c{number}", str(NOW), str(NOW)),
            )
    database.dispose()
    path = store / "recsvc.db"
    file = sqlite3.connect(path)
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(data)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    checks = found(store)
    problem = checks.get("state", checks["database"])
    assert problem.status == BROKEN


def test_a_benefit_given_more_often_than_counted(store: Path, database: sa.Engine) -> None:
    use = {"benefit_id": "b", "customer_id": "c", "campaign_id": "k", "cost_minor": 1, "at": NOW}
    with database.begin() as connection:
        connection.execute(sa.insert(benefit_counters).values(benefit_id="b", used=1, spent_minor=2))
        connection.execute(sa.insert(benefit_uses), [{**use, "edition": "1"}, {**use, "edition": "2"}])
    state = found(store)["state"]
    assert (state.status, "counted 1 times and was given 2 times" in state.detail) == (BROKEN, True)
    with database.begin() as connection:
        connection.execute(sa.update(benefit_uses).where(benefit_uses.c.edition == "2").values(released_at=NOW))
    assert found(store)["state"].status == OK


def test_mails_in_flight(store: Path, database: sa.Engine) -> None:
    then = NOW - timedelta(hours=1)
    row = {"campaign_id": "k", "edition": "1", "customer_id": "c", "state": "sending", "items": "[]", "benefits": "[]"}
    with database.begin() as connection:
        connection.execute(sa.insert(mails).values(**row, model_version="v", created_at=then, updated_at=then))
    assert found(store)["state"].detail.startswith("1 mails are being sent")
