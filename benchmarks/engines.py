"""Whether Spark foresees what DuckDB foresees: the same purchases trained with both engines, and their lists compared
with what customers of The Complete Journey bought in the next 28 days.

    python -m benchmarks.engines --master 'local[*]'

Needs PySpark (the extra `spark`) and Java.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.accuracy import DAYS, K, all_purchases, baskets, personal, scored
from benchmarks.cost import RECSVC, cost_of
from training.data import TrainingData
from training.evaluate.metrics import completion

ENGINES = ("duckdb", "spark")
# The greatest share by which home ndcg@10 may differ.
ALIKE = 0.03
SECONDS_A_DAY = 86_400


def main() -> None:
    """Print a line a figure, both engines beside each other; exit code 1 where `home` differs by more than 3 %."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--master", default="local[*]", help="where Spark runs")
    master = parser.parse_args().master
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = all_purchases(work)
        cutoff = data.last_day + 1 - DAYS
        write(data, cutoff, work)
        (work / "recsvc.toml").write_text(f"[spark]\nmaster = {json.dumps(master)}\n", encoding="utf-8")
        figures = {engine: measured(engine, data, cutoff, work) for engine in ENGINES}
    print(f"{'':<24}{'duckdb':>10}{'spark':>10}{'ratio':>8}")
    for name, here in figures["duckdb"].items():
        there = figures["spark"][name]
        print(f"{name:<24}{here:>10.4f}{there:>10.4f}{there / here:>8.3f}")
    here, there = (figures[engine][f"home ndcg@{K}"] for engine in ENGINES)
    if abs(there / here - 1) > ALIKE:
        raise SystemExit(f"home ndcg@{K} differs by more than {ALIKE:.0%}")


def write(data: TrainingData, cutoff: int, folder: Path) -> None:
    """What lies before the cutoff, in canonical columns, and the catalogue as a feed."""
    lines = data.before(cutoff).lines
    customers, items = (pa.array(list(index.table)) for index in (data.customers, data.catalogue.items))
    columns: dict[str, Any] = {
        "customer_id": customers.take(pa.array(lines.customer, mask=lines.customer < 0)),
        "order_id": pa.array(lines.order).cast(pa.string()),
        "item_id": items.take(pa.array(lines.item)),
        "quantity": lines.quantity,
        "unit_price": lines.unit_price,
        "timestamp": pa.array(lines.day.astype(np.int64) * SECONDS_A_DAY, pa.timestamp("s")).cast(pa.timestamp("us")),
    }
    pq.write_table(pa.table(columns), folder / "purchases.parquet")
    catalogue = data.catalogue
    paths = [*catalogue.categories, ""]
    feed = {
        "id": items,
        **{name: list(catalogue.texts[name]) for name in ("title", "brand")},
        "product_type": [paths[category] for category in catalogue.category],
    }
    pq.write_table(pa.table(feed), folder / "products.parquet")


def measured(engine: str, data: TrainingData, cutoff: int, work: Path) -> dict[str, float]:
    """Train and recommend with an engine; ndcg, recall and coverage of customers' lists, hits of baskets, and cost."""
    store = work / engine
    files = ["--purchases", str(work / "purchases.parquet"), "--products", str(work / "products.parquet")]
    train = [RECSVC, "train", *files, "--engine", engine, "--config", str(work / "recsvc.toml"), "--store", str(store)]
    cost = cost_of([*train, "--quiet"])
    print(f"{engine:<8}{cost}", flush=True)
    queries, hidden = baskets(data, cutoff)
    (work / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries), encoding="utf-8")

    def lists(*arguments: str) -> list[dict[str, Any]]:
        out = work / "lists.jsonl"
        cost_of([RECSVC, "recommend", *arguments, "--store", str(store), "--out", str(out), "--quiet"])
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    figures: dict[str, float] = {}
    for scenario in ("home", "discover"):
        figures |= personal(data, cutoff, scenario, lists("--all", "-n", str(K), "--scenario", scenario))
    completed = lists("--queries", str(work / "queries.jsonl"), "-n", "20")
    items = [[entry["item_id"] for entry in line["items"]] for line in completed]
    found = completion(scored(data, items), hidden)
    return figures | {f"baskets {name}": float(value.mean()) for name, value in found.items()}


if __name__ == "__main__":
    main()
