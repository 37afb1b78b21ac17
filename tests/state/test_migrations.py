import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.errors import RefusedError
from recsvc.state import open_database
from recsvc.state.migrate import HEAD, revision
from recsvc.state.schema import metadata


def test_migrations_make_the_schema_that_the_code_declares(database: sa.Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, metadata) == []
        inspector = sa.inspect(connection)
        for table in metadata.tables.values():
            declared = {str(check.name) for check in table.constraints if isinstance(check, sa.CheckConstraint)}
            assert {check["name"] for check in inspector.get_check_constraints(table.name)} == declared


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "recsvc.state:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_opening_again_changes_nothing(database: sa.Engine, database_url: str, tmp_path: Path) -> None:
    again = open_database(database_url, tmp_path)
    assert revision(again) == revision(database) == HEAD
    again.dispose()


def test_a_schema_from_the_future_is_refused(database: sa.Engine, database_url: str, tmp_path: Path) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RefusedError, match=f"has schema 9999, this recsvc knows schemas up to {HEAD}"):
        open_database(database_url, tmp_path)


def test_a_migration_that_fails_leaves_the_database_empty(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = command.upgrade

    def half(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise sa.exc.OperationalError("disk", {}, Exception("disk full"))

    monkeypatch.setattr(command, "upgrade", half)
    with pytest.raises(Exception, match="disk full"):
        open_database(database_url, tmp_path)
    monkeypatch.undo()
    engine = open_database(database_url, tmp_path)
    assert sorted(sa.inspect(engine).get_table_names()) == sorted([*metadata.tables, "alembic_version"])
    engine.dispose()


@pytest.mark.slow
def test_four_processes_may_start_at_once_on_an_empty_database(database_url: str, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from recsvc.state import open_database
open_database(sys.argv[1], Path(sys.argv[2])).dispose()
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url, str(tmp_path)], stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 4
    database = open_database(database_url, tmp_path)
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    database.dispose()
