"""What is new beside what an earlier training kept gives, line by line, what a reading of everything gives."""

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from models.erased import ErasedIds
from recsvc.events import Event, EventItem
from recsvc.events.store import append
from recsvc.state import open_database
from tests.input.small_shops import DATA, NOW
from training.data import PurchaseLines
from training.input import InputSettings, PurchaseSource, Shop, read_shop
from training.input.live import LIVE
from training.input.prepared import kept as keeping
from training.input.prepared.kept import FOLDER, Keeper

HEAD = "customer_id,order_id,item_id,quantity,unit_price,timestamp,type"
MARCH = [
    "anna,o1,milk,2,1.10,2026-03-01T10:00:00,",
    "anna,o1,oats,1,0.90,2026-03-01T10:00:00,",
    "ben,o2,milk,3,1.10,2026-03-02T10:00:00,",
    ",o3,milk,1,1.10,2026-03-03T10:00:00,",
    ",o3,honey,1,4.50,2026-03-03T10:00:00,",
    "cara,,soap,1,2.00,2026-03-04T10:00:00,",
    "anna,o4,milk,1,1.10,2026-03-08T10:00:00,",
]


class Nights:
    """A store, a folder of exports, and one training after another."""

    def __init__(self, tmp_path: Path) -> None:
        self.store, self.exports, self.work = tmp_path / "store", tmp_path / "exports", tmp_path / "work"
        self.store.mkdir()
        self.exports.mkdir()
        self.said: list[str] = []
        self.night = 0
        self.sources = [PurchaseSource(location=str(self.exports))]
        self.settings = InputSettings()

    def write(self, name: str, rows: list[str]) -> None:
        (self.exports / name).write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")

    def read(self, keeper: Keeper | None) -> Shop:
        """As a training reads, with its own work directory."""
        self.night += 1
        return read_shop(
            self.sources, None, settings=self.settings, now=NOW, work_dir=self.work / str(self.night), keeper=keeper,
            rejects_path=self.store / "rejects.parquet", tell=lambda _: None, erased=ErasedIds(self.store),
        )  # fmt: skip

    def train(self) -> Shop:
        """Read what is new, and keep it; it is what a reading of everything gives."""
        keeper = Keeper(self.store, self.said.append)
        shop = self.read(keeper)
        assert shop.draft is not None
        keeper.keep(shop.draft, f"{self.night:04d}")
        whole = self.read(None)
        assert list(shop.data.customers.table) == list(whole.data.customers.table)
        assert list(shop.data.catalogue.items.table) == list(whole.data.catalogue.items.table)
        assert list(shop.data.catalogue.texts["title"]) == list(whole.data.catalogue.texts["title"])
        for name in PurchaseLines.__dataclass_fields__:
            mine, theirs = getattr(shop.data.lines, name), getattr(whole.data.lines, name)
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
        return shop


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def first(nights: Nights) -> None:
    nights.write("march.csv", MARCH)
    assert nights.train().report.rows_kept == 0
    assert nights.said.pop() == "everything is read anew: no training with --since-last was here before"


NEW = {
    "the next day": ["anna,o5,tea,1,3,2026-03-09T10:00:00,", "dora,o6,milk,1,1,2026-03-09T11:00:00,"],
    "a row that comes late, of an old order": ["ben,o2,oats,1,0.90,2026-03-02T10:00:00,"],
    "a return of an old order": ["anna,o1,milk,1,1.10,2026-03-09T10:00:00,return"],
    "a return without its order": ["anna,r1,milk,2,1.10,2026-03-09T10:00:00,return"],
    "all of a customer comes back": ["ben,o2,milk,-3,1.10,2026-03-09T10:00:00,"],
    "guests": [",o3,oats,1,0.90,2026-03-03T10:00:00,", ",o7,milk,1,1,2026-03-03T10:00:00,"],
    "the same rows again": MARCH[:4],
    "an order without an id": ["cara,,soap,2,2.00,2026-03-04T12:00:00,", "cara,,milk,1,1,2026-03-05T12:00:00,"],
    "nothing": [],
}


@pytest.mark.parametrize("rows", NEW.values(), ids=NEW)
def test_a_new_file_alone_is_read(nights: Nights, rows: list[str]) -> None:
    first(nights)
    if rows:
        nights.write("new.csv", rows)
    report = nights.train().report
    assert (report.rows_kept, report.rows_read) == (len(MARCH), len(rows))
    assert not nights.said


def test_night_after_night_and_parts_are_put_together(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_PARTS", 2)
    monkeypatch.setattr("training.input.prepared.draft.MOST_PARTS", 2)
    first(nights)
    for night, rows in enumerate(list(NEW.values())[:4]):
        nights.write(f"new-{night}.csv", rows)
        nights.train()
        parts = list((nights.store / FOLDER).glob("*/rows-*.parquet"))
        assert len(parts) == (2 if night % 2 == 0 else 1)
    assert len(list((nights.store / FOLDER).iterdir())) == 1
    assert not nights.said


def test_a_file_that_grew_is_read_from_its_last_days_on(nights: Nights) -> None:
    first(nights)
    grown = [*MARCH[:-1], "anna,o4,milk,5,1.10,2026-03-08T10:00:00,", "dora,o8,tea,1,3,2026-03-10T10:00:00,"]
    nights.write("march.csv", grown)
    nights.train()
    assert not nights.said
    nights.write("march.csv", [*grown, "dora,o9,tea,1,3,2026-03-11T10:00:00,"])
    nights.train()
    assert not nights.said


def changed(nights: Nights) -> None:
    nights.write("march.csv", ["anna,o1,milk,4,1.10,2026-03-01T10:00:00,", *MARCH[1:]])


def late(nights: Nights) -> None:
    nights.write("march.csv", [*MARCH, "ben,o2,tea,1,3,2026-03-02T10:00:00,"])


def gone(nights: Nights) -> None:
    nights.write("other.csv", MARCH)
    (nights.exports / "march.csv").unlink()


def renamed(nights: Nights) -> None:
    nights.settings = InputSettings(late_days=5)


def damaged(nights: Nights) -> None:
    (part,) = (nights.store / FOLDER).glob("*/rows-0.parquet")
    whole = bytearray(part.read_bytes())
    whole[len(whole) // 2] ^= 1
    part.write_bytes(whole)


def halved(nights: Nights) -> None:
    (part,) = (nights.store / FOLDER).glob("*/lines.item.npy")
    part.write_bytes(part.read_bytes()[:-4])


def of_another_version(nights: Nights) -> None:
    (facts,) = (nights.store / FOLDER).glob("*/facts.json")
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "format": 0}))


def in_other_money(nights: Nights) -> None:
    head = HEAD + ",currency"
    rows = [f"anna,x{number},milk,1,1,2026-03-09T10:00:00,,EUR" for number in range(3)]
    (nights.exports / "new.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("happens", "word"),
    [
        (changed, "march.csv has other rows from before 2026-03-05 10:00 than the last time"),
        (late, "march.csv has other rows from before 2026-03-05 10:00 than the last time"),
        (gone, "march.csv is there no more"),
        (renamed, "the sources, their columns or late_days are not those of the last time"),
        (damaged, "rows-0.parquet is missing or damaged"),
        (halved, "lines.item.npy is missing or damaged"),
        (of_another_version, "is of another version of recsvc, or damaged"),
        (in_other_money, "most prices are in EUR now, not in None"),
    ],
)
def test_everything_is_read_where_only_that_is_right(
    nights: Nights, happens: Callable[[Nights], None], word: str
) -> None:
    first(nights)
    happens(nights)
    assert nights.train().report.rows_kept == 0
    (said,) = nights.said
    assert said.startswith("everything is read anew: ")
    assert word in said


def test_a_database_is_asked_for_the_last_days(nights: Nights, tmp_path: Path) -> None:
    columns = "customer_id, order_id, item_id, quantity, unit_price, timestamp, type"
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute(f"CREATE TABLE sales ({columns})")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?, ?)", [row.split(",") for row in MARCH])
    query = f"SELECT {columns} FROM sales WHERE timestamp >= :since"
    nights.sources = [PurchaseSource(location=f"sqlite:///{tmp_path / 'shop.db'}", query=query)]
    nights.train()
    nights.said.clear()
    with database:
        database.execute("INSERT INTO sales VALUES ('ben', 'o9', 'tea', 1, 3, '2026-03-09T10:00:00', '')")
    report = nights.train().report
    assert (report.rows_read, report.rows_kept, nights.said) == (2, len(MARCH), [])
    database.close()


def test_live_events_give_way_to_files_that_come_later(nights: Nights) -> None:
    database = open_database(None, nights.store)
    nights.sources.append(PurchaseSource(location=database.url.render_as_string(), format=LIVE))

    def buy(order: str, customer: str, item: str, kind: str = "purchase") -> None:
        event = Event(
            type=kind, event_id=f"{kind}-{order}", customer_id=customer, order_id=order, happened_at=MORNING,
            items=(EventItem(item_id=item, quantity=2, price=1.0),) if kind == "purchase" else (),
        )  # fmt: skip
        append(database, [event], scope="server", now=NOW)

    buy("l1", "anna", "tea")
    buy("o3", "eve", "honey")
    first(nights)
    buy("l2", "ben", "tea")
    buy("l1", "anna", "tea", kind="return")
    nights.train()
    nights.write("april.csv", ["ben,l2,tea,1,1.00,2026-03-10T09:00:00,"])
    nights.train()
    assert not nights.said
    database.dispose()


MORNING = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("shopify", "shopify_orders.csv"), ("ga4", "ga4_events.jsonl"), ("woocommerce", "woocommerce_orders.jsonl")],
)
def test_exports_of_shop_systems(nights: Nights, kind: str, name: str) -> None:
    columns = {"item_id": "sku"} if kind == "woocommerce" else {}
    nights.sources = [PurchaseSource(location=str(nights.exports), format=kind, columns=columns)]
    text = (DATA / name).read_text(encoding="utf-8")
    (nights.exports / name).write_text(text, encoding="utf-8")
    nights.train()
    nights.said.clear()
    later = re.sub(r'("(?:transaction_|order_|parent_)?id": ?"?)(\w)', r"\g<1>9\2", text.replace("#10", "#20"))
    (nights.exports / f"later-{name}").write_text(later, encoding="utf-8")
    report = nights.train().report
    assert report.rows_kept
    assert not nights.said


def test_the_erased_are_in_no_file_that_is_kept(nights: Nights) -> None:
    first(nights)
    ErasedIds(nights.store).add("anna")
    keeper = Keeper(nights.store, nights.said.append)
    nights.write("new.csv", ["ben,o9,tea,1,3,2026-03-09T10:00:00,", "anna,o8,tea,1,3,2026-03-09T10:00:00,"])
    shop = nights.read(keeper)
    assert shop.draft is not None
    keeper.keep(shop.draft, "0009")
    again = nights.read(keeper)
    assert not nights.said
    assert list(again.data.customers.table) == ["ben", "cara"]
    assert len(again.data.lines) == len(nights.read(None).data.lines)
    for table in (nights.store / FOLDER).glob("*/*.parquet"):
        with duckdb.connect() as database:
            rows = database.execute("SELECT * FROM read_parquet($1)", [str(table)]).fetchall()
        assert not any("anna" in map(str, row) for row in rows), table


def test_late_days_reach_back_from_the_newest_row(nights: Nights) -> None:
    first(nights)
    nights.write("march.csv", [*MARCH, "ben,o2,tea,1,3,2026-03-05T10:00:01,"])
    nights.train()
    assert not nights.said
    assert InputSettings().late_days == timedelta(days=3).days
