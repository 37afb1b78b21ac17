"""From purchases to a published bundle."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from models.bundle import BundleWriter, Manifest
from models.errors import InputError
from models.recommender import Ranked, Recommender, StoredLists
from models.registry import Registry
from models.scenarios import STORED
from models.sources.protocol import Queries
from training.data import TrainingData
from training.fit.factors import fit_factors
from training.fit.sources import fit_complements, fit_neighbours, fit_popular, fit_repeat
from training.input import PurchaseSource, Shop, read_shop
from training.progress import Part, Steps
from training.settings import TrainingSettings

BLOCK = 1024
LIBRARIES = ("recsvc", "numpy", "scipy", "implicit", "lightgbm")
# The steps and how long each takes beside the others, from benchmarks on The Complete Journey.
STEPS = (
    ("reading purchases", 6.0),
    ("own purchases and what is popular", 1.0),
    ("what goes together", 3.0),
    ("neighbours", 14.0),
    ("factors", 8.0),
    ("lists of all customers", 12.0),
    ("writing the bundle", 2.0),
)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What to train from, and what to do with the result."""

    sources: tuple[PurchaseSource, ...]
    products: Path | None = None
    customers: Path | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    publish: bool = True


def train(request: TrainingRequest, registry: Registry, steps: Steps, *, now: datetime) -> Manifest:
    """Read, fit, write and publish; an exception or a kill at any moment leaves the published bundle as it was."""
    with registry.workspace() as work:
        with steps.step("reading purchases"):
            shop = read(request, registry, work, steps.say, now)
        recommender = fit(shop.data, request.settings, steps)
        with steps.step("lists of all customers") as part:
            lists = lists_of_all(shop.data, recommender, request.settings.lists.stored, part)
        with steps.step("writing the bundle"), BundleWriter(work) as writer:
            manifest = write(writer, registry, shop, recommender, lists, request.settings, now)
            if request.publish:
                registry.publish(manifest.version, why="trained", now=now)
    return manifest


def read(request: TrainingRequest, registry: Registry, work: Path, tell: Callable[[str], None], now: datetime) -> Shop:
    """Purchases, products and customers, checked; raises InputError where they cannot be learned from."""
    return read_shop(
        request.sources,
        request.products,
        request.customers,
        settings=request.settings.purchases,
        now=now,
        work_dir=work,
        rejects_path=registry.store / "rejects.parquet",
        tell=tell,
    )


def fit(data: TrainingData, settings: TrainingSettings, steps: Steps) -> Recommender:
    """All sources, fitted on everything in `data`."""
    with steps.step("own purchases and what is popular"):
        repeat, popular = fit_repeat(data, settings.repeat), fit_popular(data, settings.popular)
    with steps.step("what goes together"):
        complements = fit_complements(data, settings.complements)
    with steps.step("neighbours"):
        neighbours = fit_neighbours(data, settings.neighbours)
    with steps.step("factors"):
        factors = fit_factors(data, settings.factors)
    sources = (repeat, neighbours, factors, complements, popular)
    return Recommender({source.name: source for source in sources}, settings.lists)


def lists_of_all(data: TrainingData, recommender: Recommender, stored: int, part: Part) -> dict[str, StoredLists]:
    """Every known customer's lists for the scenarios that depend on the customer alone."""
    history = data.interactions()
    n_customers = len(data.customers)
    blocks: dict[str, list[Ranked]] = {scenario: [] for scenario in STORED}
    for start in range(0, n_customers, BLOCK):
        customers = np.arange(start, min(start + BLOCK, n_customers))
        queries = Queries.of_customers(customers, history, data.last_day + 1)
        for scenario in STORED:
            blocks[scenario].append(recommender.rank(queries, scenario, stored))
        part.show((start + len(customers)) / n_customers)
    return {scenario: StoredLists.of(parts) for scenario, parts in blocks.items()}


def write(
    writer: BundleWriter,
    registry: Registry,
    shop: Shop,
    recommender: Recommender,
    lists: dict[str, StoredLists],
    settings: TrainingSettings,
    now: datetime,
) -> Manifest:
    """Seal everything that serving needs into one bundle."""
    data = shop.data
    writer.add("customers", data.customers.arrays())
    writer.add("catalogue", data.catalogue.arrays())
    writer.add("history", data.interactions().arrays())
    writer.add("sources", recommender.arrays())
    for scenario, stored in lists.items():
        writer.add(f"lists.{scenario}", stored.arrays())
    return writer.seal(
        registry.bundles,
        now=now,
        window=(day_text(data.first_day), day_text(data.last_day)),
        counts={
            "customers": len(data.customers),
            "items": len(data.catalogue),
            "orders": int(data.lines.order.max()) + 1,
            "lines": len(data.lines),
        },
        settings=settings.tables(),
        metrics={"input": shop.report.as_dict()},
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
    )


def day_text(day: int) -> str:
    """ISO date of a day counted from 1970-01-01."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()


def parse_columns(text: str) -> dict[str, str]:
    """'customer_id=cust,item_id=sku' as a mapping; raises InputError."""
    columns = {}
    for part in text.split(","):
        name, equals, column = part.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise InputError(f"--columns {part!r}: expected name=column, such as customer_id=cust,item_id=sku")
        columns[name.strip()] = column.strip()
    return columns
