"""A million events joined and all figures computed: how long, and how much memory?

    python -m benchmarks.kpis [--events 1000000] [--postgres URL]

On SQLite in a directory of its own; with `--postgres postgresql://user@host/database` besides on PostgreSQL, in a
database that is made for this and dropped afterwards. The events are those of a shop with 100,000 customers: half
impressions, a quarter clicks, a quarter purchases with some returns, an experiment, and a campaign of 50,000 mails.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from models.scenarios import SCENARIOS
from recsvc.http.signing import Signer
from recsvc.state import open_database
from recsvc.state.live_events import events
from recsvc.state.mailing import mails

NOW = datetime(2026, 3, 31, tzinfo=UTC)
CUSTOMERS, ITEMS, LISTS, MAILS = 100_000, 20_000, 200_000, 50_000
BLOCK = 20_000
# In a process of its own, so that what made the events does not count.
RUN = """
import json, resource, sys, time
from datetime import datetime
from pathlib import Path
from recsvc.measure.kpis import Asked, measure
from recsvc.measure.purchases import Prices
from recsvc.state import open_database
start = time.perf_counter()
database = open_database(sys.argv[1] or None, Path(sys.argv[2]))
found = measure(database, Prices(margin=0.3), Asked(now=datetime.fromisoformat(sys.argv[3])))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
cpu = time.process_time()
print(json.dumps([seconds, cpu, peak, found.orders, found.credited, len(found.campaigns), len(found.experiments)]))
"""


def rows(n_events: int) -> Iterator[list[dict[str, Any]]]:
    """Blocks of rows of the events table."""
    rng = np.random.default_rng(1)
    signer = Signer(b"a secret of the benchmark", SCENARIOS)
    arms = ((("look", "control"),), (("look", "bold"),))
    lists = [
        signer.sign("20260301T040000Z-1f2e3d4c", "home", NOW, map(str, rng.integers(ITEMS, size=10)),
                    placement=f"place-{n % 12}", arms=arms[n % 2])
        for n in range(LISTS)
    ]  # fmt: skip
    kinds = rng.choice(["impression", "click", "purchase", "return"], n_events, p=[0.5, 0.25, 0.24, 0.01])
    who, items = rng.integers(CUSTOMERS, size=n_events), (rng.zipf(1.3, n_events) % ITEMS)
    ago, listed = rng.uniform(0, 90, n_events), rng.integers(LISTS, size=n_events)
    for start in range(0, n_events, BLOCK):
        block = []
        for n in range(start, min(start + BLOCK, n_events)):
            kind, at = str(kinds[n]), NOW - timedelta(days=float(ago[n]))
            bought = kind in ("purchase", "return")
            shown = "" if kind == "impression" else f'{{"item_id":"{items[n]}","quantity":1.0,"price":9.5}}'
            block.append(
                {
                    "type": kind, "event_id": str(n), "customer_id": f"customer-{who[n]}",
                    "order_id": f"order-{n if kind == 'purchase' else n - 1}" if bought else None,
                    "items": f"[{shown}]", "currency": "EUR" if bought else None,
                    "recommendation_id": None if bought else lists[listed[n]], "scope": "server", "happened_at": at,
                    "received_at": at,
                }
            )  # fmt: skip
        yield block


def fill(database: sa.Engine, n_events: int) -> None:
    """Write the events and the mails."""
    with database.begin() as connection:
        for block in rows(n_events):
            connection.execute(sa.insert(events), block)
        common = {
            "campaign_id": "spring", "edition": "1", "items": "[]", "benefits": "[]", "model_version": "m",
            "created_at": NOW - timedelta(days=40), "updated_at": NOW,
        }  # fmt: skip
        states = ({"customer_id": f"customer-{n}", "state": "sent" if n % 10 else "holdout"} for n in range(MAILS))
        connection.execute(sa.insert(mails), [{**common, **row} for row in states])


@contextmanager
def made_database(server: str) -> Iterator[str]:
    """A database of its own on a PostgreSQL server."""
    name = f"recsvc_bench_{uuid.uuid4().hex[:12]}"
    address = sa.make_url(server).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    try:
        yield address.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def run(name: str, url: str | None, n_events: int) -> None:
    """Fill, measure, print a line."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url, Path(folder))
        fill(database, n_events)
        database.dispose()
        command = [sys.executable, "-c", RUN, url or "", folder, NOW.isoformat()]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, cpu, peak, orders, credited, campaigns, experiments = json.loads(told)
        print(
            f"{name}: {n_events:,} events in {seconds:.1f} s ({cpu:.1f} s of CPU), {peak:.0f} MB at most; "
            f"{orders:,} orders lately, {credited:,.0f} EUR credited, {campaigns} campaign, {experiments} experiment"
        )


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--postgres", default=None, help="a PostgreSQL server's address")
    given = parser.parse_args()
    run("SQLite", None, given.events)
    if given.postgres:
        with made_database(given.postgres) as url:
            run("PostgreSQL", url, given.events)


if __name__ == "__main__":
    main()
