"""A made-up shop of any size, the same one anywhere: purchases.parquet and products.parquet for `recsvc train`.

    python -m benchmarks.generate OUT --customers 1000000 --items 100000 --rows 20000000 --seed 1

Items sell by a power law within categories that a customer's taste, shared with others, prefers. Some are bought again
and again, each customer having an interval for each of them; some belong to others and go into the same order; some
sell in three months of the year; some were never bought. Customers are made in chunks of about a million rows, each
from a random stream of its own, so that memory does not grow with the shop.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.assortment import Assortment, make_assortment

CHUNK_ROWS = 1_000_000
DAY = 86_400
LINES_AN_ORDER = 5.0
FAVOURITES = 6  # categories a customer comes for
ACTIVITY_SPREAD = 0.9  # of the logarithm of rows a customer
# What lines are, of all: bought again, complements of another line of the order; the others are new.
AGAIN, COMPLEMENTS = 0.6, 0.15
SEASONAL, OUTSIDE_TASTE = 0.15, 0.1  # of the new ones
SURPLUS = 1.8  # lines made for each that is kept: equal ones in an order fall together
RETURNED_AFTER = 21  # days at most

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ShopSettings:
    """How large a shop: `rows` purchase lines, of which `guests` (a share of orders) name no customer; a share of
    `returns` comes back, in rows besides. `days` end at `until` (UTC)."""

    customers: int
    items: int
    rows: int
    seed: int = 1
    days: int = 730
    until: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    guests: float = 0.0
    returns: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("customers", 2), ("items", 50), ("rows", self.customers), ("days", 90), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least {least}")
        for name in ("guests", "returns"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 0.5")

    def stream(self, *which: int) -> np.random.Generator:
        """The random numbers of one part of the shop; they do not depend on how the others are made."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=which)))


@dataclass(frozen=True, eq=False)
class Orders:
    """The orders of a chunk by customer and time: whose, as a number in the chunk, and days from the shop's first."""

    customer: Ints
    time: Floats

    @classmethod
    def of(cls, counts: Ints, first: Floats, days: int, rng: np.random.Generator) -> "Orders":
        """So many orders of each customer, in steps of about equal length from the `first` visit to the end."""
        customer = np.repeat(np.arange(len(counts)), counts)
        number = np.arange(len(customer)) - np.repeat(np.cumsum(counts) - counts, counts)
        step = (days - first) / counts
        time = first[customer] + step[customer] * (number + 0.9 * rng.random(len(customer)))
        hour = 7 + 14 * np.sqrt(rng.random(len(customer)))
        return cls(customer, np.minimum(np.floor(time) + hour / 24, days - 1 / 24))

    def next(self, customer: Ints, time: Floats) -> tuple[Ints, NDArray[np.bool_]]:
        """The customer's first order at or after the time, and whether there is one."""
        span = 10_000.0  # longer than any shop's days
        place = np.searchsorted(self.customer * span + self.time, customer * span + time)
        there = place < len(self.customer)
        there[there] = self.customer[place[there]] == customer[there]
        return place, there


def purchases(settings: ShopSettings, goods: Assortment) -> Iterator[pa.Table]:
    """The purchases, chunk by chunk; columns as docs/purchases.md names them."""
    mean = settings.rows / settings.customers
    size = max(1, round(CHUNK_ROWS / mean))
    for chunk, first in enumerate(range(0, settings.customers, size)):
        last = min(first + size, settings.customers)
        kept = round(last * mean) - round(first * mean)
        yield _chunk(settings, goods, chunk, first, last - first, kept)


def _chunk(settings: ShopSettings, goods: Assortment, chunk: int, first: int, n_customers: int, kept: int) -> pa.Table:
    rng = settings.stream(1, chunk)
    joined = settings.days * 0.85 * rng.random(n_customers) ** 2
    activity = np.exp(ACTIVITY_SPREAD * _normal(rng, n_customers)) * (settings.days - joined)
    wanted = np.maximum(1.0, SURPLUS * kept * activity / activity.sum())
    counts = np.maximum(1, np.rint(wanted / SURPLUS / LINES_AN_ORDER)).astype(np.int64)
    orders = Orders.of(counts, joined, settings.days, rng)
    taste = (goods.n_tastes * rng.random(n_customers)).astype(np.int64)
    favourites = goods.leaf_of_taste(taste[:, None], rng.random((n_customers, FAVOURITES)))
    again = _again(goods, orders, wanted * AGAIN, favourites, settings.days, rng)
    new = _new(goods, orders, np.maximum(1.0, wanted * (1 - AGAIN - COMPLEMENTS)), taste, favourites, rng)
    order, item = np.concatenate([again, new], axis=1)
    brings = rng.random(len(order)) < COMPLEMENTS / (1 - COMPLEMENTS)
    order = np.concatenate([order, order[brings]])
    item = np.concatenate([item, goods.complement_of(item[brings], rng.random(int(brings.sum())))])
    order, item = _thinned(order, item, orders, kept, rng)
    return _table(settings, goods, orders, order, item, chunk, first, rng)


def _again(
    goods: Assortment, orders: Orders, wanted: Floats, favourites: Ints, days: int, rng: np.random.Generator
) -> Ints:
    """Lines (order, item) of what customers buy in an interval of their own: at the first order once it is due."""
    start = np.full(len(wanted), np.inf)
    np.minimum.at(start, orders.customer, orders.time)
    # An item of a category that nobody buys again is no staple, hence the division; the mean interval is days.
    expected = goods.repeated_share * np.maximum(1.0, (days - start) / goods.mean_interval)
    n_staples = np.floor(wanted / expected + rng.random(len(wanted))).astype(np.int64)
    customer = np.repeat(np.arange(len(wanted)), n_staples)
    leaf = favourites[customer, (FAVOURITES * rng.random(len(customer)) ** 1.5).astype(np.int64)]
    item = goods.item_of_leaf(leaf, rng.random(len(customer)))
    interval = goods.interval[leaf] * np.exp(0.35 * _normal(rng, len(customer)))
    staple = np.isfinite(interval)
    customer, item, interval = customer[staple], item[staple], interval[staple]
    phase = start[customer] + interval * rng.random(len(customer))
    n_due = np.maximum(1, np.ceil((days - phase) / interval)).astype(np.int64)
    line = np.repeat(np.arange(len(customer)), n_due)
    number = np.arange(len(line)) - np.repeat(np.cumsum(n_due) - n_due, n_due)
    due = phase[line] + interval[line] * (number + 0.2 * (rng.random(len(line)) - 0.5))
    order, there = orders.next(customer[line], np.maximum(due, 0.0))
    return np.stack([order[there], item[line][there]])


def _new(
    goods: Assortment, orders: Orders, wanted: Floats, taste: Ints, favourites: Ints, rng: np.random.Generator
) -> Ints:
    """Lines (order, item) of what customers come across: mostly of their favourites, some of the season."""
    counts = np.floor(wanted + rng.random(len(wanted))).astype(np.int64)
    n_orders = np.bincount(orders.customer, minlength=len(wanted))
    customer = np.repeat(np.arange(len(wanted)), counts)
    order = (np.cumsum(n_orders) - n_orders)[customer] + (n_orders[customer] * rng.random(len(customer))).astype(int)
    leaf = favourites[customer, (FAVOURITES * rng.random(len(customer)) ** 1.5).astype(np.int64)]
    kind = rng.random(len(customer))
    outside = kind < OUTSIDE_TASTE
    leaf[outside] = goods.leaf_of_taste(taste[customer[outside]], rng.random(int(outside.sum())))
    season = kind > 1 - SEASONAL
    month = (orders.time[order[season]] / 30.44).astype(np.int64) % 12
    leaf[season] = goods.leaf_of_month(month, rng.random(int(season.sum())))
    return np.stack([order, goods.item_of_leaf(leaf, rng.random(len(customer)))])


def _thinned(order: Ints, item: Ints, orders: Orders, kept: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The lines by order and item, each once, and as many as wanted; of no customer the last one goes."""
    order, item = np.divmod(np.unique(order << 32 | item), 1 << 32)
    chance = rng.random(len(order))
    customer = orders.customer[order]
    chance[np.flatnonzero(np.diff(customer, prepend=-1))] = -1.0
    if len(order) > kept:
        chosen = np.sort(np.argpartition(chance, kept - 1)[:kept])
        order, item = order[chosen], item[chosen]
    return order, item


def _table(
    settings: ShopSettings, goods: Assortment, orders: Orders, order: Ints, item: Ints, chunk: int, first: int,
    rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    quantity = 1 + np.floor(-np.log1p(-rng.random(len(order))) * 0.5).astype(np.int64)
    price = goods.price_in_week(item, (orders.time[order] / 7).astype(np.int64))
    time = orders.time[order]
    back = np.flatnonzero(rng.random(len(order)) < settings.returns)
    came_back = time[back] + 1 + (RETURNED_AFTER - 1) * rng.random(len(back))
    back, came_back = back[came_back < settings.days], came_back[came_back < settings.days]
    guest = rng.random(len(orders.time)) < settings.guests
    rows = np.concatenate([np.arange(len(order)), back])
    order = order[rows]
    quantity = np.concatenate([quantity, -quantity[back]])
    began = settings.until.timestamp() - settings.days * DAY
    seconds = np.floor(began + DAY * np.concatenate([time, came_back])).astype(np.int64)
    customers = _numbered("c", first + np.arange(int(orders.customer[-1]) + 1))
    order_ids = _numbered(f"o{chunk}-", np.arange(len(orders.time)))
    whose = pa.array(orders.customer[order].astype(np.int32), mask=guest[order])
    return pa.table(
        {
            "customer_id": pa.DictionaryArray.from_arrays(whose, customers),
            "order_id": pa.DictionaryArray.from_arrays(order.astype(np.int32), order_ids),
            "item_id": pa.DictionaryArray.from_arrays(item[rows].astype(np.int32), goods.item_ids),
            "quantity": quantity.astype(np.int32),
            "unit_price": price[rows],
            "timestamp": pa.array(seconds * 1000).cast(pa.timestamp("ms")),
        }
    )


def _normal(rng: np.random.Generator, n: int) -> Floats:
    """About normal: of uniform numbers alone, whose stream numpy keeps between versions."""
    total: Floats = rng.random((4, n)).sum(axis=0)
    spread: Floats = (total - 2.0) * np.sqrt(3.0)
    return spread


def _numbered(prefix: str, numbers: NDArray[Any]) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def write_shop(folder: Path, settings: ShopSettings) -> int:
    """Write purchases.parquet and products.parquet; returns how many rows of purchases and returns there are."""
    folder.mkdir(parents=True, exist_ok=True)
    goods = make_assortment(settings.items, settings.stream(0))
    half = folder / "products.parquet.partial"
    pq.write_table(goods.feed(), half)
    os.replace(half, folder / "products.parquet")
    half = folder / "purchases.parquet.partial"
    rows, writer = 0, None
    for table in purchases(settings, goods):
        writer = writer or pq.ParquetWriter(half, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=CHUNK_ROWS)
        rows += table.num_rows
        print(f"\r{rows:,} rows", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if writer is not None:
        writer.close()
    os.replace(half, folder / "purchases.parquet")
    return rows


def main() -> None:
    """Write the shop that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="directory for the two files")
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=200_000, help="lines of purchases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=730, help="up to the end of 2025")
    parser.add_argument("--guests", type=float, default=0.0, help="share of orders without a customer")
    parser.add_argument("--returns", type=float, default=0.0, help="share of lines that come back")
    options = vars(parser.parse_args())
    out: Path = options.pop("out")
    try:
        settings = ShopSettings(**options)
    except ValueError as error:
        parser.error(str(error))
    print(f"{write_shop(out, settings):,} rows in {out / 'purchases.parquet'}")


if __name__ == "__main__":
    main()
