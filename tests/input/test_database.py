"""Purchases from a database URL and a query."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import InputError
from tests.input.small_shops import Line, Read, lines_of

QUERY = (
    "SELECT customer AS customer_id, 'o' || id AS order_id, sku AS item_id, amount AS quantity, at AS timestamp "
    "FROM sales"
)
ROWS = [
    (1, 900, "x", 2.0, "2026-01-01 10:00:00"),
    (2, None, "y", 1.0, "2026-01-02 10:00:00"),
    (3, 17, "x", 1.5, "2026-01-03"),
]
EXPECTED = {Line(None, "y", 1, "2026-01-02"), Line("17", "x", 1.5, "2026-01-03"), Line("900", "x", 2, "2026-01-01")}


def test_sqlite(read: Read, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE sales (id INTEGER, customer INTEGER, sku TEXT, amount REAL, at TEXT)")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", ROWS)
    database.close()
    shop = read(f"sqlite:///{tmp_path / 'shop.db'}", query=QUERY)
    assert set(lines_of(shop)) == EXPECTED
    assert shop.report.sources[0].rows == 3
    assert (
        len(read(f"sqlite:///{tmp_path / 'shop.db'}", query=QUERY + " WHERE at LIKE '%:%' OR at <> ' :x'").data.lines)
        == 3
    )
    for query, message in [
        ("SELECT * FROM orders", "no such table: orders"),
        ("SELEC 1", "syntax error"),
        ("SELECT id FROM sales", "no column 'item_id'"),
        ("SELECT * FROM sales WHERE false", "no column 'item_id'"),
        (QUERY + " WHERE false", "no rows"),
    ]:
        with pytest.raises(InputError) as stopped:
            read(f"sqlite:///{tmp_path / 'shop.db'}", query=query)
        assert message in str(stopped.value)


@pytest.mark.postgres
def test_postgresql(read: Read, postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE sales (id int, customer int, sku text, amount numeric, at timestamptz)"
        )
        for row in ROWS:
            connection.exec_driver_sql("INSERT INTO sales VALUES (%s, %s, %s, %s, %s)", row)
    url = postgres_url.replace("postgresql+psycopg", "postgresql")
    shop = read(url, query=QUERY + " WHERE sku LIKE '%' AND at::text <> ''")
    assert set(lines_of(shop)) == EXPECTED
    with pytest.raises(InputError, match="DELETE"):
        read(url, query="DELETE FROM sales RETURNING *")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE sales")
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///missing.db", "missing.db: no such file"),
        ("oracel://scott:tiger@host/db", "oracel://scott:***@host/db: no database of this kind is known"),
        ("ftp://host/file.csv", "no database of this kind is known"),
        ("s3://bucket/file.csv", "a query needs a database URL"),
        ("mysql://shop:secret@127.0.0.1/shop", "mysql://shop:***@127.0.0.1/shop: the driver MySQLdb is not installed"),
        ("postgresql://shop:secret@127.0.0.1:1/shop", "postgresql://shop:***@127.0.0.1:1/shop: "),
    ],
)
def test_a_database_that_is_not_there(read: Read, url: str, message: str) -> None:
    with pytest.raises(InputError) as stopped:
        read(url, query="SELECT 1")
    assert message in str(stopped.value)
    assert "secret" not in str(stopped.value)


def test_a_database_needs_a_query(read: Read) -> None:
    with pytest.raises(InputError, match=r"postgresql://shop:\*\*\*@127.0.0.1/shop: a database needs a query"):
        read("postgresql://shop:secret@127.0.0.1/shop")
