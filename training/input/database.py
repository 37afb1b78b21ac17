"""Purchases from a database: the answer to a query, streamed into a Parquet file of texts."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from models.errors import InputError

BATCH_ROWS = 50_000
DRIVERS = {"postgresql": "postgresql+psycopg"}
INSTALL = {"psycopg": "pip install 'recsvc[postgres]'", "MySQLdb": "pip install mysqlclient"}


def shown_url(url: str) -> str:
    """The URL as it may be shown and logged: without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.split("://", maxsplit=1)[0] + "://…"


def export_query(url: str, query: str, path: Path) -> None:
    """Write what the query returns to `path`, every cell as text or null.

    Raises InputError with the database's own words.
    """
    engine, place = connect(url)
    try:
        options: dict[str, Any] = {"stream_results": True, "yield_per": BATCH_ROWS}
        if engine.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        with engine.connect().execution_options(**options) as connection:
            result = connection.execute(sqlalchemy.text(query.replace(":", "\\:")))  # a colon is no parameter
            if not result.returns_rows:
                raise InputError(f"{place}: the query returns no rows; expected a SELECT")
            names = list(result.keys())
            schema = pa.schema([(name, pa.string()) for name in names])
            path.parent.mkdir(parents=True, exist_ok=True)
            with pyarrow.parquet.ParquetWriter(path, schema) as writer:
                for rows in result.partitions(BATCH_ROWS):
                    writer.write_batch(_batch(rows, schema))
    except DBAPIError as error:
        raise InputError(f"{place}: {str(error.orig).strip().splitlines()[0]}") from None
    except SQLAlchemyError as error:
        raise InputError(f"{place}: {str(error).splitlines()[0]}") from None
    finally:
        engine.dispose()


def connect(url: str) -> tuple[sqlalchemy.Engine, str]:
    """The database, and how it may be shown; raises InputError for an address that names none."""
    place = shown_url(url)
    return _engine(url, place), place


def _engine(url: str, place: str) -> sqlalchemy.Engine:
    try:
        parsed = sqlalchemy.make_url(url)
        if parsed.drivername in DRIVERS:
            parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
        # SQLite would create a file that is not there.
        if parsed.get_backend_name() == "sqlite" and not (parsed.database and Path(parsed.database).is_file()):
            raise InputError(f"{place}: no such file")
        return sqlalchemy.create_engine(parsed)
    except NoSuchModuleError:
        raise InputError(
            f"{place}: no database of this kind is known; expected postgresql://…, mysql://… or sqlite:///…, or a file"
        ) from None
    except ModuleNotFoundError as error:
        remedy = INSTALL.get(error.name or "", f"pip install {error.name}")
        raise InputError(f"{place}: the driver {error.name} is not installed; install it with: {remedy}") from None
    except (ArgumentError, ValueError) as error:
        raise InputError(f"{place}: is no database URL ({error})") from None


def _batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True)
    return pa.record_batch([pa.array([_cell(cell) for cell in column], pa.string()) for column in columns], schema)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
