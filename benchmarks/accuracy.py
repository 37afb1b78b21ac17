"""How well lists foresee the last 28 days of The Complete Journey: the figures that the README quotes.

A model is trained on what lies before these days, by the command line and with default settings; its lists are compared
with what the customers then bought. Baskets: one item of an order is hidden, and the rest is asked what goes with it.
"""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cost import RECSVC, cost_of
from models.interactions import Pairs
from models.ranking import Scored, contains, keys
from training.data import TrainingData
from training.evaluate.metrics import Truth, accuracy, completion, coverage, hide_one
from training.input import InputSettings, PurchaseSource, read_shop

DAYS = 28
K = 10
BASKETS = 5_000
SOURCE = ("--purchases", "completejourney", "--format", "complete-journey")


def main() -> None:
    """Print one line a figure."""
    for name, value in measure(print).items():
        print(f"{name:<24}{value:.4f}")


def measure(say: Callable[[str], object]) -> dict[str, float]:
    """Train, recommend, compare; figures by name, such as 'home ndcg@10'."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = all_purchases(work)
        cutoff = data.last_day + 1 - DAYS
        store, until = work / "store", datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=cutoff)
        train = [RECSVC, "train", *SOURCE, "--until", f"{until:%Y-%m-%d}", "--store", str(store), "--quiet"]
        say(f"train      {cost_of(train)}")

        def lists(name: str, *arguments: str) -> list[dict[str, Any]]:
            out = work / f"{name}.jsonl"
            asked = [RECSVC, "recommend", *arguments, "--store", str(store), "--out", str(out), "--quiet"]
            say(f"{name:<11}{cost_of(asked)}")
            return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

        home = lists("home", "--all", "-n", str(K))
        discover = lists("discover", "--all", "-n", str(K), "--scenario", "discover")
        queries, hidden = baskets(data, cutoff)
        (work / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries), encoding="utf-8")
        completed = lists("baskets", "--queries", str(work / "queries.jsonl"), "-n", "20")
    figures = personal(data, cutoff, "home", home) | personal(data, cutoff, "discover", discover)
    items = [[entry["item_id"] for entry in line["items"]] for line in completed]
    found = completion(scored(data, items), hidden)
    return figures | {f"baskets {name}": float(value.mean()) for name, value in found.items()}


def all_purchases(work: Path) -> TrainingData:
    """All of The Complete Journey, as a training reads it."""
    shop = read_shop(
        (PurchaseSource(location="completejourney", format="complete-journey"),),
        None,
        settings=InputSettings(),
        now=datetime.now(UTC),
        work_dir=work,
        rejects_path=work / "rejects.parquet",
        tell=lambda _: None,
    )
    return shop.data


def personal(data: TrainingData, cutoff: int, scenario: str, lists: list[dict[str, Any]]) -> dict[str, float]:
    """ndcg, recall and coverage of one list a customer, over customers with purchases before and after the cutoff."""
    past, lines = data.before(cutoff), data.lines
    pairs = Pairs.of(past.interactions())
    owned = np.unique(keys(pairs.row, pairs.item))
    known = np.zeros(len(data.customers) + 1, np.bool_)
    known[pairs.row] = True
    later = lines.where((lines.day >= cutoff) & known[lines.customer] & (lines.customer >= 0))
    bought = np.unique(keys(later.customer, later.item))
    if scenario == "discover":
        bought = bought[~contains(owned, bought)]
    truth = Truth.of(len(data.customers), bought >> 32, bought & 0xFFFFFFFF)
    items: list[list[str]] = [[] for _ in range(len(data.customers))]
    for line in lists:
        items[data.customers.find(line["customer_id"])] = [entry["item_id"] for entry in line["items"]]
    found = scored(data, items)
    figures = {name: float(np.nanmean(accuracy(found, truth, K)[name])) for name in ("ndcg", "recall")}
    judged = found.where(truth.size[found.row] > 0)
    sold = len(np.unique(past.lines.item))
    return {f"{scenario} {name}@{K}": value for name, value in figures.items()} | {
        f"{scenario} coverage@{K}": coverage(judged, K, sold)
    }


def baskets(data: TrainingData, cutoff: int) -> tuple[list[dict[str, Any]], NDArray[Any]]:
    """Queries of orders after the cutoff with one of their known items hidden, and the hidden items."""
    sold = np.zeros(len(data.catalogue), np.bool_)
    sold[data.before(cutoff).lines.item] = True
    later = data.lines.where((data.lines.day >= cutoff) & sold[data.lines.item])
    carts = hide_one(later.order, later.item, rng=np.random.default_rng(0), limit=BASKETS)
    starts = np.searchsorted(carts.cart_row, np.arange(len(carts.item) + 1))
    ids = data.catalogue.items
    queries = [
        {"query_id": str(row), "items": [ids[int(item)] for item in carts.cart_item[starts[row] : starts[row + 1]]]}
        for row in range(len(carts.item))
    ]
    return queries, carts.item


def scored(data: TrainingData, items: list[list[str]]) -> Scored:
    """Lists of item ids as rows of indices, best first."""
    row = np.repeat(np.arange(len(items)), [len(entry) for entry in items])
    item = data.catalogue.items.find_all(one for entry in items for one in entry)
    return Scored(len(items), row, item.astype(np.int32), np.zeros(len(row), np.float32))


if __name__ == "__main__":
    main()
