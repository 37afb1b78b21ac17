"""What a training on Spark is made of, without a Spark: blocks that add up to the shop, files by URL, refusals."""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from models.errors import InputError
from models.habits import Habits
from models.interactions import Interactions
from recsvc.cli.main import main
from tests.conftest import require
from training.data import PurchaseLines
from training.fit.sources import newest_sales
from training.fit.statistics import count_items
from training.input import PurchaseSource

NAMES = ("customer", "order", "item", "day", "quantity", "unit_price")
N_CUSTOMERS, N_ITEMS, TODAY, HORIZON = 150, 40, 100, 28


@pytest.fixture
def needs_pyspark() -> None:
    require(find_spec("pyspark"), "PySpark (pip install 'recsvc[spark]')")


def random_lines(rng: np.random.Generator) -> PurchaseLines:
    """Two thousand lines of known customers and guests, sorted as a training sorts them."""
    order_customer = rng.integers(-20, N_CUSTOMERS, 500).clip(-1)
    order_day = rng.integers(0, TODAY, 500)
    order = rng.integers(0, 500, 2000)
    pairs = np.unique(np.stack([order, rng.integers(0, N_ITEMS, 2000)]), axis=1)
    order, item = pairs
    price = np.where(rng.random(len(order)) < 0.1, np.nan, rng.gamma(2.0, 5.0, len(order)))
    by = np.lexsort((item, order, order_day[order], order_customer[order]))
    columns = (order_customer[order], order, item, order_day[order], rng.integers(1, 4, len(order)), price)
    kinds = (np.int32, np.int32, np.int32, np.int32, np.float32, np.float32)
    arrays: Any = (column[by].astype(kind) for column, kind in zip(columns, kinds, strict=True))
    return PurchaseLines(**dict(zip(NAMES, arrays, strict=True)))


@pytest.mark.usefixtures("needs_pyspark")
def test_counts_of_blocks_add_up_to_those_of_the_shop() -> None:
    from training.spark.blocks import KINDS, Block, Blocking, unpacked

    lines = random_lines(np.random.default_rng(1))
    blocking = Blocking(64, N_CUSTOMERS)
    number = np.where(lines.customer >= 0, lines.customer // 64, blocking.n_known + lines.order // 64)
    blocks: list[Block] = []
    for block in np.unique(number):
        some = lines.where(number == block)
        shuffled = np.random.default_rng(2).permutation(len(some))
        table = pa.table({name: getattr(some, name)[shuffled] for name in KINDS})
        blocks += unpacked(blocking.pack((pa.scalar(int(block)),), table).to_batches())
    assert [(block.start, block.end) for block in blocks[:4]] == [(0, 64), (64, 128), (128, 150), (0, 0)]
    known = lines.where(lines.customer >= 0)
    every = Interactions.of(N_CUSTOMERS, known.customer, known.item, known.day, known.quantity, known.order)
    whole = count_items(lines, Habits(every, N_ITEMS, TODAY, HORIZON))
    parts = [count_items(block.lines, block.habits(N_ITEMS, TODAY, HORIZON)) for block in blocks]
    assert sum(part.customers for part in parts) == whole.customers
    np.testing.assert_array_equal(np.min([part.first_sale for part in parts], axis=0), whole.first_sale)
    for name, expected in whole.sums.items():
        np.testing.assert_allclose(np.sum([part.sums[name] for part in parts], axis=0), expected, err_msg=name)
    sales = [newest_sales(block.lines, N_CUSTOMERS, TODAY, 14.0, N_ITEMS) for block in blocks]
    np.testing.assert_allclose(np.sum(sales, axis=0), newest_sales(lines, N_CUSTOMERS, TODAY, 14.0, N_ITEMS))


@pytest.mark.usefixtures("needs_pyspark")
def test_a_blocks_past_knows_nothing_later() -> None:
    from training.spark.blocks import Block

    block = Block(0, 0, N_CUSTOMERS, random_lines(np.random.default_rng(3)))
    assert int(block.before(50).lines.day.max()) < 50
    assert len(block.before(50).histories()) == N_CUSTOMERS


@pytest.mark.usefixtures("needs_pyspark")
def test_files_of_any_file_system_are_found_by_folder_and_pattern(tmp_path: Path) -> None:
    from training.spark.reading import list_files, look_at_remote

    (tmp_path / "orders" / "2025").mkdir(parents=True)
    (tmp_path / "orders" / "_spark").mkdir()
    header = "customer_id;item_id;timestamp\n1;a;2025-01-01\n"
    (tmp_path / "orders" / "2025" / "01.csv.gz").write_bytes(gzip.compress(header.encode()))
    (tmp_path / "orders" / "notes.txt").write_text("none")
    (tmp_path / "orders" / "_spark" / "x.csv").write_text(header)
    columns = {"customer_id": ["1"], "item_id": ["a"], "timestamp": ["2025-01-01"]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "orders" / "02.parquet")
    files, folder = pyarrow.fs.LocalFileSystem(), str(tmp_path / "orders")
    found = list_files(files, folder, "", folder)
    assert found == [f"{folder}/02.parquet", f"{folder}/2025/01.csv.gz"]
    assert list_files(files, folder, f"{folder}/*/*.csv.gz", folder) == [f"{folder}/2025/01.csv.gz"]
    looks = [look_at_remote(files, name, tmp_path) for name in found]
    assert [look.columns for look in looks] == [("customer_id", "item_id", "timestamp")] * 2
    assert (looks[1].separator, looks[1].compression) == (";", "gzip")
    with pytest.raises(InputError, match="nothing matches the pattern"):
        list_files(files, folder, f"{folder}/*.jsonl", f"{folder}/*.jsonl")


@pytest.mark.usefixtures("needs_pyspark")
@pytest.mark.parametrize(
    ("source", "text", "message"),
    [
        (PurchaseSource(location="o.csv", format="shopify"), "a;b\n", "--format shopify: .*--engine duckdb"),
        (PurchaseSource(location="postgresql://u@h/shop", query="select 1"), "", "export the purchases to Parquet"),
        (PurchaseSource(location="o.json"), json.dumps([{"item_id": "a"}]), "is one JSON array"),
        (PurchaseSource(location="o.csv"), "\n\na;b\n", "blank lines stand above the header"),
    ],
)
def test_what_spark_does_not_read_is_refused_with_a_remedy(
    source: PurchaseSource, text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.spark.reading import find_source_files

    monkeypatch.chdir(tmp_path)
    if not source.is_database:
        (tmp_path / source.location).write_text(text)
    with pytest.raises(InputError, match=message):
        find_source_files(source, tmp_path)


def test_without_pyspark_one_line_names_the_remedy(tiny_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    arguments = ["train", "--purchases", str(tiny_shop / "purchases.csv"), "--engine", "spark", "--quiet"]
    run = CliRunner().invoke(main, [*arguments, "--store", str(tiny_shop / "store")])
    assert run.exit_code == 2
    assert "pip install 'recsvc[train,spark]'" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_files_by_url_are_read_by_spark(tiny_shop: Path) -> None:
    url = (tiny_shop / "purchases.csv").as_uri()
    run = CliRunner().invoke(main, ["train", "--purchases", url, "--quiet", "--store", str(tiny_shop / "store")])
    assert run.exit_code == 2
    assert "by URL with --engine spark" in run.stderr
