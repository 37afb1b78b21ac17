"""A training on Spark, from purchases to all that goes into a bundle."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import BundleWriter
from models.erased import ErasedIds
from models.interactions import FIELDS, Interactions
from models.lists import StoredLists
from models.recommender import Recommender
from models.registry import Registry
from models.scenarios import STORED
from models.sources.customers import Customers
from models.sources.factors import Factors
from training.champion import Champion
from training.learned import Learned
from training.pipeline import TrainingRequest, fit_with, items_in_feed
from training.progress import Steps
from training.settings import TrainingSettings
from training.spark.fitting import SparkFit, latest_orders, sample_of
from training.spark.lists import gathered, rank_all
from training.spark.preparing import SparkShop, prepare
from training.spark.session import open_session
from training.spark.storage import Folder, as_url
from training.spark.tables import SparkTables
from training.tuning.chosen import choose
from training.windows import horizon_within

MODEL = "model"


def learn(
    request: TrainingRequest, registry: Registry, work: Path, champion: Champion | None, steps: Steps, now: datetime
) -> Learned:
    """Prepare, count, factorise and rank on Spark; train rankers and carts here, on a sample and the latest orders."""
    spark = request.settings.spark
    folder = Folder(
        f"{spark.work.rstrip('/')}/recsvc-{os.urandom(8).hex()}" if spark.work else as_url(str(work / "spark"))
    )
    with open_session(spark) as session:
        tables = SparkTables(session, folder)
        try:
            return _learn(tables, request, registry, work, champion, steps, now)
        finally:
            folder.remove()


def _learn(
    tables: SparkTables,
    request: TrainingRequest,
    registry: Registry,
    work: Path,
    champion: Champion | None,
    steps: Steps,
    now: datetime,
) -> Learned:
    """The same within a session whose folder is there."""
    rejects = registry.store / "rejects.parquet"
    with steps.step("reading purchases"):
        shop = prepare(
            tables, request, previous_items=None if request.force else items_in_feed(registry),
            erased=ErasedIds(registry.store), now=now, work_dir=work, rejects_path=rejects, tell=steps.say,
        )  # fmt: skip
        spark, seed = request.settings.spark, request.settings.ranker.seed
        sample, members = sample_of(tables, shop, spark.sample_customers, seed)
        of_carts = latest_orders(tables, shop, request.settings.complements.orders)
    for note in shop.report.notes(rejects):
        steps.say(note)
    of_champion = champion.manifest if champion else None
    chosen = choose(request.tuning, sample, request.settings, registry.store / "tuning", of_champion, steps)
    settings = chosen.settings
    horizon = settings.ranker.horizon_days or horizon_within(shop.first_day, shop.last_day)
    fit = SparkFit(tables, shop)
    recommender, trained, carts = fit_with(
        sample, of_carts, settings, horizon, steps, champion, windows=fit, final=fit.final
    )
    with steps.step("lists of all customers"):
        model = _of_everybody(recommender, members)
        _hand_out(tables.folder, model, shop, settings, work, now)
        rank_all(tables, MODEL, settings.lists.stored)
        arrays = gathered(tables.folder, len(shop.customers), settings.factors.factors, work / "gathered")
    return Learned(
        report=shop.report,
        customers=shop.customers,
        catalogue=shop.catalogue,
        counts=_counts(shop),
        window=(shop.first_day, shop.last_day),
        chosen=chosen,
        recommender=_complete(model, arrays),
        trained=trained,
        carts=carts,
        lists={name: _stored(arrays, name) for name in STORED},
    )


def _of_everybody(recommender: Recommender, members: NDArray[np.int64]) -> Recommender:
    """The same over the whole shop's customers instead of the sample's; it holds no histories."""
    customers = recommender.sources["customers"]
    assert isinstance(customers, Customers)
    renamed = replace(customers, members=members[customers.members].astype(np.int32))
    return replace(recommender, histories=Interactions.empty(0), sources={**recommender.sources, "customers": renamed})


def _hand_out(
    folder: Folder, model: Recommender, shop: SparkShop, settings: TrainingSettings, work: Path, now: datetime
) -> None:
    """Put the model where executors open it: a bundle without customers."""
    with BundleWriter(work) as writer:
        writer.add("recommender", model.arrays())
        for name, text in model.documents().items():
            writer.add_document(name, text)
        sealed = writer.seal(
            work / "handed-out", now=now, window=(shop.report.first_day, shop.report.last_day), counts=_counts(shop),
            settings={**settings.tables(), "baselines": dict(model.baselines)}, metrics={}, libraries={},
        )  # fmt: skip
    folder.upload(work / "handed-out" / sealed.version, MODEL)


def _complete(model: Recommender, arrays: Mapping[str, NDArray[Any]]) -> Recommender:
    """The model with all customers' histories and factors, as the executors gave them."""
    lengths = arrays["history_lengths"]
    histories = Interactions(_starts(lengths), *(arrays[f"history_{name}"] for name in FIELDS))
    factors = model.sources["factors"]
    assert isinstance(factors, Factors)
    known = replace(factors, users=arrays["vectors"], entries=lengths.astype(np.int32))
    return replace(model, histories=histories, sources={**model.sources, "factors": known})


def _stored(arrays: Mapping[str, NDArray[Any]], name: str) -> StoredLists:
    parts = (arrays[f"{name}_{part}"] for part in ("item", "score", "source"))
    return StoredLists(_starts(arrays[f"{name}_lengths"]), *parts)


def _starts(lengths: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _counts(shop: SparkShop) -> dict[str, int]:
    return {
        "customers": len(shop.customers), "items": len(shop.catalogue), "orders": shop.n_orders, "lines": shop.n_lines,
    }  # fmt: skip
