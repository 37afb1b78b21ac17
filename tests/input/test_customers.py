"""--customers: who wants no profile."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from tests.input.small_shops import Read

PURCHASES = """customer_id,order_id,item_id,quantity,unit_price,timestamp
ada,1,milk,1,1,2026-01-01
ada,1,bread,1,2,2026-01-01
bo,2,milk,1,1,2026-01-02
bo,2,bread,1,2,2026-01-02
cy,3,milk,1,1,2026-01-03
cy,3,bread,1,2,2026-01-03
"""


def customers(folder: Path, text: str) -> dict[str, object]:
    path = folder / "customers.csv"
    path.write_text(text, encoding="utf-8")
    return {"customers": path}


def test_who_wants_no_profile_teaches_as_a_guest(read: Read, tmp_path: Path) -> None:
    rows = "customer_id,profiling_ok\nada,yes\nada,no\nbo,ja\n"
    shop = read(PURCHASES, options=customers(tmp_path, rows))
    assert list(shop.data.customers.table) == ["bo", "cy"]
    assert shop.data.lines.customer.tolist() == [-1, -1, 0, 0, 1, 1]
    assert len(np.unique(shop.data.lines.order)) == 3
    assert shop.report.customers_without_profile == 1
    assert "1 customers want no profile" in "\n".join(shop.report.notes(tmp_path))


def test_an_empty_cell_is_a_no(read: Read, tmp_path: Path) -> None:
    shop = read(PURCHASES, options=customers(tmp_path, "customer_id,profiling_ok\nada,\n"))
    assert list(shop.data.customers.table) == ["bo", "cy"]


def test_a_file_without_the_column_changes_nothing(read: Read, tmp_path: Path) -> None:
    shop = read(PURCHASES, options=customers(tmp_path, "customer_id\nada\n"))
    assert list(shop.data.customers.table) == ["ada", "bo", "cy"]


def test_a_value_that_is_neither_names_customer_and_remedy(read: Read, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"profiling_ok of customer 'ada' is 'perhaps'; expected yes or no"):
        read(PURCHASES, options=customers(tmp_path, "customer_id,profiling_ok\nada,perhaps\n"))
