"""What every release wrote is still read: its bundle serves, its database migrates with all that is in it."""

import json
import sqlite3
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings
from recsvc.state import open_database
from recsvc.state.migrate import HEAD, revision
from recsvc.state.schema import metadata
from tests.releases.rows import ROWS, fill

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/state.sql"))
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", "recsvc.state:migrations")
    return made


REVISIONS = [script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()][::-1]


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def store(release: Path, tmp_path: Path) -> Path:
    """A store with the release's bundle, published."""
    bundles = tmp_path / "store" / "bundles"
    with tarfile.open(release / "bundle.tar.xz") as archive:
        archive.extractall(bundles, filter="data")
    registry = Registry(tmp_path / "store")
    registry.publish(registry.versions()[0], why="of a release", now=NOW)
    return tmp_path / "store"


def test_this_release_is_kept() -> None:
    from importlib.metadata import version

    assert version("recsvc") in {folder.name for folder in RELEASES}, "python -m tests.releases.make"


def test_the_bundle_is_sound_and_serves(store: Path) -> None:
    registry = Registry(store)
    published = str(registry.current())
    assert registry.verify(published) == []
    database = open_database(None, store)
    client = create_app(ServeSettings(store=store, secret="s" * 32), LiveEngine(registry), database).test_client()
    for path in (
        "/recommend?customer_id=coffee-1&n=5",
        "/recommend?customer_id=bath-2&scenario=discover&n=5",
        "/recommend?items=coffee&scenario=complements&n=3",
        "/recommend?items=coffee&scenario=similar&n=3",
        "/recommend?n=5",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["model_version"] == published
        assert answer.json["items"]
    database.dispose()


def test_a_newer_bundle_is_refused_and_the_old_one_serves(store: Path) -> None:
    registry = Registry(store)
    live = LiveEngine(registry)
    old = live.current().version
    newer = registry.bundles / "29990101T000000Z-00000000"
    newer.mkdir()
    table = json.loads((registry.bundles / old / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps({**table, "format": 99, "version": newer.name}))
    (store / "current").write_text(newer.name + "\n")
    live.refresh()
    assert live.current().version == old
    assert live.problem is not None
    assert "format 99 is newer than" in live.problem
    assert "upgrade recsvc" in live.problem


def test_its_database_migrates_with_all_that_is_in_it(release: Path, tmp_path: Path) -> None:
    file = sqlite3.connect(tmp_path / "recsvc.db")
    file.executescript((release / "state.sql").read_text(encoding="utf-8"))
    counts = {name: file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables_of(file)}
    file.close()
    database = open_database(None, tmp_path)
    assert revision(database) == HEAD
    with database.connect() as connection:
        for name, count in counts.items():
            if name in metadata.tables:
                assert count > 0, name
                assert connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables[name])) == count
        assert connection.scalar(sa.text("SELECT email FROM customers WHERE customer_id = 'coffee-1'"))
    database.dispose()


def tables_of(file: sqlite3.Connection) -> list[str]:
    return [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_every_table_has_rows_to_migrate() -> None:
    assert metadata.tables.keys() == ROWS.keys()


@pytest.mark.parametrize("start", REVISIONS)
def test_each_revision_upgrades_with_data_in_it(start: str, database_url: str, tmp_path: Path) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, start)
    with engine.begin() as connection:
        then = sa.MetaData()
        then.reflect(connection)
        filled = fill(connection, then)
    engine.dispose()
    assert filled
    database = open_database(database_url, tmp_path)
    assert revision(database) == HEAD
    with database.connect() as connection:
        for name, n_rows in filled.items():
            found = connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[name])).scalar_one()
            assert found >= n_rows
        customer = connection.execute(
            sa.text("SELECT first_name, points FROM customers WHERE customer_id = 'coffee-1'")
        )
        assert tuple(customer.one()) == ("Ada", 120)
    database.dispose()
