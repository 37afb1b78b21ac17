"""PostgreSQL that is away, or says nothing, and comes back.

`python -m benchmarks.faults database --postgres URL` lets it be gone for a minute.
"""

import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from benchmarks.faults.database import WAYS, Proxy, lose_database
from recsvc.state.database import connect
from recsvc.state.patience import at_most

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    server = sa.make_url(postgres_url)
    name = f"recsvc_gone_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'create database "{name}"')
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'drop database "{name}" with (force)')
    admin.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_lists_go_on_and_events_come_back(way: str, url: str, tiny_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(tiny_store, tmp_path / "store")
    seen, failures = lose_database(store, url, way=way, seconds=4)
    assert failures == [], seen


def test_a_request_waits_for_a_silent_database_no_longer_than_it_may(url: str, tmp_path: Path) -> None:
    address = sa.make_url(url)
    proxy = Proxy(address.host or "127.0.0.1", address.port or 5432)
    engine = connect(address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False), tmp_path)
    try:
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1
            with at_most(60):
                assert connection.scalar(sa.text("SELECT 2")) == 2
        proxy.fall_silent()
        started = time.monotonic()
        with pytest.raises(sa.exc.OperationalError, match="the database does not answer"), at_most(0.3):
            engine.connect()
        assert time.monotonic() - started < 30  # and not for ever
        proxy.come_back()
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 3")) == 3
    finally:
        engine.dispose()
        proxy.close()


def test_what_comes_late_is_nobody_elses_answer(url: str, tmp_path: Path) -> None:
    engine = connect(url, tmp_path)
    try:
        with pytest.raises(sa.exc.OperationalError), at_most(0.3), engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_sleep(5)"))
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 7")) == 7
            assert isinstance(connection.connection.dbapi_connection, psycopg.Connection)
    finally:
        engine.dispose()
