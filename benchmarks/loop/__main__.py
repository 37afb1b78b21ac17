"""Over some simulated weeks, does a shop earn more with the lists of recsvc?

    python -m benchmarks.loop [--weeks 8] [--customers 1500] [--items 600] [--seed 6] [--worlds recsvc,popular,own]

A shop with half a year of history runs in several worlds that differ in who makes its lists and weekly mails: recsvc,
what is popular, each customer's own purchases. Lists come over HTTP from `recsvc serve`, mails from `recsvc offers
export`; what customers do is posted to /events, and every week `recsvc train` learns from it. Prints what each world
earned, the differences with their 95 % interval (bootstrap over customers, each paired with itself), and what `recsvc
kpis` says beside the truth. `--worlds` takes `experiment`, too: a world whose customers are drawn into arms.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.loop.shop import ShopSettings
from benchmarks.loop.table import lines_of
from benchmarks.loop.worlds import BOTH, OWN, POPULAR, RECSVC, live, live_through_the_past

MAKERS = {"recsvc": RECSVC, "popular": POPULAR, "own": OWN, "experiment": BOTH}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--history-weeks", type=int, default=26)
    parser.add_argument("--customers", type=int, default=ShopSettings.customers)
    parser.add_argument("--items", type=int, default=ShopSettings.items)
    parser.add_argument("--seed", type=int, default=ShopSettings.seed)
    parser.add_argument("--worlds", default="recsvc,popular,own")
    given = parser.parse_args()
    makers = [MAKERS[name] for name in given.worlds.split(",")]
    settings = ShopSettings(customers=given.customers, items=given.items, seed=given.seed)
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:4.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="recsvc-loop-") as folder:
        past = live_through_the_past(
            settings, Path(folder), history_weeks=given.history_weeks, weeks=given.weeks
        )  # fmt: skip
        say("the history is lived and learned from")
        with ThreadPoolExecutor(2) as pool:
            worlds = list(pool.map(lambda maker: live(past, maker, say), makers))
    print("\n".join(lines_of(worlds, given.seed)))


main()
