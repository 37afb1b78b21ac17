"""Bring a database's schema up to date; safe when several processes start at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from models.errors import RefusedError
from recsvc.state.address import place_of

HEAD = "0005"  # the newest revision in migrations/versions
LOCK = 0x7265_6373_7663  # PostgreSQL advisory locks are numbers; this one spells 'recsvc'


def migrate(engine: sa.Engine) -> None:
    """Run what is missing up to HEAD. Raises RefusedError for a schema newer than this recsvc."""
    if revision(engine) == HEAD:
        return
    with _one_at_a_time(engine) as connection:
        found = _revision(connection)
        if found != HEAD:
            if found is not None and found > HEAD:
                raise RefusedError(
                    f"{place_of(engine)} has schema {found}, this recsvc knows schemas up to {HEAD}: "
                    "install the one that wrote it"
                )
            _upgrade(connection)


def revision(engine: sa.Engine) -> str | None:
    """The schema's revision; None for an empty database."""
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def _one_at_a_time(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that no other process shares; on SQLite the file is in WAL mode inside it."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            yield connection
        return
    # A file lock, because SQLite's change to WAL does not wait for its turn: of several at once, some fail.
    lock = os.open(f"{engine.url.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        plain = engine.raw_connection()  # outside any transaction, where alone the mode can change
        try:
            plain.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            plain.close()
        with engine.execution_options(recsvc_begin="BEGIN IMMEDIATE").begin() as connection:
            yield connection
    finally:
        os.close(lock)


def _upgrade(connection: sa.Connection) -> None:
    # Alembic takes as long to import as the rest of the service; a database that is up to date does not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "recsvc.state:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
