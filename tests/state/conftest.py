"""Both databases that recsvc keeps state in; a test that takes `database_url` runs on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.state import open_database


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with its tables."""
    engine = open_database(database_url, tmp_path)
    yield engine
    engine.dispose()
