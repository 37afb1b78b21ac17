"""Times in every shape that exports have."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.input.small_shops import Line, Read, lines_of

LATE = dt.datetime(2026, 1, 1, 22, 30, tzinfo=dt.UTC)
SAME_MOMENT = [
    "2026-01-02T00:30:00+02:00",
    "2026-01-01 22:30:00",
    "2026-01-01T22:30:00Z",
    "2026-01-01T22:30:00.000+0000",
    "2026-01-01 22:30:00 +0000",
    "2026-01-02 00:30:00 +0200",
    "2026-01-01 22:30:00 UTC",
    "2026-01-01 22:30",
    "01.01.2026 22:30",
    "1.1.2026 22:30:00",
    "2026/01/01 22:30",
    "20260101",
    "2026-01-01",
    "1767306600",
    "1767306600000",
    "1767306600000000",
    "1767306600000000000",
    " 2026-01-01 ",
]


def test_texts_of_one_day(read: Read) -> None:
    rows = "".join(f'c{n},i{n % 3},"{text}"\n' for n, text in enumerate(SAME_MOMENT))
    shop = read("customer_id,item_id,timestamp\n" + rows)
    assert {line.day for line in lines_of(shop)} == {"2026-01-01"}
    assert len(shop.data.lines) == len(SAME_MOMENT)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([LATE.replace(tzinfo=None)] * 2, pa.timestamp("ns")),
        pa.array([LATE] * 2, pa.timestamp("us", "Europe/Helsinki")),
        pa.array([dt.date(2026, 1, 1)] * 2),
        pa.array([1767306600] * 2, pa.int64()),
        pa.array([1767306600.0] * 2, pa.float64()),
        pa.array(["2026-01-02T00:30:00+02:00"] * 2),
    ],
    ids=lambda column: str(column.type),
)
def test_typed_columns(read: Read, tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "purchases.parquet"
    table = {"customer_id": pa.array([17850.0, None]), "order_id": pa.array([7, 8]), "item_id": pa.array(["x", "y"])}
    pq.write_table(pa.table(table | {"timestamp": column}), path)
    with pytest.raises(Exception, match="all purchases are one customer's"):
        read(path)
    table["customer_id"] = pa.array([17850.0, 900.0])
    pq.write_table(pa.table(table | {"timestamp": column}), path)
    assert lines_of(read(path)) == [Line("17850", "x", 1, "2026-01-01"), Line("900", "y", 1, "2026-01-01")]
