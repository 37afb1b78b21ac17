"""Sources fitted on Spark, and the customers and orders that this process holds beside them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.habits import Habits
from models.recommender import PERSONAL, Recommender
from models.scenarios import BASELINES
from models.sources.protocol import Source
from models.strings import IdIndex
from training.data import PurchaseLines, TrainingData
from training.fit.carts.fit import GREATEST_SHARE
from training.fit.everything import FITS
from training.fit.sources import Past
from training.settings import TrainingSettings
from training.spark.blocks import BLOCKS, SCHEMA, Block, Task, few_rows, joined_lines, mapped, unpacked
from training.spark.counting import fit_counts, fit_neighbours
from training.spark.factors import fit_factors
from training.spark.preparing import SparkShop
from training.spark.tables import SparkTables

# Wholesale orders, which carts leave out, may be this share of the latest.
WHOLESALE = 0.05


class SparkFit:
    """Fits sources as of one day: counts, neighbours and factors from all purchases, on executors; what needs single
    customers from those in `data`, of which the recommender holds the histories."""

    def __init__(self, tables: SparkTables, shop: SparkShop) -> None:
        self._tables, self._shop = tables, shop

    def __call__(
        self, data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str] = PERSONAL
    ) -> Recommender:
        """As of the day after the last of `data`."""
        return self.as_of(data.last_day + 1, data, settings, horizon, names)

    def final(
        self, data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str] = PERSONAL
    ) -> Recommender:
        """On all purchases of the shop."""
        return self.as_of(self._shop.last_day + 1, data, settings, horizon, names)

    def as_of(
        self, today: int, data: TrainingData, settings: TrainingSettings, horizon: int, names: Collection[str]
    ) -> Recommender:
        """On all purchases before `today`."""
        catalogue, n_customers = self._shop.catalogue, len(self._shop.customers)
        statistics, popular = fit_counts(self._tables, catalogue, n_customers, today, horizon, settings.popular)
        past = Past(data, Habits(data.interactions(), len(catalogue), today, horizon), statistics)
        sources: dict[str, Source] = {}
        for name in names:
            if name == "popular":
                sources[name] = popular
            elif name == "neighbours":
                sources[name] = fit_neighbours(self._tables, statistics, settings.neighbours)
            elif name == "factors":
                sources[name] = fit_factors(self._tables, statistics, settings.factors)
            else:
                sources[name] = FITS[name](past, getattr(settings, name))
        return Recommender(past.habits.history, statistics, sources, {}, BASELINES, settings.lists)


def sample_of(tables: SparkTables, shop: SparkShop, limit: int, seed: int) -> tuple[TrainingData, NDArray[np.int64]]:
    """The histories of at most `limit` customers, drawn at random, as a shop of their own; and who they are."""
    n_customers = len(shop.customers)
    some = np.arange(n_customers)
    if n_customers > limit:
        some = np.sort(np.random.default_rng(seed).choice(n_customers, limit, replace=False))
    lines = _fetched(tables, "sample", _of_customers(some))
    lines = replace(lines, customer=np.searchsorted(some, lines.customer).astype(np.int32))
    customers = shop.customers if len(some) == n_customers else IdIndex.of(shop.customers.table.take(some.tolist()))
    return TrainingData(customers=customers, catalogue=shop.catalogue, lines=_sorted(lines)), some


def latest_orders(tables: SparkTables, shop: SparkShop, orders: int) -> TrainingData:
    """What carts are learned from: the latest orders of everybody, guests too, and the very first, from which on the
    data go. Orders are numbered in the order of time."""
    wanted = int(orders * (1 + GREATEST_SHARE) * (1 + WHOLESALE))
    lines = _fetched(tables, "cart_lines", _of_orders(max(shop.n_orders - wanted, 0)))
    return TrainingData(customers=shop.customers, catalogue=shop.catalogue, lines=_sorted(lines))


def _of_customers(some: NDArray[np.int64]) -> Task:
    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        for block in blocks:
            wanted = some[np.searchsorted(some, block.start) : np.searchsorted(some, block.end)]
            if len(wanted):
                lines = block.lines.where(np.isin(block.lines.customer, wanted))
                yield replace(block, lines=lines).packed()

    return task


def _of_orders(first: int) -> Task:
    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        for block in blocks:
            lines = block.lines.where((block.lines.order >= first) | (block.lines.order == 0))
            if len(lines):
                yield replace(block, lines=lines).packed()

    return task


def _fetched(tables: SparkTables, name: str, task: Task) -> PurchaseLines:
    with few_rows(tables.session):
        tables.write(name, mapped(tables.read(BLOCKS), task, SCHEMA))
    return joined_lines([block.lines for block in unpacked(tables.folder.batches(name, rows=1))])


def _sorted(lines: PurchaseLines) -> PurchaseLines:
    order = np.lexsort((lines.item, lines.order, lines.day, lines.customer))
    return PurchaseLines(**{name: array[order] for name, array in vars(lines).items()})
