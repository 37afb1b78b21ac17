"""What the offers of a large audience cost: time, processor time and memory of all processes together.

`python -m benchmarks.offers_million --customers 1000000` trains on a made-up shop of `--trained` customers, lays copies
of them side by side until there are as many as asked for, and exports a campaign with benefits to JSON lines. Memory
is the most that the processes took together, each page that several share counted once (PSS, on Linux). Prints one
JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cost import RECSVC, cost_of
from benchmarks.mails import CAMPAIGN
from benchmarks.tile import tiled

BENEFITS = """
[shop]
margin = 0.25
base_probability = 0.01

[[benefits]]
id = "percent"
kind = "percent"
value = 1000
uplift = 0.5
max_discount_minor = 300
cap_total = 800
budget_minor = 100000
code_mode = "unique_per_customer"
conditions_url = "https://larder.example/coupons/a"

[[benefits]]
id = "amount"
kind = "amount"
value = 50
currency = "USD"
uplift = 0.4
cap_per_customer = 1
conditions_url = "https://larder.example/coupons/b"
"""
SAMPLED_EVERY = 1.0  # seconds


def people(path: Path, number: int) -> None:
    """A customer table: every 20th gets no mail, every tenth wants no profile, every third lets clicks be counted."""
    with path.open("w", encoding="utf-8") as out:
        out.write("customer_id,email,first_name,locale,email_ok,profiling_ok,tracking_ok\n")
        for at in range(number):
            flags = f"{at % 20 != 0:d},{at % 10 != 3:d},{at % 3 == 0:d}"
            out.write(f"c{at:07d},c{at}@mail.example,Kim,{'de' if at % 2 else 'en'},{flags}\n")


@contextmanager
def memory_of_children() -> Iterator[list[int]]:
    """Bytes that all processes below this one take together, sampled; 0 alone where the system does not tell."""
    found, over = [0], threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLED_EVERY):
            found.append(sum(proportional_bytes(pid) for pid in descendants(os.getpid())))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def descendants(pid: int) -> list[int]:
    """The processes that a process began, and those that they began."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(child) for child in children.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *descendants(child)]
    return found


def proportional_bytes(pid: int) -> int:
    """A process's own pages, and its share of those that it shares; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--trained", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shop, trained, store = folder / "shop", folder / "trained", folder / "store"
        rows = 20 * given.trained
        made = ["--customers", str(given.trained), "--items", "5000", "--rows", str(rows), "--seed", "1"]
        subprocess.run([sys.executable, "-m", "benchmarks.generate", str(shop), *made], check=True, stdout=sys.stderr)
        feed = ["--purchases", str(shop / "purchases.parquet"), "--products", str(shop / "products.parquet")]
        cost_of([RECSVC, "train", *feed, "--store", str(trained)])
        known = tiled(trained, store, -(-given.customers // given.trained))
        people(folder / "people.csv", given.customers)
        cost_of([RECSVC, "customers", "import", str(folder / "people.csv"), "--store", str(store), "--quiet"])
        (folder / "campaign.toml").write_text(CAMPAIGN, encoding="utf-8")
        (folder / "benefits.toml").write_text(BENEFITS, encoding="utf-8")
        export = [RECSVC, "offers", "export", str(folder / "campaign.toml"), "--store", str(store), "--to", "jsonl"]
        export += ["--out", str(folder / "out"), "--processes", str(given.processes), "--quiet"]
        with memory_of_children() as sampled:
            cost = cost_of(export)
        figures = {
            "customers": given.customers,
            "known_to_the_model": known,
            "processes": given.processes,
            "seconds": round(cost.seconds, 1),
            "cpu_s": round(cost.cpu_seconds, 1),
            "together_mb": round(max(sampled) / 2**20),
            "jsonl_mb": round((folder / "out" / "bench.jsonl").stat().st_size / 2**20),
            "load": [round(part, 1) for part in os.getloadavg()],
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
