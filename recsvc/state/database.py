"""The way to the database: SQLite in the store, or PostgreSQL by RECSVC_DATABASE_URL."""

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from models.errors import RecsvcError, SettingsError
from recsvc.state.address import place_of
from recsvc.state.migrate import migrate

BUSY_SECONDS = 5
PATIENT = 120.0  # seconds that a command which writes much waits for its turn
CONNECT_SECONDS = 3
USER_TIMEOUT = {"tcp_user_timeout": 10_000}  # ms that sent data may stay unacknowledged


class DatabaseError(RecsvcError):
    """A database that cannot be reached or used; the message hides the password."""


def open_database(url: str | None, store: Path) -> sa.Engine:
    """Connect to `url`, or to recsvc.db in `store` when it is None or '', and bring the schema up to date.

    Raises SettingsError for an address that names no database recsvc knows, DatabaseError when it cannot be reached,
    and RefusedError when a newer recsvc has written it.
    """
    engine = connect(url, store)
    try:
        migrate(engine)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise unreachable(engine, error) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect(url: str | None, store: Path) -> sa.Engine:
    """The engine alone: nothing is opened before its first use, so a database that is down now may come later."""
    if not url:
        return _sqlite(store.resolve() / "recsvc.db")
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise SettingsError("RECSVC_DATABASE_URL is no address; expected postgresql://user:password@host/db") from None
    family = address.drivername.partition("+")[0]
    if family == "sqlite":
        if not address.database or address.database == ":memory:":
            raise SettingsError(
                "RECSVC_DATABASE_URL is a SQLite address without a file; expected sqlite:////path/recsvc.db"
            )
        return _sqlite(Path(address.database).resolve())
    if family in ("postgresql", "postgres"):
        return _postgresql(address)
    raise SettingsError(
        f"RECSVC_DATABASE_URL names '{address.drivername}'; recsvc keeps its state in postgresql:// or sqlite:///"
    )


@contextmanager
def writing(engine: sa.Engine, *, patience: float = 0.0) -> Iterator[sa.Connection]:
    """A transaction that will write; commits at the end, rolls back on an exception.

    SQLite takes its write lock at once: a reader that turns writer fails, without waiting, if another wrote meanwhile.
    It lets no one queue for the lock, so of many writers one may find it taken again and again: `patience` is for how
    many seconds to try beyond the usual ones, for work that nobody waits for.
    """
    until = time.monotonic() + patience
    immediate = engine.execution_options(recsvc_begin="BEGIN IMMEDIATE")
    while True:
        beginning = immediate.begin()
        try:
            connection = beginning.__enter__()
            break
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() >= until:
                raise
    try:
        yield connection
    except BaseException:
        if not beginning.__exit__(*sys.exc_info()):
            raise
    else:
        beginning.__exit__(None, None, None)


def unreachable(engine: sa.Engine, error: Exception) -> DatabaseError:
    """The error as one sentence with the place and the remedy."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    if engine.dialect.name == "sqlite":
        return DatabaseError(f"{place_of(engine)}: {reason}; the file and its directory must be writable")
    return DatabaseError(f"cannot use the database {place_of(engine)}: {reason}; check RECSVC_DATABASE_URL")


def _sqlite(file: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)), connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "do_connect")
    def prepare(*_: Any) -> None:
        # Addresses and key hashes are nobody else's business; SQLite gives its -wal and -shm files the same mode.
        file.parent.mkdir(parents=True, exist_ok=True)
        # Only a file that is not there yet: closing one that is would drop the locks that other connections of this
        # process hold on it, and the next process to leave would take their log away.
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # BEGIN comes from below: Python's own would leave table changes outside
        connection.execute("PRAGMA foreign_keys = ON")
        # In WAL mode NORMAL may forget the last commits when the power fails: a withdrawn consent would be back.
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("recsvc_begin", "BEGIN"))

    return engine


def _postgresql(address: sa.URL) -> sa.Engine:
    options = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "recsvc", **address.query}
    try:
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg", query=options),
            pool_size=2,
            max_overflow=8,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
            # A server that vanished without a word is given up after seconds, not after TCP's quarter of an hour.
            connect_args={"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, **USER_TIMEOUT},
        )
    except ModuleNotFoundError:
        raise SettingsError(
            "RECSVC_DATABASE_URL names PostgreSQL, whose driver is not installed: pip install 'recsvc[postgres]'"
        ) from None
    from recsvc.state.hurry import hurry

    hurry(engine)
    return engine
