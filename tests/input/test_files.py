"""Files of every shape that is fine: separators, compression, names, columns, ids."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.input.small_shops import Line, Read, lines_of
from training.input import InputSettings, PurchaseSource

HEADER = "customer_id,order_id,item_id,quantity,unit_price,timestamp\n"
GOOD = HEADER + "".join(f"c{i},o{i},i{i % 7},1,2.50,2026-01-{i % 28 + 1:02}\n" for i in range(100))


def test_nothing_in_parquet_is_nothing(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "purchases.parquet"
    nothing = pa.nulls(2)
    ids = {"customer_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": ["2026-01-01"] * 2}
    pq.write_table(pa.table({**ids, "order_id": nothing, "quantity": nothing, "unit_price": [float("nan"), 1.0]}), path)
    shop = read(path)
    assert shop.data.lines.quantity.tolist() == [1, 1]
    assert np.isnan(shop.data.lines.unit_price).tolist() == [True, False]


def test_odd_ids_are_kept_as_they_are(read: Read) -> None:
    ids = [
        "a b",
        "🍓 Erdbeere",
        "007",
        "7",
        "x" * 512,
        "semi;colon",
        "100%",
        "../etc",
        "'; DROP TABLE rows_0; --",
        "NA",
    ]
    rows = "".join(f'k{i},o{i},"{item}",1,1,2026-01-01\n' for i, item in enumerate(ids))
    shop = read(HEADER + rows)
    assert list(shop.data.catalogue.items.table) == sorted(ids)
    assert len(lines_of(shop)) == len(ids)


def test_one_customer_with_100_000_rows(read: Read) -> None:
    rows = "".join(f"till,t{i},i{i % 1000},1,1,2026-01-{i % 28 + 1:02}\n" for i in range(100_000))
    shop = read(GOOD + rows)
    assert len(shop.data.lines) == 100_100
    shop = read(GOOD + rows, settings=InputSettings(max_lines_per_customer=50_000))
    assert len(shop.data.lines) == 50_100
    assert shop.report.lines_over_customer_limit == 50_000


def test_compressed_and_separated_in_other_ways(read: Read, tmp_path: Path) -> None:
    expected = lines_of(read(GOOD))
    for name, content in [
        ("a.csv.gz", gzip.compress(GOOD.encode())),
        ("a.gz", gzip.compress(GOOD.encode())),
        ("b.tsv", GOOD.replace(",", "\t").encode()),
        ("c.csv", GOOD.replace(",", ";").replace("2.50", "2,50").encode()),
        ("d.txt", GOOD.replace(",", "|").encode()),
        ("e.csv", b"\xef\xbb\xbf" + GOOD.encode()),
        ("f.csv", GOOD.replace("\n", "\r\n").encode()),
        ("g.csv", GOOD.rstrip("\n").encode()),
        ("h.csv", GOOD.replace("customer_id", '"Customer ID"').encode()),
    ]:
        (tmp_path / name).write_bytes(content)
        assert lines_of(read(tmp_path / name)) == expected, name


def test_a_file_name_is_no_pattern(read: Read, tmp_path: Path) -> None:
    for name in ("q?.csv", "q1.csv", "[q]1.csv", "quo'te ü.csv"):
        (tmp_path / name).write_text(GOOD)
    for name in ("q?.csv", "[q]1.csv", "quo'te ü.csv"):
        assert read(tmp_path / name).report.rows_read == 100


def test_two_files_of_other_columns(read: Read, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("item_id,customer_id,timestamp\ni1,c1,2026-01-01\n")
    (tmp_path / "in" / "b.csv").write_text("timestamp;item_id;customer_id\n2026-01-02;i2;c2\n")
    (tmp_path / "in" / "c.jsonl").write_text('{"timestamp": "2026-01-03", "item_id": 7, "customer_id": "c1"}\n')
    pq.write_table(
        pa.table({"item_id": [7], "customer_id": [2.0], "timestamp": [pa.scalar(1767571200).as_py()]}),
        tmp_path / "in" / "d.parquet",
    )
    shop = read(tmp_path / "in")
    assert lines_of(shop) == [
        Line("2", "7", 1, "2026-01-05"),
        Line("c1", "i1", 1, "2026-01-01"),
        Line("c1", "7", 1, "2026-01-03"),
        Line("c2", "i2", 1, "2026-01-02"),
    ]
    assert shop.report.sources[0].files == 4


def test_source_equality_needs_no_columns() -> None:
    assert PurchaseSource(location="a.csv") == PurchaseSource(location="a.csv", columns={})
