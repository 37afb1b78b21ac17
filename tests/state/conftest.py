"""Both databases that recsvc keeps state in; a test that takes `database_url` runs on each."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.state import open_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    name = f"recsvc_state_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'create database "{name}"')
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'drop database "{name}" with (force)')
    admin.dispose()


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with its tables."""
    engine = open_database(database_url, tmp_path)
    yield engine
    engine.dispose()
