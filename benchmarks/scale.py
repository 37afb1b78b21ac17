"""How training grows with a shop: time beside a bare ALS fit of the same matrix, memory, bundle, lists a second.

    python -m benchmarks.scale --customers 10000 100000

Made-up shops (`benchmarks.generate`) of so many customers, a tenth as many items and twenty times as many lines in a
year. Of each, the latest hundredth of the lines comes later: first a full training on the others, then one with
--since-last. With --compare, a full training on everything says how far the lists of that night are from its own. On
two cores a shop of 10,000 takes two minutes, of 100,000 ten, of a million an hour; times are those of processors.
"""

import argparse
import itertools
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.cost import RECSVC, Cost, cost_of

USUAL = (10_000, 100_000)
FACTORS, ITERATIONS = 64, 15
K = 10


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What one size took; `bare` is the processor time of the ALS fit, `bundle` bytes."""

    customers: int
    rows: int
    bare: float
    full: Cost
    nightly: Cost
    bundle: int
    lists: Cost
    apart: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """What grows, by name."""
        return {
            "bare ALS": self.bare,
            "training": self.full.cpu_seconds,
            "since last": self.nightly.cpu_seconds,
            "memory": self.full.peak_bytes,
            "bundle": self.bundle,
            "all lists": self.lists.cpu_seconds,
        }


def measured(customers: int, folder: Path, *, compare: bool) -> Grown:
    """Generate, train, train again, list; everything lies in `folder`."""
    shop, exports, store = folder / "shop", folder / "exports", folder / "store"
    exports.mkdir(parents=True)
    rows = 20 * customers
    size = ["--customers", str(customers), "--items", str(customers // 10), "--rows", str(rows), "--days", "365"]
    cost_of([sys.executable, "-m", "benchmarks.generate", str(shop), *size])
    later = split(shop / "purchases.parquet", exports / "earlier.parquet", folder / "later.parquet")
    bare = json.loads(subprocess.check_output([sys.executable, "-m", "benchmarks.scale", "--bare", str(exports)]))
    train = [RECSVC, "train", "--purchases", str(exports), "--products", str(shop / "products.parquet"), "--quiet"]
    full = cost_of([*train, "--store", str(store), "--since-last"])
    shutil.move(later, exports / "later.parquet")
    nightly = cost_of([*train, "--store", str(store), "--since-last"])
    everybody = folder / "all.jsonl"
    lists = cost_of([RECSVC, "recommend", "--all", "--store", str(store), "--quiet", "--out", str(everybody)])
    apart = ""
    if compare:
        cost_of([*train, "--store", str(folder / "anew")])
        anew = folder / "anew.jsonl"
        cost_of([RECSVC, "recommend", "--all", "--store", str(folder / "anew"), "--quiet", "--out", str(anew)])
        apart = f"{shared(everybody, anew):.1%}"
    bundle = (store / "bundles" / (store / "current").read_text().strip()).glob("*")
    return Grown(
        customers=customers, rows=rows, bare=float(bare), full=full, nightly=nightly, lists=lists, apart=apart,
        bundle=sum(file.stat().st_size for file in bundle),
    )  # fmt: skip


def split(purchases: Path, earlier: Path, later: Path, share: float = 0.01) -> Path:
    """The latest `share` of the rows apart from the others."""
    with duckdb.connect() as database:
        of = f"FROM read_parquet('{purchases}')"
        (moment,) = database.execute(f"SELECT quantile_disc(timestamp, {1 - share}) {of}").fetchall()[0]
        for path, where in ((earlier, "<"), (later, ">=")):
            database.execute(f"COPY (SELECT * {of} WHERE timestamp {where} '{moment}') TO '{path}' (FORMAT parquet)")
    return later


def bare_fit(exports: Path) -> float:
    """Processor seconds of implicit's ALS alone on the matrix of customers and items."""
    from implicit.als import AlternatingLeastSquares

    with duckdb.connect() as database:
        pairs = database.execute(  # the folder is this benchmark's own
            "SELECT dense_rank() OVER (ORDER BY customer_id) - 1 AS customer, dense_rank() OVER (ORDER BY item_id) - 1 "
            "AS item, count(*) AS n FROM read_parquet($1) GROUP BY customer_id, item_id",
            [f"{exports}/*.parquet"],
        ).fetchnumpy()
    customer, item, n = (np.asarray(pairs[name], np.int64) for name in ("customer", "item", "n"))
    table: sp.csr_matrix[np.float32] = sp.csr_matrix((n.astype(np.float32), (customer, item)))
    before = time.process_time()
    with threadpool_limits(1, "blas"):  # its own threads do the work
        AlternatingLeastSquares(factors=FACTORS, iterations=ITERATIONS, random_state=1).fit(table, show_progress=False)
    return time.process_time() - before


def shared(one: Path, other: Path) -> float:
    """The share of each list's first items that the other file lists for the same customer, on average."""
    with one.open("rb") as first, other.open("rb") as second:
        shares = []
        for line, like in zip(first, second, strict=True):
            mine, theirs = json.loads(line), json.loads(like)
            assert mine["customer_id"] == theirs["customer_id"]
            items = {item["item_id"] for item in mine["items"][:K]}
            shares.append(len(items & {item["item_id"] for item in theirs["items"][:K]}) / max(len(items), 1))
    return float(np.mean(shares))


def exponent(before: Grown, after: Grown, name: str) -> float:
    """By which power of the rows a figure grew."""
    grown = after.figures[name] / before.figures[name]
    return math.log(grown) / math.log(after.rows / before.rows)


def table(sizes: list[Grown]) -> str:
    """In Markdown; below it, the growth from each size to the next."""
    head = (
        "| customers | lines | bare ALS | training | × bare | memory | bundle | since last | × full | lists a second |"
    )
    compared = any(one.apart for one in sizes)
    lines = [head + (" as of a full training |" if compared else ""), "|" + "---|" * (10 + compared)]
    lines += [_row(one, compared) for one in sizes]
    for before, after in itertools.pairwise(sizes):
        grown = ", ".join(f"{name} {exponent(before, after, name):.2f}" for name in before.figures)
        lines.append(f"\nGrowth from {before.customers:,} to {after.customers:,}, as a power of the lines: {grown}")
    return "\n".join(lines)


def _row(one: Grown, compared: bool) -> str:
    cells = [
        f"{one.customers:,}",
        f"{one.rows:,}",
        f"{one.bare:.1f} s",
        f"{one.full.cpu_seconds:.0f} s",
        f"{one.full.cpu_seconds / one.bare:.1f}",
        f"{one.full.peak_bytes / 2**30:.2f} GB",
        f"{one.bundle / 2**20:.0f} MB",
        f"{one.nightly.cpu_seconds:.0f} s",
        f"{one.nightly.cpu_seconds / one.full.cpu_seconds:.2f}",
        f"{one.customers / one.lists.seconds:,.0f}",
        *([one.apart or "–"] if compared else []),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=list(USUAL), metavar="N")
    parser.add_argument("--compare", action="store_true", help="also train everything anew, and compare the lists")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare is not None:
        print(bare_fit(given.bare))
        return
    sizes: list[Grown] = []
    for customers in sorted(given.customers):
        with tempfile.TemporaryDirectory(prefix="recsvc-scale-") as folder:
            sizes.append(measured(customers, Path(folder), compare=given.compare))
        print(f"{customers:,} customers: training {sizes[-1].full}; since last {sizes[-1].nightly}", file=sys.stderr)
    print(table(sizes))


if __name__ == "__main__":
    main()
