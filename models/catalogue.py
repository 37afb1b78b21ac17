"""The catalogue: one row an item index, columns as arrays; attribute names are Merchant Center's."""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.strings import IdIndex, StringTable

TEXTS = (
    "title", "description", "link", "image_link", "brand", "product_type", "item_group_id", "currency",
    "unit_pricing_measure", "unit_pricing_base_measure",
)  # fmt: skip
# Those that many items have in common.
SHARED = ("brand", "product_type", "currency")
# A shop's own, for filters alone; a bundle may lack them.
LABELS = ("custom_label_0", "custom_label_1", "custom_label_2", "custom_label_3", "custom_label_4")
NUMBERS = ("price", "sale_price", "cost_of_goods_sold")
TIMES = ("sale_from", "sale_until", "available_from", "expires")
AVAILABILITY = ("in_stock", "out_of_stock", "preorder", "backorder")
UNFIT = ("not_listed", "no_title", "out_of_stock", "not_yet_available", "expired")
NEVER, ALWAYS = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """One item as its shop describes it; None or '' is an attribute that the feed does not give. Prices in currency
    units.
    """

    item_id: str
    title: str
    description: str = ""
    link: str = ""
    image_link: str = ""
    brand: str = ""
    product_type: str = ""
    item_group_id: str = ""
    currency: str = ""
    unit_pricing_measure: str = ""
    unit_pricing_base_measure: str = ""
    price: float | None = None
    sale_price: float | None = None


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All items that a shop sells or has sold.

    `texts[name]` is a StringTable for each of TEXTS, and of LABELS where there are any; `numbers[name]` float64 with
    NaN where unknown, in units of `currency`; `times[name]` int64 seconds since 1970 UTC, with defaults that always
    hold; `availability` uint8, an index into AVAILABILITY; `listed` bool: the feed has the item and does not pause it.
    `category` int32 numbers the distinct `product_type` (−1: none), whose paths are `categories`.
    """

    items: IdIndex
    texts: Mapping[str, StringTable]
    numbers: Mapping[str, NDArray[np.float64]]
    times: Mapping[str, NDArray[np.int64]]
    availability: NDArray[np.uint8]
    listed: NDArray[np.bool_]
    category: NDArray[np.int32]
    categories: StringTable

    def __len__(self) -> int:
        return len(self.items)

    def recommendable(self, now: float) -> NDArray[np.bool_]:
        """Which items may be shown at `now` (seconds since 1970): listed, named, in stock or orderable, not expired."""
        orderable = (self.availability != AVAILABILITY.index("out_of_stock")) & (self.times["available_from"] <= now)
        shown: NDArray[np.bool_] = self.listed & orderable & (self.times["expires"] > now)
        return shown & ~self.texts["title"].is_empty()

    def unfit(self, item: int, now: float) -> list[str]:
        """Why an item is not recommendable at `now`, of UNFIT; nothing where it is."""
        holds = (
            not self.listed[item],
            self.texts["title"][item] == "",
            self.availability[item] == AVAILABILITY.index("out_of_stock"),
            self.times["available_from"][item] > now,
            self.times["expires"][item] <= now,
        )
        return [name for name, held in zip(UNFIT, holds, strict=True) if held]

    def product(self, item: int, now: float) -> Product:
        """The item as it is at `now`: a sale price only while the sale runs."""
        texts = {name: self.texts[name][item] for name in TEXTS}
        texts |= {name: intern(texts[name]) for name in SHARED}
        price, sale = (float(self.numbers[name][item]) for name in ("price", "sale_price"))
        on_sale = self.times["sale_from"][item] <= now < self.times["sale_until"][item] and sale == sale
        return Product(
            item_id=self.items[item],
            price=None if price != price else price,
            sale_price=sale if on_sale else None,
            **texts,
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        tables: dict[str, IdIndex | StringTable] = {"items": self.items, "categories": self.categories}
        tables |= {f"texts.{name}": table for name, table in self.texts.items()}
        return {
            **prefixed({name: table.arrays() for name, table in tables.items()}),
            **prefixed({"numbers": self.numbers, "times": self.times}),
            "availability": self.availability,
            "listed": self.listed,
            "category": self.category,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Catalogue":
        return cls(
            items=IdIndex.from_arrays(under(arrays, "items")),
            texts={
                name: StringTable.from_arrays(under(arrays, f"texts.{name}"))
                for name in (*TEXTS, *LABELS)
                if name in TEXTS or f"texts.{name}.data" in arrays
            },
            numbers={name: arrays[f"numbers.{name}"] for name in NUMBERS},
            times={name: arrays[f"times.{name}"] for name in TIMES},
            availability=arrays["availability"],
            listed=arrays["listed"],
            category=arrays["category"],
            categories=StringTable.from_arrays(under(arrays, "categories")),
        )


def prefixed(tables: Mapping[str, Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """All arrays of several tables, each named 'table.array'."""
    return {f"{prefix}.{name}": array for prefix, arrays in tables.items() for name, array in arrays.items()}


def under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays named 'prefix.…', without the prefix."""
    start = prefix + "."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
