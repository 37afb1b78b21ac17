"""What a release writes, kept for all later ones: `python -m tests.releases.make`, once, when a version is tagged.

Makes `tests/releases/VERSION/bundle.tar.xz`, a model of the tiny shop of the tests, and `state.sql`, a SQLite database
with rows in each table.
"""

import io
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from models.registry import Registry
from tests.conftest_shop import ITEMS, purchase_rows, run_recsvc, write_csv
from tests.releases.rows import dump_of

FOLDER = Path(__file__).parent


def pack(bundle: Path) -> bytes:
    """The bundle's files as a tar.xz, the same for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz", preset=9) as archive:
        for path in sorted(bundle.iterdir()):
            entry = tarfile.TarInfo(f"{bundle.name}/{path.name}")
            entry.size = path.stat().st_size
            with path.open("rb") as data:
                archive.addfile(entry, data)
    return out.getvalue()


def main() -> int:
    """Writes both files."""
    target = FOLDER / version("recsvc")
    with tempfile.TemporaryDirectory() as scratch:
        shop = Path(scratch)
        purchases = write_csv(shop / "purchases.csv", purchase_rows())
        rows: list[dict[str, object]] = [
            {"id": item, "title": title, "product_type": path, "price": price} for item, title, path, price in ITEMS
        ]
        products = write_csv(shop / "products.csv", rows)
        store = shop / "store"
        result = run_recsvc("train", "--purchases", purchases, "--products", products, "--store", store, "--quiet")
        if result.exit_code != 0:
            sys.stderr.write(result.stderr)
            return 1
        registry = Registry(store)
        target.mkdir(exist_ok=True)
        (target / "bundle.tar.xz").write_bytes(pack(registry.path(registry.versions()[-1])))
        (target / "state.sql").write_text(dump_of(shop / "state"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
