"""`recsvc customers import`: what is taken, what is left out, and what is said about it."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from models.errors import InputError
from recsvc.customers.fields import PARSERS
from recsvc.customers.files import open_customer_file
from recsvc.customers.importing import ImportSummary, import_customers
from recsvc.customers.table import all_customers, count_customers, find_customers
from recsvc.state import open_database
from recsvc.state.schema import customers
from tests.conftest_shop import run_recsvc

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "customer_id,email,first_name,locale,email_ok,profiling_ok,tracking_ok,tier,points\n"


@pytest.fixture(name="database")
def fixture_database(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(None, tmp_path / "store")
    yield engine
    engine.dispose()


def bring_in(database: sa.Engine, path: Path, content: str | bytes, now: datetime = NOW) -> ImportSummary:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_customer_file(path, tuple(PARSERS)) as file:
        return import_customers(database, file, now=now)


def table(database: sa.Engine) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return [tuple(row)[:10] for row in connection.execute(sa.select(customers).order_by(customers.c.customer_id))]


def test_a_csv_row_becomes_a_customer(database: sa.Engine, tmp_path: Path) -> None:
    row = "c1,kim@mail.example, Kim  Jörg ,de_AT,ja,1,no,gold,120\n"
    summary = bring_in(database, tmp_path / "customers.csv", HEADER + row)
    assert (summary.rows, summary.accepted, summary.rejected) == (1, 1, 0)
    assert table(database) == [("c1", "kim@mail.example", "Kim Jörg", "de-AT", True, True, False, "gold", 120, NOW)]


def test_consent_that_nobody_gave_is_none(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "customers.csv", "customer_id,email,email_ok\nc1,kim@mail.example,\n")
    assert table(database)[0][4:7] == (False, False, False)


def test_the_same_file_twice_changes_nothing(database: sa.Engine, tmp_path: Path) -> None:
    rows = HEADER + "c1,kim@mail.example,Kim,de,1,1,0,,\nc2,,,,0,0,0,,\n"
    bring_in(database, tmp_path / "customers.csv", rows)
    before = table(database)
    bring_in(database, tmp_path / "customers.csv", rows, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert table(database) == before


def test_columns_that_the_file_lacks_stay_as_they_were(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "customers.csv", HEADER + "c1,kim@mail.example,Kim,de,1,1,1,gold,7\n")
    later = datetime(2026, 4, 1, tzinfo=UTC)
    bring_in(database, tmp_path / "consent.csv", "customer_id,email_ok\nc1,no\n", now=later)
    assert table(database) == [("c1", "kim@mail.example", "Kim", "de", False, True, True, "gold", 7, later)]


def test_the_last_row_of_a_customer_holds(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "customers.csv", "customer_id,email_ok\nc1,yes\nc1,no\n")
    assert [row[4] for row in table(database)] == [False]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",a@b.example,,,1,1,1,,", "customer_id is missing"),
        ("x" * 513 + ",,,,,,,,", "customer_id is longer than 512 characters"),
        ("c1,nobody,,,1,1,1,,", "email is not an e-mail address"),
        ("c1,=1+1@b.example,,,1,1,1,,", "email is not an e-mail address"),
        ('c1,"a@b.example\r\nBcc: x@y.example",,,1,1,1,,', "email is not an e-mail address"),
        ("c1,a@b.example,,,maybe,1,1,,", "email_ok is neither yes nor no (true/false, 1/0, ja/nein)"),
        ("c1,a@b.example,,german please,1,1,1,,", "locale is not like 'de' or 'de-AT'"),
        ("c1,a@b.example,,,1,1,1,,-5", "points is not a whole number from 0 to 2147483647"),
        ("c1,a@b.example,,,1,1,1,,1e99", "points is not a whole number from 0 to 2147483647"),
        ("c1,a@b.example,,,1,1,1,,nan", "points is not a whole number from 0 to 2147483647"),
        ("c1,a@b.example," + "K" * 101 + ",,1,1,1,,", "first_name is longer than 100 characters"),
        ("c1,a@b.example", "has more or fewer cells than the header's 9"),
        ("c1,a@b.example,,,1,1,1,,,,", "has more or fewer cells than the header's 9"),
    ],
)
def test_a_bad_row_is_left_out_with_line_and_reason(database: sa.Engine, tmp_path: Path, row: str, reason: str) -> None:
    summary = bring_in(database, tmp_path / "customers.csv", HEADER + "good,,,,,,,,\n" + row + "\n")
    assert summary.rejected == 1
    assert dict(summary.reasons) == {reason: 1}
    assert [found for _, found in summary.examples] == [reason]
    assert summary.examples[0][0] >= 3
    assert [row[0] for row in table(database)] == ["good"]


def test_a_row_that_is_not_utf8_does_not_stop_the_others(database: sa.Engine, tmp_path: Path) -> None:
    content = HEADER.encode() + "c1,,Jörg,,,,,,\n".encode("latin-1") + "c2,,Jörg,,,,,,\n".encode()
    summary = bring_in(database, tmp_path / "customers.csv", content)
    assert summary.examples == [(2, "not UTF-8")]
    assert [row[2] for row in table(database)] == ["Jörg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (HEADER.encode(), "has a header but no rows"),
        (b"id,email\n1,a@b.example\n", "has no column customer_id"),
        (b"customer-id,email\n1,a@b.example\n", "rename 'customer-id' to customer_id"),
        (b"customer_id,email,email\n1,a@b.example,\n", "two columns named email"),
        ("customer_id,email\n1,\n".encode("utf-16"), "UTF-16; save it as CSV in UTF-8"),
        (b"customer_id,email\n1,nobody\n", "none of 1 rows can be used; line 2: email is not an e-mail address"),
        (b"PAR1 and no more", "not a readable Parquet file"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(
    database: sa.Engine, tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=r".*") as error:
        bring_in(database, tmp_path / "customers.csv", content)
    assert message in str(error.value)
    assert count_customers(database) == 0


def test_semicolons_a_byte_order_mark_and_capitals_in_the_header_are_fine(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "excel.csv", "\ufeffCustomer_ID;EMAIL;Email_OK\r\nc1;a@b.example;WAHR\r\n")
    assert table(database)[0][:5] == ("c1", "a@b.example", None, None, True)


def test_ids_with_spaces_and_emoji_stay_as_they_are(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "customers.csv", 'customer_id,email\n" a b ",\n🙂,\n"two\nlines",\n')
    assert {row[0] for row in table(database)} == {" a b ", "🙂", "two\nlines"}


def test_names_are_put_on_one_line(database: sa.Engine, tmp_path: Path) -> None:
    bring_in(database, tmp_path / "customers.csv", 'customer_id,first_name\nc1,"Kim\r\nBcc: x\u202e"\n')
    assert table(database)[0][2] == "Kim Bcc: x"


def test_parquet_gives_the_same_customers(database: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    pq.write_table(
        pa.table({
            "customer_id": pa.array([1, 2, 3], pa.int64()),
            "email": ["a@b.example", None, "nobody"],
            "email_ok": [True, None, True],
            "points": [3.0, None, 1.5],
        }),
        path,
    )  # fmt: skip
    with open_customer_file(path, tuple(PARSERS)) as file:
        summary = import_customers(database, file, now=NOW)
    assert summary.examples == [(3, "email is not an e-mail address")]
    assert [(row[0], row[1], row[4], row[8]) for row in table(database)] == [
        ("1", "a@b.example", True, 3),
        ("2", None, False, None),
    ]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "customers.parquet"
    pq.write_table(pa.table({"customer_id": ["1"]}), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match="needs pyarrow; pip install"), open_customer_file(path, tuple(PARSERS)):
        pass


def test_a_truncated_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    pq.write_table(pa.table({"customer_id": [str(number) for number in range(1000)]}), path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="not a readable Parquet file"), open_customer_file(path, tuple(PARSERS)):
        pass


def test_reading_goes_block_by_block_in_the_order_of_ids(database: sa.Engine, tmp_path: Path) -> None:
    rows = "".join(f"c{number},\n" for number in range(12_345))
    bring_in(database, tmp_path / "customers.csv", "customer_id,email\n" + rows)
    ids = [customer.customer_id for customer in all_customers(database)]
    assert ids == sorted(f"c{number}" for number in range(12_345))
    assert set(find_customers(database, ["c7", "nobody"])) == {"c7"}


def test_the_command_reports_on_stderr_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("customer_id,email,email_okay\nc1,a@b.example,1\nc2,secret.person,1\n", encoding="utf-8")
    result = run_recsvc("customers", "import", path, "--store", tmp_path / "store", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "rows": 2,
        "accepted": 1,
        "rejected": 1,
        "reasons": {"email is not an e-mail address": 1},
        "ignored_columns": ["email_okay (did you mean email_ok?)"],
    }
    assert "customers.csv:3: email is not an e-mail address" in result.stderr
    assert "1 of 2 rows taken, 1 left out" in result.stderr
    assert "secret.person" not in result.output


@pytest.mark.postgres
def test_the_import_works_the_same_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    database = open_database(postgres_url, tmp_path)
    try:
        with database.begin() as connection:
            connection.execute(sa.delete(customers))
        rows = HEADER + "c1,kim@mail.example,Kim,de,1,1,0,,7\nc1,kim@mail.example,Kim,de,0,1,0,,7\nC2,,,,,,,,\n"
        bring_in(database, tmp_path / "customers.csv", rows)
        before = table(database)
        bring_in(database, tmp_path / "customers.csv", rows, now=datetime(2027, 1, 1, tzinfo=UTC))
        assert table(database) == before
        assert [customer.customer_id for customer in all_customers(database)] == ["C2", "c1"]
        assert before[1][:5] == ("c1", "kim@mail.example", "Kim", "de", False)
    finally:
        database.dispose()
