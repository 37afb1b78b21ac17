import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import SettingsError
from recsvc.state import DatabaseError, connect, open_database, writing
from recsvc.state.mailing import consents
from recsvc.state.schema import customers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_without_an_address_state_lies_in_the_store_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    store = tmp_path / "not" / "there" / "yet"
    database = open_database(None, store)
    with writing(database) as connection:
        connection.execute(customers.insert().values(customer_id="a", updated_at=NOW))
        files = sorted(store.iterdir())
        assert [file.name for file in files] == ["recsvc.db", "recsvc.db-shm", "recsvc.db-wal", "recsvc.db.lock"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    database.dispose()


def test_an_empty_address_is_none(tmp_path: Path) -> None:
    database = open_database("", tmp_path)
    assert Path(str(database.url.database)) == tmp_path / "recsvc.db"
    database.dispose()


def test_sqlite_keeps_what_it_has_acknowledged_and_holds_references(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    with database.connect() as connection:
        read = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    database.dispose()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://u:secret@host/db", "names 'mysql'"),
        ("no address", "is no address"),
        ("sqlite://", "without a file"),
        ("sqlite:///:memory:", "without a file"),
    ],
)
def test_addresses_that_are_none(address: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        connect(address, tmp_path)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"postgresql://shop:\*\*\*@127.0.0.1:1/state: .*refused") as down:
        open_database("postgresql://shop:geheim@127.0.0.1:1/state", tmp_path)
    assert "geheim" not in str(down.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "recsvc.db").write_text("order_id,item_id\n" * 100)
    with pytest.raises(DatabaseError, match=r"recsvc\.db: file is not a database"):
        open_database(None, tmp_path)


def test_a_store_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"file/recsvc\.db"):
        open_database(None, tmp_path / "file")


def test_customers_keep_consent_and_time_zone(database: sa.Engine) -> None:
    berlin = timezone(timedelta(hours=1))
    with writing(database) as connection:
        connection.execute(
            customers.insert().values(
                customer_id="Ä 1 😀", email="a@example.org", email_ok=True, points=3, updated_at=NOW.astimezone(berlin)
            )
        )
    with database.connect() as connection:
        row = connection.execute(sa.select(customers)).one()
    assert row[:10] == ("Ä 1 😀", "a@example.org", None, None, True, False, False, None, 3, NOW)
    assert row.updated_at.tzinfo == UTC


def test_a_time_without_a_zone_is_refused(database: sa.Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="has no time zone"), writing(database) as connection:
        connection.execute(customers.insert().values(customer_id="a", updated_at=NOW.replace(tzinfo=None)))


def test_ids_sort_by_code_point(database: sa.Engine) -> None:
    ids = ["Zoe", "adam", "B", "a-1", "a_1", "ä", "10", "9", "😀"]
    with writing(database) as connection:
        connection.execute(customers.insert(), [{"customer_id": each, "updated_at": NOW} for each in ids])
    with database.connect() as connection:
        assert list(connection.scalars(sa.select(customers.c.customer_id).order_by("customer_id"))) == sorted(ids)


def test_a_failed_transaction_leaves_nothing(database: sa.Engine) -> None:
    twice = [{"customer_id": "b", "updated_at": NOW}] * 2
    with pytest.raises(sa.exc.IntegrityError), writing(database) as connection:
        connection.execute(customers.insert(), [{"customer_id": "a", "updated_at": NOW}, *twice])
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 0


def test_writers_wait_for_each_other(database: sa.Engine) -> None:
    """Eight threads each read the points and write one more: none may fail, none may be lost."""
    with writing(database) as connection:
        connection.execute(customers.insert().values(customer_id="a", points=0, updated_at=NOW))
    failures: list[Exception] = []

    def add() -> None:
        try:
            for _ in range(10):
                with writing(database) as connection:
                    points = connection.scalar(sa.select(customers.c.points).with_for_update())
                    connection.execute(customers.update().values(points=(points or 0) + 1))
        except sa.exc.SQLAlchemyError as error:
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.connect() as connection:
        assert (failures, connection.scalar(sa.select(customers.c.points))) == ([], 80)


def test_a_killed_writer_loses_only_what_it_had_not_committed(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from recsvc.state import open_database, writing
from recsvc.state.schema import customers
database = open_database(None, Path(sys.argv[1]))
for number in range(1000):
    with writing(database) as connection:
        connection.execute(customers.insert().values(customer_id=str(number), updated_at=datetime.now(UTC)))
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -9
    database = open_database(None, tmp_path)
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 7
    database.dispose()


def test_what_a_customer_said_cannot_be_changed(database: sa.Engine) -> None:
    said = {"customer_id": "c", "purpose": "email", "granted": True, "basis": "consent", "source": "s"}
    with writing(database) as connection:
        connection.execute(sa.insert(consents), {**said, "at": NOW, "recorded_at": NOW})
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), writing(database) as connection:
        connection.execute(sa.update(consents).values(granted=False))


def test_a_patient_writer_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsvc.state.database.BUSY_SECONDS", 0.05)
    database = open_database(None, tmp_path)
    with writing(database) as first:
        first.execute(customers.insert().values(customer_id="a", updated_at=NOW))
        with pytest.raises(sa.exc.OperationalError, match="locked"), writing(database):
            pass
        waiting = threading.Thread(target=_insert_patiently, args=(database,))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(10)
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 2
    with pytest.raises(sa.exc.IntegrityError), writing(database, patience=1) as connection:
        connection.execute(customers.insert(), [{"customer_id": name, "updated_at": NOW} for name in "cca"])
    with database.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(customers)) == 2
    database.dispose()


def _insert_patiently(database: sa.Engine) -> None:
    with writing(database, patience=30) as connection:
        connection.execute(customers.insert().values(customer_id="b", updated_at=NOW))


def test_another_process_leaves_the_log_of_open_connections_alone(tmp_path: Path) -> None:
    """SQLite takes the log away with the last connection: it must see that this process has others."""
    database = open_database(None, tmp_path)
    with database.connect() as first, database.connect() as second:
        for connection in (first, second):
            connection.execute(sa.select(customers))
        program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM customers'); c.close()"
        subprocess.run([sys.executable, "-c", program, tmp_path / "recsvc.db"], check=True)
        assert (tmp_path / "recsvc.db-wal").exists()
    database.dispose()
