"""From purchases to a published bundle."""

import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from threadpoolctl import threadpool_limits

from models.bundle import BundleWriter, Manifest
from models.erased import ErasedIds
from models.errors import BundleError, InputError
from models.recommender import PERSONAL, Recommender
from models.registry import Registry
from models.scenarios import BASELINES
from training.carried import Carried
from training.champion import Champion
from training.data import TrainingData
from training.fit.carts.fit import fit_carts
from training.fit.everything import Fit, Onward
from training.in_thread import InThread
from training.input import PurchaseSource, Shop, read_shop
from training.input.prepared.kept import Keeper
from training.learned import Learned
from training.listing import lists_of_all, with_spread
from training.nightly import Model, carry_on
from training.progress import Steps
from training.ranking import Trained, train_rankers
from training.settings import TrainingSettings
from training.tuning.chosen import Wish, choose
from training.windows import horizon_of

Engine = Literal["duckdb", "spark"]
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
    engine: Engine = "duckdb"
    since_last: bool = False


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
    learn = learn_on_spark if request.engine == "spark" else learn_here
    with registry.workspace() as work:
        champion = Champion.published(registry, steps.say)
        of_champion = champion.manifest if champion else None
        learned = with_spread(learn(request, registry, work, champion, steps, now), work)
        chosen, trained, recommender = learned.chosen, learned.trained, learned.recommender
        settings = chosen.settings
        with steps.step("writing the bundle"), BundleWriter(work) as writer:
            add_model(writer, learned)
            for name, ranker in trained.judging.items():
                writer.add_document(f"judging.{name}.txt", ranker.text)
            if chosen.document is not None:
                writer.add_document("tuning.json", json.dumps(chosen.document, indent=1) + "\n")
            verdict = learned.verdict(of_champion)
            forced = request.force and not verdict.passed
            metrics = {
                "input": learned.report.as_json(),
                **learned.facts,
                "backtest": learned.backtest,
                "gate": verdict.as_dict(forced=forced),
                "complements": learned.carts,
                "tuning": chosen.facts,
                "importance": {name: ranker.importance() for name, ranker in recommender.rankers.items()},
            }
            tables = {**settings.tables(), "tuned": chosen.values, "engine": request.engine}
            libraries = (*LIBRARIES, "pyspark") if request.engine == "spark" else LIBRARIES
            manifest = seal(writer, registry, learned, metrics, tables, libraries, now)
            registry.add(manifest.version)
            if learned.draft is not None and (verdict.passed or forced):
                Keeper(registry.store, steps.say).keep(learned.draft, manifest.version)
            if published := request.publish and (verdict.passed or forced):
                why = f"forced: {verdict.reason}" if forced else "trained"
                registry.publish(manifest.version, why=why, now=now)
    return Outcome(manifest=manifest, published=published, reason=verdict.reason or None)


def learn_here(
    request: TrainingRequest, registry: Registry, work: Path, champion: Champion | None, steps: Steps, now: datetime
) -> Learned:
    """All of it on this machine, from tables in DuckDB."""
    keeper = Keeper(registry.store, steps.say) if request.since_last else None
    with steps.step("reading purchases"):
        shop = read(request, registry, work, steps.say, now, keeper)
    for note in shop.report.notes(registry.store / "rejects.parquet"):
        steps.say(note)
    of_champion = champion.manifest if champion else None
    chosen = choose(request.tuning, shop.data, request.settings, registry.store / "tuning", of_champion, steps)
    horizon = horizon_of(shop.data, chosen.settings.ranker.horizon_days)
    carried = Carried.of(registry, shop.data, chosen.settings, horizon, steps.say) if request.since_last else None
    model = (
        learn_anew(shop.data, chosen.settings, steps, champion, work)
        if carried is None
        else carry_on(carried, shop.data, chosen.settings, steps, work)
    )
    return Learned(
        report=shop.report,
        customers=shop.data.customers,
        catalogue=shop.data.catalogue,
        counts=counts_of(shop.data),
        window=(shop.data.first_day, shop.data.last_day),
        chosen=chosen,
        recommender=model.recommender,
        trained=model.trained,
        carts=model.carts,
        lists=model.lists,
        carried=carried,
        facts=model.facts,
        draft=shop.draft,
    )


def learn_anew(
    data: TrainingData, settings: TrainingSettings, steps: Steps, champion: Champion | None, work: Path
) -> Model:
    """Rankers, sources and lists from nothing but the purchases."""
    recommender, trained, carts = fit(data, settings, steps, champion)
    with steps.step("lists of all customers") as part:
        lists = lists_of_all(recommender, settings, part, work)
    return Model(recommender, trained, carts, lists)


def learn_on_spark(
    request: TrainingRequest, registry: Registry, work: Path, champion: Champion | None, steps: Steps, now: datetime
) -> Learned:
    """The same with the purchases on Spark; raises InputError where the extra `spark` is not installed."""
    if importlib.util.find_spec("pyspark") is None:
        raise InputError("--engine spark needs PySpark, which is not installed: pip install 'recsvc[train,spark]'")
    from training.spark.learning import learn

    return learn(request, registry, work, champion, steps, now)


def read(
    request: TrainingRequest,
    registry: Registry,
    work: Path,
    tell: Callable[[str], None],
    now: datetime,
    keeper: Keeper | None = None,
) -> Shop:
    """Purchases and products, checked; raises InputError where they cannot be learned from."""
    registry.learn_erased()
    erased = ErasedIds(registry.store)
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
        keeper=keeper,
        erased=erased,
    )
    registry.learn_erased()  # and who was erased meanwhile
    return replace(shop, data=shop.data.without(erased))


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
    onward = Onward()
    return fit_with(data, data, settings, horizon, steps, champion, windows=onward.fit, final=onward.fit)


def fit_with(
    data: TrainingData,
    of_carts: TrainingData,
    settings: TrainingSettings,
    horizon: int,
    steps: Steps,
    champion: Champion | None,
    *,
    windows: Fit,
    final: Fit,
) -> tuple[Recommender, Trained, dict[str, Any]]:
    """The same, where `data` holds the customers whom rankers learn from and `of_carts` the orders that carts are
    learned from; `windows` fits the sources of earlier days, `final` those of today."""
    # One BLAS thread: the sums of several come out differently where there are more or fewer cores, and a training
    # must be repeatable. The cores are put to use by fitting carts beside the rest instead.
    with threadpool_limits(1, "blas"):
        beside = InThread(lambda: fit_carts(of_carts, horizon, settings.complements, settings.similar, lambda _: None))
        with steps.step("learning from earlier weeks") as part:
            trained = train_rankers(data, settings, horizon, part.show, champion, fit=windows)
        with steps.step("fitting on all purchases"):
            recommender = final(data, settings, horizon, PERSONAL)
        with steps.step("what completes carts"):
            carts = beside.result()
    baselines = {**BASELINES, **{name: judgement.best_single for name, judgement in trained.judgements.items()}}
    sources = {**recommender.sources, "complements": carts.carts, "similar": carts.similar}
    recommender = replace(recommender, sources=sources, rankers=trained.rankers, baselines=baselines)
    return recommender, trained, carts.metrics


def add_model(writer: BundleWriter, learned: Learned) -> None:
    """Everything that serving needs, as arrays and texts."""
    writer.add("customers", learned.customers.arrays())
    writer.add("catalogue", learned.catalogue.arrays())
    writer.add("recommender", learned.recommender.arrays())
    for scenario, stored in learned.lists.items():
        writer.add(f"lists.{scenario}", stored.arrays())
    for name, text in learned.recommender.documents().items():
        writer.add_document(name, text)


def counts_of(data: TrainingData) -> dict[str, int]:
    """Sizes of a shop that is here as a whole."""
    return {
        "customers": len(data.customers),
        "items": len(data.catalogue),
        "orders": int(data.lines.order.max()) + 1,
        "lines": len(data.lines),
    }


def seal(
    writer: BundleWriter,
    registry: Registry,
    learned: Learned,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    libraries: Sequence[str],
    now: datetime,
) -> Manifest:
    """Write the manifest and move the bundle among those of this machine."""
    return writer.seal(
        registry.bundles,
        now=now,
        window=(day_text(learned.window[0]), day_text(learned.window[1])),
        counts=learned.counts,
        settings={
            **settings,
            "horizon_days": learned.recommender.statistics.horizon,
            "baselines": dict(learned.recommender.baselines),
        },
        metrics=metrics,
        libraries={name: importlib.metadata.version(name) for name in libraries},
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
