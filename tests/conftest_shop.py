"""A tiny shop with plain habits, made by rule, so that a test can say who should get what."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recsvc.cli.main import main

FIRST_DAY = datetime(2026, 1, 5, 10, tzinfo=UTC)
ITEMS = [
    # id, title, product_type, price
    ("milk", "Whole milk 1 l", "Food > Dairy > Milk", "1.19 EUR"),
    ("oats", "Oat flakes 500 g", "Food > Breakfast > Cereals", "0.99 EUR"),
    ("honey", "Forest honey 250 g", "Food > Breakfast > Spreads", "4.49 EUR"),
    ("coffee", "Coffee beans 1 kg", "Food > Hot drinks > Coffee", "12.99 EUR"),
    ("filter", "Coffee filters no. 4", "Household > Kitchen > Filters", "1.79 EUR"),
    ("cup", "Stoneware cup, blue", "Household > Kitchen > Cups", "8.90 EUR"),
    ("pasta", "Spaghetti 500 g", "Food > Pasta > Long", "1.29 EUR"),
    ("tomato", "Tomato sauce 400 g", "Food > Pasta > Sauces", "2.19 EUR"),
    ("cheese", "Parmesan 200 g", "Food > Dairy > Cheese", "4.99 EUR"),
    ("wine", "Red wine 0.75 l", "Drinks > Wine > Red", "7.49 EUR"),
    ("soap", "Olive soap", "Household > Bath > Soap", "2.49 EUR"),
    ("towel", "Hand towel, grey", "Household > Bath > Towels", "9.90 EUR"),
    ("shampoo", "Shampoo 300 ml", "Household > Bath > Hair", "3.29 EUR"),
    ("candle", "Beeswax candle", "Household > Living > Candles", "5.90 EUR"),
    ("sold-out", "Cast-iron pan", "Household > Kitchen > Pans", "39.00 EUR"),
    ("never-bought", "Egg timer", "Household > Kitchen > Timers", "6.50 EUR"),
]
# Four kinds of customer: each order of a kind holds two or three of its items.
HABITS = {
    "breakfast": ["milk", "oats", "honey", "sold-out"],
    "coffee": ["coffee", "filter", "cup", "milk"],
    "pasta": ["pasta", "tomato", "cheese", "wine"],
    "bath": ["soap", "towel", "shampoo", "candle"],
}
CUSTOMERS_A_KIND = 12
ORDERS = 8


def purchase_rows() -> list[dict[str, object]]:
    """Canonical rows: customer `coffee-3` orders weekly what coffee drinkers order, and now and then something else."""
    rows: list[dict[str, object]] = []
    kinds = list(HABITS)
    for kind_index, kind in enumerate(kinds):
        for customer in range(CUSTOMERS_A_KIND):
            for order in range(ORDERS):
                wares = HABITS[kind]
                bought = [wares[(customer + order) % 4], wares[(customer + order + 1) % 4]]
                if (customer + order) % 5 == 0:
                    other = HABITS[kinds[(kind_index + 1) % 4]]
                    bought.append(other[customer % 4])
                day = FIRST_DAY + timedelta(days=7 * order + customer % 7)
                rows += [
                    {
                        "customer_id": f"{kind}-{customer}",
                        "order_id": f"{kind}-{customer}-{order}",
                        "item_id": item,
                        "quantity": 1,
                        "unit_price": next(price for name, _, _, price in ITEMS if name == item).split()[0],
                        "timestamp": day.isoformat(),
                    }
                    for item in bought
                ]
    return rows


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def tiny_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with purchases.csv and products.csv."""
    folder = tmp_path_factory.mktemp("shop")
    write_csv(folder / "purchases.csv", purchase_rows())
    products: list[dict[str, object]] = [
        {
            "id": item,
            "title": title,
            "product_type": path,
            "price": price,
            "link": f"https://shop.example/p/{item}",
            "image_link": f"https://cdn.shop.example/{item}.jpg",
            "availability": "out_of_stock" if item == "sold-out" else "in_stock",
            "brand": "Hausmarke",
        }
        for item, title, path, price in ITEMS
    ]
    write_csv(folder / "products.csv", products)
    return folder


def run_recsvc(*arguments: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def train_tiny(shop: Path, store: Path, *more: str) -> Result:
    """`recsvc train` on a tiny shop."""
    purchases, products = shop / "purchases.csv", shop / "products.csv"
    result = run_recsvc("train", "--purchases", purchases, "--products", products, "--store", store, "--quiet", *more)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="session")
def tiny_store(tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a published bundle; tests that write to a store make their own copy."""
    store = tmp_path_factory.mktemp("store") / "store"
    train_tiny(tiny_shop, store)
    return store
