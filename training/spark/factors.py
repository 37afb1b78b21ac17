"""The source `factors`, solved by Spark MLlib's ALS (Hu, Koren, Volinsky 2008)."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.ml.recommendation import ALS

from models.sources.factors import Factors, FactorSettings, confidence
from models.statistics import Statistics
from training.spark.blocks import BLOCKS, Block, few_rows, mapped
from training.spark.tables import SparkTables

# Iterations after which factors are written down: tasks that remember more of them are too deep for the JVM's stack.
CHECKPOINT_EVERY = 2
RATINGS_SCHEMA = "customer int, item int, confidence float"


def fit_factors(tables: SparkTables, statistics: Statistics, settings: FactorSettings) -> Factors:
    """The items' factors from the purchases before `statistics.today`; customers are folded in, on executors or when
    they ask, by the half-step that serving has for them."""
    today, horizon, n_items, alpha = statistics.today, statistics.horizon, statistics.n_items, settings.alpha

    def task(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
        for block in blocks:
            habits = block.before(today).habits(n_items, today, horizon)
            customer = (habits.pairs.row + block.start).astype(np.int32)
            columns = {"customer": customer, "item": habits.pairs.item, "confidence": confidence(habits, alpha)}
            yield pa.record_batch(columns)

    buyers = statistics.buyers.astype(np.float64)
    bought = buyers > 0
    # MLlib weighs its penalty by the number of an item's (a customer's) entries, we do not: equal in the mean.
    mean = 2 * buyers.sum() / max(statistics.n_customers + np.count_nonzero(bought), 1)
    als = ALS(
        userCol="customer",
        itemCol="item",
        ratingCol="confidence",
        implicitPrefs=True,
        alpha=1.0,
        rank=settings.factors,
        maxIter=settings.iterations,
        regParam=settings.regularisation / max(mean, 1.0),
        seed=settings.seed,
        checkpointInterval=CHECKPOINT_EVERY,
        numUserBlocks=tables.parallelism,
        numItemBlocks=tables.parallelism,
    )
    items = np.zeros((n_items, settings.factors), np.float32)
    with few_rows(tables.session):
        tables.write("ratings", mapped(tables.read(BLOCKS), task, RATINGS_SCHEMA))
    if buyers.any():
        model = als.fit(tables.read("ratings"))
        tables.write("item_factors", model.itemFactors)
        for batch in tables.folder.batches("item_factors"):
            vectors = batch.column("features").flatten().to_numpy().reshape(len(batch), settings.factors)
            items[batch.column("id").to_numpy()] = vectors
    by_sales = np.argsort(-buyers, kind="stable")[: settings.head]
    head = by_sales[bought[by_sales]].astype(np.int32)
    nobody, nothing = np.zeros((0, settings.factors), np.float32), np.zeros(0, np.int32)
    return Factors(nobody, items, head, nothing, alpha, settings.regularisation, settings.proposed)
