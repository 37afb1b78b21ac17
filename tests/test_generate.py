"""The made-up shop of the benchmarks: readable, the same every time, and with the habits that it promises."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from benchmarks.assortment import make_assortment
from benchmarks.generate import ShopSettings, purchases, write_shop
from tests.input.small_shops import NOW
from training.input import InputSettings, PurchaseSource, read_shop

SMALL = ShopSettings(customers=200, items=300, rows=6000, guests=0.1, returns=0.05)


def test_the_trainer_reads_it_without_a_complaint(tmp_path: Path) -> None:
    rows = write_shop(tmp_path, SMALL)
    shop = read_shop(
        [PurchaseSource(location=str(tmp_path / "purchases.parquet"))],
        tmp_path / "products.parquet",
        settings=InputSettings(),
        now=NOW,
        work_dir=tmp_path / "work",
        rejects_path=tmp_path / "rejects.parquet",
        tell=lambda message: None,
    )
    assert shop.report.rows_rejected == 0
    assert shop.report.duplicates == 0
    assert 6000 <= rows <= 6000 * 1.05
    assert len(shop.data.catalogue.items) == 300
    assert 190 <= len(shop.data.customers) <= 200
    guests = np.mean(shop.data.lines.customer < 0)
    assert 0.05 < guests < 0.15
    cold = 300 - len(np.unique(shop.data.lines.item))
    assert cold >= 5  # never bought, but in the feed


def test_the_same_seed_gives_the_same_shop(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        settings = ShopSettings(customers=200, items=300, rows=6000, seed=seed)
        write_shop(tmp_path / name, settings)
    for file in ("purchases.parquet", "products.parquet"):
        a, b, c = (pq.read_table(tmp_path / name / file) for name in "abc")
        assert a.equals(b)
        assert not a.equals(c)


def test_chunks_are_parts_of_one_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.generate.CHUNK_ROWS", 2000)
    parts = list(purchases(SMALL, make_assortment(SMALL.items, SMALL.stream(0))))
    assert len(parts) == 3
    orders = [set(part["order_id"].to_pylist()) for part in parts]
    assert not orders[0] & orders[1]
    bought = sum(pc.sum(pc.greater(part["quantity"], 0)).as_py() for part in parts)
    assert bought == 6000


def test_complements_meet_in_orders_more_often_than_chance() -> None:
    settings = ShopSettings(customers=500, items=3000, rows=20_000)
    goods = make_assortment(settings.items, settings.stream(0))
    (table,) = purchases(settings, goods)
    order = table["order_id"].combine_chunks().indices.to_numpy()
    item = table["item_id"].combine_chunks().indices.to_numpy()
    together = set(zip(order.tolist(), item.tolist(), strict=True))

    def share(partners: NDArray[np.int64]) -> float:
        return float(np.mean([(o, p) in together for o, p in zip(order.tolist(), partners.tolist(), strict=True)]))

    partner = goods.complements[item, 0]
    elsewhere = np.roll(partner, len(partner) // 2)  # the same items, in other people's orders
    assert share(partner) > 3 * share(elsewhere)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"rows": 100}, "rows is 100"), ({"items": 3}, "items is 3"), ({"guests": 0.9}, "guests is 0.9")],
)
def test_an_impossible_shop_is_refused(wrong: dict[str, float], said: str) -> None:
    numbers: dict[str, float] = {"customers": 200, "items": 300, "rows": 6000, **wrong}
    with pytest.raises(ValueError, match=said):
        ShopSettings(**numbers)  # type: ignore[arg-type]
