"""Both databases, with tables and without events."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.state import open_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    engine = open_database(url, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
        connection.exec_driver_sql("DELETE FROM session_links")
    yield engine
    engine.dispose()
