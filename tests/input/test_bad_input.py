"""Whatever a file holds: a clear message or a counted reject, never a traceback, never silence."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import InputError, SettingsError
from models.settings import read_section
from tests.input.small_shops import NOW, Read
from training.input import InputSettings, read_shop

HEADER = "customer_id,order_id,item_id,quantity,unit_price,timestamp\n"
GOOD = HEADER + "".join(f"c{i},o{i},i{i % 7},1,2.50,2026-01-{i % 28 + 1:02}\n" for i in range(100))


def rejects(folder: Path) -> list[tuple[int, str, str | None]]:
    rows = pq.read_table(folder / "rejects.parquet").to_pylist()
    return [(row["line"], row["reason"], row["value"]) for row in rows]


def test_good_rows_alone_reject_nothing(read: Read, tmp_path: Path) -> None:
    shop = read(GOOD)
    assert len(shop.data.lines) == 100
    assert shop.report.rows_rejected == 0
    assert rejects(tmp_path) == []


BAD_ROWS = [
    ("c1,o1,i1,abc,1,2026-01-01", "quantity is not a number", "abc"),
    ("c1,o1,i1,inf,1,2026-01-01", "quantity is beyond 10,000,000", "inf"),
    ("c1,o1,i1,nanana,1,2026-01-01", "quantity is not a number", "nanana"),
    ("c1,o1,i1,1,free,2026-01-01", "unit_price is not a number", "free"),
    ("c1,o1,i1,1,-3,2026-01-01", "unit_price is not between 0 and 1,000,000,000", "-3"),
    ("c1,o1,i1,1,1,yesterday", "timestamp is not a date", "yesterday"),
    ("c1,o1,i1,1,1,2026-02-30", "timestamp is not a date", "2026-02-30"),
    ("c1,o1,i1,1,1,01/02/2026", "timestamp is not a date", "01/02/2026"),
    ("c1,o1,i1,1,1,", "timestamp is empty", None),
    ("c1,o1,i1,1,1,1970-01-01", "timestamp is before 1990", "1970-01-01"),
    ("c1,o1,i1,1,1,2026-06-03", "timestamp is in the future", "2026-06-03"),
    ("c1,o1,i1,1,1,infinity", "timestamp is in the future", "infinity"),
    ("c1,o1, ,1,1,2026-01-01", "item_id is empty", " "),
    (",,i1,1,1,2026-01-01", "customer_id is empty, and so is order_id", None),
    (f"c1,o1,{'x' * 10_000},1,1,2026-01-01", "item_id is longer than 512 characters", "x" * 100),
    (f"{'é' * 513},o1,i1,1,1,2026-01-01", "customer_id is longer than 512 characters", "é" * 100),
    ("c1,o1,i\0,1,1,2026-01-01", "item_id has a NUL byte", "i\0"),
    ("c1,o1,i1,1,1,2026-01-01,extra", "the row has more cells than the header", None),
    ("c1,o1,i1", "the row has fewer cells than the header", None),
    ('c1,o1,"i1"x,1,1,2026-01-01', "a quote is not closed, or text follows a closed quote", None),
]  # fmt: skip


def test_each_bad_row_is_a_reject_with_its_line(read: Read, tmp_path: Path) -> None:
    many = HEADER + "".join(f"c{i},o{i},i{i % 7},1,2.50,2026-01-{i % 28 + 1:02}\n" for i in range(1000))
    shop = read(many + "".join(row + "\n" for row, _, _ in BAD_ROWS))
    assert rejects(tmp_path) == [(1002 + n, reason, value) for n, (_, reason, value) in enumerate(BAD_ROWS)]
    assert len(shop.data.lines) == 1000
    assert {finding.reason for finding in shop.report.rejected} == {reason for _, reason, _ in BAD_ROWS}
    for finding in shop.report.rejected:
        line = 1002 + next(n for n, (_, reason, _) in enumerate(BAD_ROWS) if reason == finding.reason)
        assert finding.examples[0].startswith(f"{tmp_path / 'purchases.csv'}:{line}: {finding.reason}")
    assert shop.report.rows_read == 1000 + len(BAD_ROWS)


def test_lines_are_counted_over_quoted_newlines_blank_lines_and_refused_rows(read: Read, tmp_path: Path) -> None:
    text = GOOD + 'c1,o1,"a\nb\nc",1,1,2026-01-01\n\nc1,o1\nc1,o1,i1,x,1,2026-01-01\n\n"d\ne",o2,i1,y,1,2026-01-01\n'
    shop = read(text)
    assert rejects(tmp_path) == [
        (106, "the row has fewer cells than the header", None),
        (107, "quantity is not a number", "x"),
        (109, "quantity is not a number", "y"),
    ]
    assert shop.data.catalogue.items.find("a\nb\nc") >= 0


def test_blank_lines_above_the_header_and_a_cell_beyond_every_limit(read: Read, tmp_path: Path) -> None:
    text = "\n\n" + GOOD + f"c1,o1,{'x' * 20_000_000},1,1,2026-01-01\nc1,o1,i1,x,1,2026-01-01\n"
    read(text)
    assert [(line, reason) for line, reason, _ in rejects(tmp_path)] == [
        (104, "the row is longer than 16 MB"),
        (105, "quantity is not a number"),
    ]


def test_more_than_five_percent_stops_with_the_reasons(read: Read, tmp_path: Path) -> None:
    text = GOOD + "c1,o1,i1,abc,1,2026-01-01\n" * 4 + "c1,o1,i1,1,1,never\n" * 3
    with pytest.raises(InputError) as stopped:
        read(text)
    message = str(stopped.value)
    assert "7 of 107 rows cannot be read (6.5%; 5.0% are allowed" in message
    assert f"4 × quantity is not a number, such as {tmp_path / 'purchases.csv'}:102" in message
    assert "3 × timestamp is not a date" in message
    assert str(tmp_path / "rejects.parquet") in message
    assert len(rejects(tmp_path)) == 7
    assert len(read(text, settings=InputSettings(max_rejected_share=0.1)).data.lines) == 100


def test_the_rejects_hold_the_row(read: Read, tmp_path: Path) -> None:
    read(GOOD + "c1,o1,i1,abc,1,2026-01-01\n")
    (row,) = pq.read_table(tmp_path / "rejects.parquet").to_pylist()
    assert row["file"] == str(tmp_path / "purchases.csv")
    assert row["row"] == (
        '{"customer_id":"c1","order_id":"o1","item_id":"i1","quantity":"abc","unit_price":"1","timestamp":"2026-01-01"}'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n \n", "the file is empty"),
        (GOOD.encode().replace(b"\n", b"\r\n", 50), "lines end in different ways (CR LF and LF)"),
        (HEADER.encode() + b"a,o,i,0,1,2026-01-01\n", "no purchase is left to learn from: 1 × quantity is 0"),
        (HEADER.encode(), "no rows"),
        ("kunde;größe\n1;2\n".encode("latin-1"), "purchases.csv:1: byte 9 is not UTF-8"),
        (GOOD.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"PK\x03\x04 a sheet", "is a ZIP or Excel file"),
        (b"\x1f\x8b\x08\x00 cut", "the gzip file is cut off or damaged"),
        (b"PAR1 and no end", "the Parquet file is cut off or damaged"),
        (b"nothing but words\nin lines\n", "expected column names separated by"),
        (b"customer_id,order_id,item\nc,o,i\n", "no column 'item_id'; did you mean 'item'?"),
        (b"customer_id,item_id,quantity\nc,i,1\n", "no column 'timestamp'"),
        (b"item_id,timestamp\ni,2026-01-01\n", "no column 'customer_id'"),
        (b"item_id,item_id,timestamp,order_id\ni,j,2026-01-01,o\n", "the column 'item_id' is there 2 times"),
        ((HEADER + "c1,o1,i1,1,1,2026-01-01\nc1,o2,i2,1,1,2026-01-02\n").encode(), "all purchases are one customer's"),
        ((HEADER + "c1,o1,i1,1,1,2026-01-01\nc2,o2,i1,1,1,2026-01-02\n").encode(), "all purchases are of one item"),
        ((HEADER + ",o1,i1,1,1,2026-01-01\n,o2,i2,1,1,2026-01-02\n").encode(), "all purchases are guests'"),
        (
            (HEADER + "c,o,i,1,1,2026-01-01\nc,o,i,-1,1,2026-01-02\n").encode(),
            "no purchase is left to learn from: returns take all of them back",
        ),
    ],
)
def test_an_unusable_file_is_named_with_what_is_wrong(read: Read, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "purchases.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"(?s).") as stopped:
        read(path)
    assert message in str(stopped.value)


def test_truncated_and_wrongly_typed_parquet(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.parquet"
    table = {"customer_id": ["a", "b"] * 500, "item_id": [[1]] * 1000, "timestamp": ["2026-01-01"] * 1000}
    pq.write_table(pa.table(table), path)
    with pytest.raises(InputError, match=r"purchases\.parquet: the column 'item_id': is nested"):
        read(path)
    for column, values, message in [
        ("timestamp", [True] * 1000, "the column 'timestamp': holds boolean values; expected dates and times"),
        ("quantity", [True] * 1000, "the column 'quantity': holds boolean values; expected numbers"),
    ]:
        pq.write_table(pa.table(table | {"item_id": ["x", "y"] * 500, column: values}), path)
        with pytest.raises(InputError, match=message):
            read(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"purchases\.parquet: the Parquet file is cut off or damaged"):
        read(path)
    path.write_text(GOOD)
    with pytest.raises(InputError, match="is not a Parquet file, whatever its name says"):
        read(path)


def test_damage_in_the_middle_of_parquet(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.parquet"
    texts = [str(i * 7919 % 100_003) for i in range(20_000)]
    pq.write_table(pa.table({"customer_id": texts, "item_id": texts, "timestamp": ["2026-01-01"] * 20_000}), path)
    content = bytearray(path.read_bytes())
    content[2_000:12_000] = b"\xff" * 10_000
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"purchases\.parquet: cannot be read: "):
        read(path)


def test_a_few_rows_of_another_encoding_are_rejects(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.csv"
    path.write_bytes(GOOD.encode() + "c1,o1,Müsli,1,1,2026-01-01\n".encode("latin-1") + b"c2,o200,i2,1,1,2026-01-01\n")
    assert len(read(path).data.lines) == 101
    assert rejects(tmp_path) == [(102, "the row is not UTF-8", None)]


def test_broken_json_lines_are_rejects(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.jsonl"
    good = "".join(f'{{"customer_id": {i}, "item_id": "i{i}", "timestamp": {1767225600 + i}}}\n' for i in range(60))
    path.write_text(
        good + '\n{"customer_id": 1,\n[1]\n{"customer_id": 900.0, "item_id": "i1", "timestamp": "2026-01-01"}\n'
    )
    shop = read(path)
    assert rejects(tmp_path) == [
        (62, "the line is not a JSON object", None),
        (63, "the line is not a JSON object", None),
    ]
    assert shop.data.customers.find("900") >= 0


def test_a_place_without_files(read: Read, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.pdf").write_bytes(b"%PDF")
    (tmp_path / "empty" / "_SUCCESS").touch()
    for location, message in [
        (tmp_path / "empty", "the directory has no .csv"),
        ("", "the one given is empty"),
        (tmp_path / "missing.csv", "no such file"),
        (tmp_path / "*.jsonl", "no such file (nothing matches the pattern)"),
    ]:
        with pytest.raises(InputError) as stopped:
            read(location)
        assert message in str(stopped.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "shopfy"}, "unknown format 'shopfy'; did you mean 'shopify'?"),
        ({"columns": {"customer": "c"}}, "unknown column 'customer'; did you mean 'customer_id'?"),
        (
            {"columns": {"item_id": "itm_id"}},
            "no column 'itm_id' for item_id, as --columns says; did you mean 'item_id'?",
        ),
        ({"columns": {"item_id": "order_id"}}, "the column 'order_id' is used for two"),
        ({"query": "SELECT 1"}, "a query needs a database URL"),
        ({"format": "shopify"}, "no column 'Name'"),
        ({"format": "woocommerce"}, "WooCommerce orders are JSON"),
        ({"format": "ga4"}, "GA4 exports are JSON lines or Parquet"),
        ({"format": "complete-journey"}, "no column 'household_id'"),
    ],
)
def test_arguments_that_do_not_fit(read: Read, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as stopped:
        read(GOOD, **options)
    assert message in str(stopped.value)


def test_settings_that_are_none() -> None:
    with pytest.raises(SettingsError, match="did you mean 'max_rejected_share'"):
        read_section(InputSettings, {"max_rejectd_share": 0.1}, "purchases")
    with pytest.raises(SettingsError, match="max_rejected_share is 2"):
        read_section(InputSettings, {"max_rejected_share": 2.0}, "purchases")


def test_no_source_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no purchases are given"):
        read_shop(
            [], None, settings=InputSettings(), now=NOW, work_dir=tmp_path,
            rejects_path=tmp_path / "r.parquet", tell=print,
        )  # fmt: skip
