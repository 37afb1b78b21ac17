"""Purchases as no exporter should write them: sound files of every shape, mutated by a seed.

    python -m benchmarks.faults malformed [--files 1000] [--seed 1]

Each file is read as `recsvc train` reads it. Good is a shop, with or without rejects, or one error for a person;
anything else (a traceback, more than PATIENCE seconds) fails the run and is told with the file's number, by which
`malformed_file(seed, number, folder)` makes it again.
"""

import argparse
import csv
import gzip
import io
import json
import random
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.faults.mutations import MUTATIONS
from models.errors import RecsvcError
from training.input import InputSettings, PurchaseSource, Shop, read_shop

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PATIENCE = 60
ROWS = 60


@dataclass(frozen=True)
class Malformed:
    """A file, the `--format` that its owner would name, and what was done to it."""

    path: Path
    format: str
    done: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """`kind` is read, rejects (read without some rows), refused, or a failure: traceback, hang, unsound."""

    kind: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.kind in ("traceback", "hang", "unsound")


def malformed_file(seed: int, number: int, folder: Path) -> Malformed:
    """The file `number` of the seed: always the same bytes."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311
    shape = rng.choice(list(SHAPES))
    format_name, suffix, make = SHAPES[shape]
    data = make(rng)
    done = [shape]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(list(MUTATIONS))
        data = MUTATIONS[name](rng, data)
        done.append(name)
    if suffix != ".parquet" and rng.random() < 0.15:
        data, suffix = gzip.compress(data, mtime=0), suffix + ".gz"
        done.append("packed")
        if rng.random() < 0.6:
            damage = rng.choice(("cut", "bit", "garbage"))
            data = MUTATIONS[damage](rng, data)
            done.append(damage)
    if rng.random() < 0.05:
        suffix = rng.choice((".csv", ".parquet", ".jsonl", ".txt", ""))
        done.append(f"called {suffix or 'nothing'}")
    if rng.random() < 0.08:
        format_name = rng.choice(("canonical", "shopify", "woocommerce", "ga4"))
        done.append(f"read as {format_name}")
    path = folder / f"purchases-{number}{suffix}"
    path.write_bytes(data)
    return Malformed(path, format_name, tuple(done))


def read_malformed(file: Malformed, folder: Path, *, patience: int = PATIENCE) -> Verdict:
    """Read it as a training would; never raises."""
    try:
        with at_most(patience):
            shop = read_shop(
                [PurchaseSource(location=str(file.path), format=file.format)], None, settings=InputSettings(), now=NOW,
                work_dir=folder / "work", rejects_path=folder / "rejects.parquet", tell=lambda _: None,
            )  # fmt: skip
    except RecsvcError as error:
        return Verdict("refused", str(error))
    except TimeoutError:
        return Verdict("hang", f"more than {patience} s")
    except Exception:  # noqa: BLE001 - what is looked for
        return Verdict("traceback", traceback.format_exc())
    fault = fault_of(shop)
    if fault is not None:
        return Verdict("unsound", fault)
    return Verdict("rejects" if shop.report.rows_rejected else "read")


def fault_of(shop: Shop) -> str | None:
    """What a training could not bear in the arrays of a shop; None when they are sound."""
    lines, data = shop.data.lines, shop.data
    codes = {"customer": (-1, len(data.customers)), "item": (0, len(data.catalogue))}
    for name, (lowest, end) in codes.items():
        array = getattr(lines, name)
        if array.min() < lowest or array.max() >= end:
            return f"{name} reaches from {array.min()} to {array.max()}, beyond {lowest} to {end - 1}"
    for name in ("quantity", "unit_price"):
        array = getattr(lines, name)
        if name == "quantity" and not (np.isfinite(array).all() and (array > 0).all()):
            return f"{name} holds {array.min()}"
        if np.isinf(array).any():
            return f"{name} is infinite"
    return None


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds; in the main thread only."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def canonical_rows(rng: random.Random) -> list[dict[str, str]]:
    """Orders of a few customers."""
    return [
        {
            "customer_id": f"c{rng.randrange(8)}" if rng.random() > 0.1 else "",
            "order_id": f"o{number // 2}",
            "item_id": f"i{rng.randrange(9)}",
            "quantity": rng.choice(("1", "2", "3", "-1")),
            "unit_price": f"{rng.randrange(1, 90)}.{rng.randrange(10, 99)}",
            "timestamp": f"2026-0{rng.randrange(1, 6)}-{rng.randrange(1, 28):02}T{rng.randrange(24):02}:15:00Z",
        }
        for number in range(ROWS)
    ]


def as_csv(rows: list[dict[str, str]], separator: str = ",") -> bytes:
    """With a header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_lines(objects: list[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def as_parquet(rng: random.Random) -> bytes:
    """Canonical rows with one of several types a column, some of them of no use."""
    rows = canonical_rows(rng)
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns["quantity"] = rng.choice((
        lambda cells: pa.array([int(cell) for cell in cells]),
        lambda cells: pa.array([float(cell) for cell in cells]),
        lambda cells: pa.array([[cell] for cell in cells]),
        lambda cells: pa.array([None for _ in cells]),
        pa.array,
    ))(columns["quantity"])  # fmt: skip
    columns["timestamp"] = rng.choice((
        pa.array,
        lambda cells: pa.array([datetime.fromisoformat(cell) for cell in cells]),
        lambda cells: pa.array([datetime.fromisoformat(cell).date() for cell in cells]),
        lambda cells: pa.array([True for _ in cells]),
        lambda cells: pa.array([rng.choice((2**63 - 1, -(2**63), 0, 1_770_000_000)) for _ in cells]),
    ))(columns["timestamp"])  # fmt: skip
    if rng.random() < 0.2:
        columns.pop(rng.choice(list(columns)))
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=rng.choice((7, 100)))
    return out.getvalue()


def as_shopify(rng: random.Random) -> bytes:
    """An order export: the order's columns on its first row only."""
    rows, before = [], ""
    for row in canonical_rows(rng):
        first, before = row["order_id"] != before, row["order_id"]
        rows.append(
            {
                "Name": f"#{row['order_id']}",
                "Email": f"{row['customer_id']}@example.org" if first and row["customer_id"] else "",
                "Financial Status": rng.choice(("paid", "refunded", "voided", "partially_refunded")) if first else "",
                "Paid at": row["timestamp"].replace("T", " ").replace("Z", " +0100") if first else "",
                "Currency": "EUR",
                "Created at": row["timestamp"],
                "Lineitem quantity": row["quantity"].lstrip("-"),
                "Lineitem name": f"Ware {row['item_id']}",
                "Lineitem price": row["unit_price"],
                "Lineitem sku": row["item_id"] if rng.random() > 0.1 else "",
                "Cancelled at": "",
                "Lineitem discount": "0.10",
            }
        )
    return as_csv(rows)


def as_woocommerce(rng: random.Random) -> bytes:
    """Orders with line items, as an array or as JSON lines."""
    orders: list[dict[str, Any]] = [
        {
            "id": number,
            "parent_id": 0,
            "status": rng.choice(("completed", "processing", "cancelled")),
            "currency": "EUR",
            "date_created_gmt": row["timestamp"].rstrip("Z"),
            "date_paid_gmt": row["timestamp"].rstrip("Z"),
            "customer_id": rng.choice((0, number % 7)),
            "billing": {"email": f"c{number % 7}@example.org"},
            "line_items": [
                {
                    "id": 10 * number,
                    "name": f"Ware {row['item_id']}",
                    "product_id": int(row["item_id"][1:]),
                    "variation_id": 0,
                    "quantity": abs(int(row["quantity"])),
                    "total": row["unit_price"],
                    "total_tax": "0.10",
                    "sku": row["item_id"],
                }
            ]
            * rng.choice((1, 2)),
            "refunds": [{"id": 9, "reason": "", "total": "-1.00"}] if rng.random() < 0.1 else [],
        }
        for number, row in enumerate(canonical_rows(rng))
    ]
    return json.dumps(orders).encode() if rng.random() < 0.5 else as_lines(orders)


def as_ga4(rng: random.Random) -> bytes:
    """Events with items, as BigQuery exports them."""
    return as_lines(
        [
            {
                "event_name": rng.choice(("purchase", "purchase", "page_view", "refund")),
                "event_timestamp": str(int(datetime.fromisoformat(row["timestamp"]).timestamp() * 1_000_000)),
                "event_params": [{"key": "currency", "value": {"string_value": "EUR"}}],
                "user_id": row["customer_id"] or None,
                "user_pseudo_id": f"{number}.1",
                "ecommerce": {"transaction_id": f"T{number // 2}"},
                "items": [{"item_id": row["item_id"], "item_name": "Ware", "price": 2.5, "quantity": row["quantity"]}],
            }
            for number, row in enumerate(canonical_rows(rng))
        ]
    )


SHAPES: dict[str, tuple[str, str, Callable[[random.Random], bytes]]] = {
    "csv": ("canonical", ".csv", lambda rng: as_csv(canonical_rows(rng))),
    "tsv": ("canonical", ".tsv", lambda rng: as_csv(canonical_rows(rng), "\t")),
    "jsonl": ("canonical", ".jsonl", lambda rng: as_lines(canonical_rows(rng))),
    "json": ("canonical", ".json", lambda rng: json.dumps(canonical_rows(rng)).encode()),
    "parquet": ("canonical", ".parquet", as_parquet),
    "shopify": ("shopify", ".csv", as_shopify),
    "woocommerce": ("woocommerce", ".json", as_woocommerce),
    "ga4": ("ga4", ".jsonl", as_ga4),
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Read so many files; how often each verdict came, and what failed."""
    verdicts: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory(prefix="recsvc-malformed-") as directory:
        folder = Path(directory)
        for number in range(options.files):
            file = malformed_file(options.seed, number, folder)
            verdict = read_malformed(file, folder)
            file.path.unlink()
            verdicts[verdict.kind] += 1
            if verdict.failed:
                failures.append(f"{number} ({', '.join(file.done)}): {verdict.kind} {verdict.detail}")
    return {"files": options.files, "seed": options.seed, **verdicts, "failures": failures}
