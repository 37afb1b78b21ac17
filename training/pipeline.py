"""From purchases to a published bundle."""

import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from models.bundle import BundleWriter, Manifest
from models.erased import ErasedIds
from models.errors import BundleError, InputError
from models.lists import StoredLists
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import BASELINES
from training.champion import Champion
from training.data import TrainingData
from training.fit.carts.fit import fit_carts
from training.fit.everything import fit_sources
from training.gate import judge
from training.in_thread import InThread
from training.input import PurchaseSource, Shop, read_shop
from training.listing import lists_of_all
from training.progress import Steps
from training.ranking import Trained, train_rankers
from training.settings import TrainingSettings
from training.tuning.chosen import Wish, choose
from training.windows import horizon_of

LIBRARIES = ("recsvc", "numpy", "scipy", "implicit", "lightgbm")
# The steps and how long each takes beside the others, from benchmarks on The Complete Journey.
STEPS = (
    ("reading purchases", 6.0),
    ("learning from earlier weeks", 60.0),
    ("fitting on all purchases", 12.0),
    ("what completes carts", 45.0),
    ("lists of all customers", 20.0),
    ("writing the bundle", 2.0),
)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What to train from, and what to do with the result."""

    sources: tuple[PurchaseSource, ...]
    products: Path | None = None
    customers: Path | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    tuning: Wish = field(default_factory=Wish)
    publish: bool = True
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A training's bundle, whether it is published, and if not, or by force, why."""

    manifest: Manifest
    published: bool
    reason: str | None


def train(request: TrainingRequest, registry: Registry, steps: Steps, *, now: datetime) -> Outcome:
    """Read, fit, write and publish what passes the gate.

    An exception or a kill at any moment leaves the published bundle as it was; a model that the gate refuses is kept
    unpublished.
    """
    with registry.workspace() as work:
        with steps.step("reading purchases"):
            shop = read(request, registry, work, steps.say, now)
        for note in shop.report.notes(registry.store / "rejects.parquet"):
            steps.say(note)
        champion = Champion.published(registry, steps.say)
        of_champion = champion.manifest if champion else None
        folder = registry.store / "tuning"
        chosen = choose(request.tuning, shop.data, request.settings, folder, of_champion, steps)
        settings = chosen.settings
        recommender, trained, carts = fit(shop.data, settings, steps, champion)
        with steps.step("lists of all customers") as part:
            lists = lists_of_all(recommender, settings, part, work)
        with steps.step("writing the bundle"), BundleWriter(work) as writer:
            add_model(writer, shop.data, recommender, lists)
            for name, ranker in trained.judging.items():
                writer.add_document(f"judging.{name}.txt", ranker.text)
            if chosen.document is not None:
                writer.add_document("tuning.json", json.dumps(chosen.document, indent=1) + "\n")
            counts = counts_of(shop.data)
            verdict = judge(trained.judgements, trained.beside, of_champion, counts, settings.gate)
            forced = request.force and not verdict.passed
            metrics = {
                "input": shop.report.as_json(),
                "backtest": {name: judgement.as_dict() for name, judgement in trained.judgements.items()},
                "gate": verdict.as_dict(forced=forced),
                "complements": carts,
                "tuning": chosen.facts,
                "importance": {name: ranker.importance() for name, ranker in recommender.rankers.items()},
            }
            tables = {**settings.tables(), "tuned": chosen.values}
            manifest = seal(writer, registry, shop.data, recommender, metrics, tables, now)
            registry.add(manifest.version)
            if published := request.publish and (verdict.passed or forced):
                why = f"forced: {verdict.reason}" if forced else "trained"
                registry.publish(manifest.version, why=why, now=now)
    return Outcome(manifest=manifest, published=published, reason=verdict.reason or None)


def read(request: TrainingRequest, registry: Registry, work: Path, tell: Callable[[str], None], now: datetime) -> Shop:
    """Purchases and products, checked; raises InputError where they cannot be learned from."""
    shop = read_shop(
        request.sources,
        request.products,
        customers=request.customers,
        settings=request.settings.purchases,
        product_settings=request.settings.products,
        previous_items=None if request.force else items_in_feed(registry),
        now=now,
        work_dir=work,
        rejects_path=registry.store / "rejects.parquet",
        tell=tell,
    )
    registry.learn_erased()
    return replace(shop, data=shop.data.without(ErasedIds(registry.store)))


def items_in_feed(registry: Registry) -> int | None:
    """How many items the feed of the published model had; None without a model or a feed."""
    current = registry.current()
    if current is None:
        return None
    try:
        products = registry.manifest(current).metrics["input"]["products"]
    except (BundleError, InputError, KeyError):
        return None
    return None if products is None else int(products["items"])


def fit(
    data: TrainingData, settings: TrainingSettings, steps: Steps, champion: Champion | None = None
) -> tuple[Recommender, Trained, dict[str, Any]]:
    """Rankers from earlier windows, then all sources on everything in `data`; how the rankers were judged, the
    published model beside them; and how the completion of carts was judged."""
    horizon = horizon_of(data, settings.ranker.horizon_days)
    # One BLAS thread: the sums of several come out differently where there are more or fewer cores, and a training
    # must be repeatable. The cores are put to use by fitting carts beside the rest instead.
    with threadpool_limits(1, "blas"):
        beside = InThread(lambda: fit_carts(data, horizon, settings.complements, settings.similar, lambda _: None))
        with steps.step("learning from earlier weeks") as part:
            trained = train_rankers(data, settings, horizon, part.show, champion)
        with steps.step("fitting on all purchases"):
            recommender = fit_sources(data, settings, horizon)
        with steps.step("what completes carts"):
            carts = beside.result()
    baselines = {**BASELINES, **{name: judgement.best_single for name, judgement in trained.judgements.items()}}
    sources = {**recommender.sources, "complements": carts.carts, "similar": carts.similar}
    recommender = replace(recommender, sources=sources, rankers=trained.rankers, baselines=baselines)
    return recommender, trained, carts.metrics


def add_model(
    writer: BundleWriter, data: TrainingData, recommender: Recommender, lists: Mapping[str, StoredLists]
) -> None:
    """Everything that serving needs, as arrays and texts."""
    writer.add("customers", data.customers.arrays())
    writer.add("catalogue", data.catalogue.arrays())
    writer.add("recommender", recommender.arrays())
    for scenario, stored in lists.items():
        writer.add(f"lists.{scenario}", stored.arrays())
    for name, text in recommender.documents().items():
        writer.add_document(name, text)


def counts_of(data: TrainingData) -> dict[str, int]:
    """Sizes for the manifest, by which the gate also knows a fragment."""
    return {
        "customers": len(data.customers),
        "items": len(data.catalogue),
        "orders": int(data.lines.order.max()) + 1,
        "lines": len(data.lines),
    }


def seal(
    writer: BundleWriter,
    registry: Registry,
    data: TrainingData,
    recommender: Recommender,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    now: datetime,
) -> Manifest:
    """Write the manifest and move the bundle among those of this machine."""
    return writer.seal(
        registry.bundles,
        now=now,
        window=(day_text(data.first_day), day_text(data.last_day)),
        counts=counts_of(data),
        settings={
            **settings,
            "horizon_days": recommender.statistics.horizon,
            "baselines": dict(recommender.baselines),
        },
        metrics=metrics,
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
