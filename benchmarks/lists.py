"""What the lists of all customers cost, by stage: processor time a customer for `home`, `discover` and `again`.

    python -m benchmarks.lists [--store DIR] [--customers 2048] [--block 64] [--single] [--scenarios home …]

A store is any that `recsvc train` wrote, such as one of a shop of benchmarks.generate. With `--single` each customer is
a block of its own, and its history counts as changed, as it does when events of today are known.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from models import recommender as stages
from models.features import features, matrix
from models.ranker import Ranker
from models.recommender import PERSONAL, Recommender
from models.registry import Registry
from models.scenarios import STORED
from models.trees import booster

LISTED = 40


class Stages:
    """Processor time by stage; a stage's time is its own, without that of the stages inside."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inside = [0.0]

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count the calls of `owner.name` as `stage` from now on."""
        if not hasattr(owner, name):
            return
        whole: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            self._inside.append(0.0)
            started = time.process_time()
            try:
                return whole(*given, **named)
            finally:
                took = time.process_time() - started
                self.spent[stage] += took - self._inside.pop()
                self._inside[-1] += took

        setattr(owner, name, timed)


def main() -> None:
    """Reads the arguments, measures, prints a line a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("var/store"))
    parser.add_argument("--customers", type=int, default=2048)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--scenarios", nargs="+", default=list(STORED))
    given = parser.parse_args()
    registry = Registry(given.store)
    recommender = Recommender.from_bundle(registry.open(registry.current()))
    known = len(recommender.histories)
    who = np.sort(np.random.default_rng(1).choice(known, min(given.customers, known), replace=False))
    block = 1 if given.single else given.block
    with threadpool_limits(1):
        make(recommender, who[:256], 1 if given.single else block, given.scenarios, live=given.single)
        found = Stages()
        watch(found, recommender)
        started = time.process_time()
        make(recommender, who, block, given.scenarios, live=given.single)
        total = time.process_time() - started
    for stage, seconds in sorted(found.spent.items(), key=lambda pair: -pair[1]):
        print(f"{stage:<24}{1000 * seconds / len(who):8.3f} ms")
    print(f"{'in all':<24}{1000 * total / len(who):8.3f} ms a customer ({len(who)} customers, blocks of {block})")
    compare_trees(recommender, who[:64])


def compare_trees(recommender: Recommender, who: np.ndarray) -> None:
    """Prints what all trees cost a candidate, summed by numpy and by LightGBM."""
    queries = recommender.queries(who)
    candidates, said = recommender.find(queries)
    columns = features(queries, candidates, recommender.statistics, said)
    rows = np.sort(np.random.default_rng(1).permutation(len(candidates))[:2048])
    for name, ranker in recommender.rankers.items():
        table = matrix(columns, ranker.names, rows)
        model = booster(ranker.text)
        own = quickest(partial(ranker.predict, columns, rows))
        theirs = quickest(partial(model.predict, table, num_threads=1))
        each = 1e6 / len(rows)
        print(f"{name}: {model.num_trees()} trees, {own * each:.2f} µs a candidate, LightGBM {theirs * each:.2f} µs")


def quickest(work: Callable[[], object]) -> float:
    """Seconds of processor time, the least of a few times."""
    spent = []
    for _ in range(7):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return min(spent)


def watch(stages_of: Stages, recommender: Recommender) -> None:
    """Have the stages of ranking counted."""
    for name in PERSONAL:
        stages_of.watch(type(recommender.sources[name]), "score", f"source {name}")
    for name in ("find", "proposals", "_scored", "_ranked", "_carried"):
        stages_of.watch(Recommender, name, f"recommender {name.strip('_')}")
    stages_of.watch(stages, "best_new", "top of rows")
    stages_of.watch(stages, "early", "features: early")
    stages_of.watch(stages, "further", "features: further")
    stages_of.watch(Ranker, "draft", "trees: short list")
    stages_of.watch(Ranker, "score", "trees: all")


def make(recommender: Recommender, who: np.ndarray, block: int, scenarios: list[str], *, live: bool) -> None:
    """The lists of these customers, block after block."""
    for start in range(0, len(who), block):
        queries = recommender.queries(who[start : start + block])
        if live:
            queries = replace(queries, live=np.ones(len(queries), np.bool_))
        recommender.rank_several(queries, scenarios, LISTED)


if __name__ == "__main__":
    main()
