"""What the short list costs: lists in which all trees see some candidates alone, against all trees for all of them.

    python -m benchmarks.short_list [--store DIR] [--customers 256]

Prints, for `home` and `discover`, how many of the first 10, 20 and 40 items a list misses, and the processor time over
that of all features and all trees for all candidates, in the same run.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from models.ranking import Scored
from models.recommender import Recommender
from models.registry import Registry

SCENARIOS, BLOCK, STORED = ("home", "discover"), 64, 40


def main() -> None:
    """Reads the arguments, measures, prints a line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("var/store"))
    parser.add_argument("--customers", type=int, default=256)
    given = parser.parse_args()
    registry = Registry(given.store)
    recommender = Recommender.from_bundle(registry.open(registry.current()))
    known = len(recommender.histories)
    who = np.sort(np.random.default_rng(1).choice(known, min(given.customers, known), replace=False))
    whole = {name: replace(ranker, foresight="") for name, ranker in recommender.rankers.items()}
    with threadpool_limits(1):
        lists(recommender, who)
        some, seconds = lists(recommender, who)
        recommender = replace(recommender, rankers=whole)
        lists(recommender, who[:BLOCK])
        every, of_all = lists(recommender, who)
    for name in SCENARIOS:
        missed = [missing(every[name], some[name], first, len(who)) for first in (10, 20, STORED)]
        print(f"{name}: misses {missed[0]:.3f} of the first 10, {missed[1]:.3f} of 20, {missed[2]:.3f} of {STORED}")
    print(f"lists take {seconds / of_all:.2f} of the time of all trees for all")


def lists(recommender: Recommender, who: np.ndarray) -> tuple[dict[str, list[Scored]], float]:
    """The lists by scenario, block after block, and the seconds of processor time that they took."""
    found: dict[str, list[Scored]] = {name: [] for name in SCENARIOS}
    started = time.process_time()
    for start in range(0, len(who), BLOCK):
        ranked = recommender.rank_several(recommender.queries(who[start : start + BLOCK]), SCENARIOS, STORED)
        for name, of_block in ranked.items():
            found[name].append(of_block.scored)
    return found, time.process_time() - started


def missing(every: list[Scored], some: list[Scored], first: int, customers: int) -> float:
    """Items among the first of a whole list that are not among the first of the other, a customer."""
    lost = 0
    for whole, quick in zip(every, some, strict=True):
        for row in range(whole.n_rows):
            mine, theirs = (one.item[one.row == row][:first].tolist() for one in (whole, quick))
            lost += len(set(mine) - set(theirs))
    return lost / customers


if __name__ == "__main__":
    main()
