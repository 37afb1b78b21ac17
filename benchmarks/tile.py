"""A large bundle from a small one: its customers so many times over, under new ids. It measures nothing.

    python -m benchmarks.tile STORE OUT --times 10

Lists and histories are as real as those of the small one, and the training need not be waited for.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import BundleWriter
from models.catalogue import under
from models.registry import Registry
from models.strings import IdIndex

# Tables of the bundle with a row a customer, where they have one, and arrays that have one in any case.
TABLES = ("lists.", "recommender.histories", "recommender.sources.complements.tables.profiles")
ROWS = ("recommender.sources.factors.users", "recommender.sources.factors.entries")


def tiled(trained: Path, store: Path, times: int) -> int:
    """The published model with its customers so many times over, in another store; how many they are."""
    bundle = Registry(trained).open(verify=False)
    customers = bundle.manifest.counts["customers"]
    with BundleWriter(Registry(store).work) as writer:
        writer.add("customers", IdIndex.of([f"c{at:07d}" for at in range(customers * times)]).arrays())
        for name, array in bundle.arrays.items():
            prefix, _, last = name.rpartition(".")
            if prefix == "customers":
                continue
            begins = bundle.arrays.get(f"{prefix}.indptr", ())
            own = name in ROWS or (name.startswith(TABLES) and len(begins) == customers + 1)
            writer.add(prefix, {last: repeated(array, times, begins=last == "indptr") if own else array})
        for document in bundle.manifest.documents:
            writer.add_document(document, bundle.document(document))
        of = bundle.manifest
        sealed = writer.seal(
            Registry(store).bundles, now=datetime.now(UTC), window=of.window, metrics=of.metrics,
            counts={**of.counts, "customers": customers * times}, settings=of.settings, libraries=of.libraries,
        )  # fmt: skip
    Registry(store).publish(sealed.version, why="tiled", now=datetime.now(UTC))
    return len(IdIndex.from_arrays(under(Registry(store).open(verify=False).arrays, "customers")))


def repeated(array: NDArray[Any], times: int, *, begins: bool) -> NDArray[Any]:
    """Rows so many times over; where the array says at which entry each row `begins`, the entries go on counting."""
    if not begins:
        return np.concatenate([array] * times)
    lengths = np.tile(np.diff(array), times)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(array.dtype)


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, metavar="STORE")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    print(f"{tiled(given.store, given.out, given.times):,} customers in {given.out}")


if __name__ == "__main__":
    main()
