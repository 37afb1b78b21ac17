"""Customers' tier and locale become segments; nothing else of them is read."""

from pathlib import Path

import pytest

from models.errors import InputError
from tests.input.small_shops import Read

PURCHASES = "customer_id,order_id,item_id,timestamp\n" + "".join(
    f"{customer},o{customer},{item},2026-01-01\n" for customer in "abc" for item in "xy"
)


def test_segments_are_tier_and_locale(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(
        "customer_id,email,first_name,locale,tier,points\na,a@b.example,Ann,de,gold,5\nb,,,en,,\nd,,,de,,\n"
    )
    shop = read(PURCHASES, customers=path)
    assert shop.segments is not None
    assert shop.segment_names == ("/en", "gold/de")
    assert shop.segments.tolist() == [1, 0, -1]


def test_one_segment_is_none(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("customer_id,locale\na,de\nb,de\n")
    assert read(PURCHASES, customers=path).segments is None
    path.write_text("customer_id,email\na,a@b.example\n")
    assert read(PURCHASES, customers=path).segments is None


def test_a_file_without_customers_is_named(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("customer,tier\na,gold\n")
    with pytest.raises(InputError, match=r"customers\.csv: no column 'customer_id'; did you mean 'customer'\?"):
        read(PURCHASES, customers=path)
