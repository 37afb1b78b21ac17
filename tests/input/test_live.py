"""Live purchases beside files: each order counts once."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import InputError
from recsvc.events import Event, EventItem
from recsvc.events.store import append
from recsvc.state import open_database
from tests.conftest_shop import run_recsvc, train_tiny
from tests.input.small_shops import NOW, Line, lines_of
from training.input import InputSettings, PurchaseSource, Shop, read_shop
from training.input.live import LIVE, live_url

FILE = """customer_id,order_id,item_id,quantity,timestamp
900,o1,milk,2,2026-05-01T10:00:00
900,o1,oats,1,2026-05-01T10:00:00
17,o2,milk,1,2026-05-02T10:00:00
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with tables, emptied of events."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    engine = open_database(url, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    yield engine
    engine.dispose()


def bought(
    order: str, *items: tuple[str, float], kind: str = "purchase", at: str = "2026-05-20T09:00:00", **more: str
) -> Event:
    event_id = more.pop("event_id", f"{kind}-{order}")
    return Event(
        type=kind,
        event_id=event_id,
        customer_id=more.get("customer_id", "900"),
        order_id=order,
        items=tuple(EventItem(item_id=item, quantity=quantity, price=1.5) for item, quantity in items),
        currency="EUR",
        happened_at=datetime.fromisoformat(at).replace(tzinfo=UTC),
    )


def read_both(database: sa.Engine, tmp_path: Path, *, file: str | None = FILE, until: datetime | None = None) -> Shop:
    url = database.url.render_as_string(hide_password=False)
    sources = [PurchaseSource(location=url, format=LIVE, until=until)]
    if file is not None:
        (tmp_path / "orders.csv").write_text(file, encoding="utf-8")
        sources.insert(0, PurchaseSource(location=str(tmp_path / "orders.csv"), until=until))
    return read_shop(
        sources, None, settings=InputSettings(), now=NOW, work_dir=tmp_path / "work",
        rejects_path=tmp_path / "rejects.parquet", tell=lambda message: None,
    )  # fmt: skip


def test_an_order_in_both_counts_once_and_the_file_has_the_say(database: sa.Engine, tmp_path: Path) -> None:
    append(
        database,
        [
            bought("o1", ("milk", 9), ("honey", 1), at="2026-05-01T10:00:03"),
            bought("o3", ("milk", 1), ("milk-2", 2)),
            bought("o3", ("milk", 1), ("milk-2", 3), event_id="the same from the server"),
            Event(type="view", event_id="v", session_id="s", items=(EventItem(item_id="tea"),), happened_at=NOW),
        ],
        scope="server",
        now=NOW,
    )
    shop = read_both(database, tmp_path)
    assert sorted(lines_of(shop), key=str) == sorted(
        [
            Line("900", "milk", 2, "2026-05-01"),
            Line("900", "oats", 1, "2026-05-01"),
            Line("900", "honey", 1, "2026-05-01"),
            Line("17", "milk", 1, "2026-05-02"),
            Line("900", "milk", 1, "2026-05-20"),
            Line("900", "milk-2", 3, "2026-05-20"),
        ],
        key=str,
    )
    report = shop.report
    assert report.orders == 3  # honey joined the order that the file has
    assert [(entry.reason, entry.count) for entry in report.skipped] == [
        ("a live event of an order that the files have", 1)
    ]
    assert report.rows_read == report.rows_used + report.rows_rejected + 1 + report.duplicates
    assert [source.location for source in report.sources][1] == "live events"


def test_returns_take_back_once_and_a_whole_order_too(database: sa.Engine, tmp_path: Path) -> None:
    append(
        database,
        [
            bought("o3", ("milk", 3), ("tea", 1)),
            bought("o3", ("milk", 1), kind="return", at="2026-05-21T09:00:00", event_id="r1"),
            bought("o3", ("milk", 1), kind="return", at="2026-05-22T09:00:00", event_id="r2"),
            bought("o4", ("jam", 1), ("rye", 2), customer_id="17"),
            bought("o4", kind="return", at="2026-05-23T09:00:00", customer_id="17"),
            bought("o2", ("milk", 1), kind="return", at="2026-05-23T09:00:00", customer_id="17"),
            bought("o6", ("salt", 1), customer_id="17"),
        ],
        scope="server",
        now=NOW,
    )
    lines = set(lines_of(read_both(database, tmp_path)))
    assert lines == {
        Line("900", "milk", 2, "2026-05-01"),
        Line("900", "oats", 1, "2026-05-01"),
        Line("900", "milk", 1, "2026-05-20"),
        Line("900", "tea", 1, "2026-05-20"),
        Line("17", "salt", 1, "2026-05-20"),
    }


def test_the_report_says_up_to_which_event_it_knows_all(database: sa.Engine, tmp_path: Path) -> None:
    append(database, [bought("o3", ("milk", 1)), bought("o5", ("oats", 1), customer_id="17")], scope="server", now=NOW)
    with database.connect() as connection:
        last = connection.scalar(sa.text("SELECT max(seq) FROM events"))
    assert read_both(database, tmp_path).report.live_seq == last
    assert read_both(database, tmp_path, file=None).report.lines == 2
    # Events after --until were there and are not learned from: the service must go by days instead.
    assert read_both(database, tmp_path, until=datetime(2026, 5, 10, tzinfo=UTC)).report.live_seq is None


def test_without_events_there_is_a_clear_word(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_shop(
            [PurchaseSource(location=live_url(tmp_path), format=LIVE)], None, settings=InputSettings(), now=NOW,
            work_dir=tmp_path / "work", rejects_path=tmp_path / "rejects.parquet", tell=lambda message: None,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_command_trains_on_files_and_live_events(tiny_shop: Path, tiny_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    database = open_database(None, store)
    events = [bought(f"live-{n}", ("wine", 1), ("towel", 1), at="2026-03-05T09:00:00") for n in range(3)]
    append(database, events, scope="server", now=NOW)
    database.dispose()
    train_tiny(tiny_shop, store, "--purchases", "live", "--force")
    shown = run_recsvc("models", "show", "--store", store)
    assert '"live_seq": 3' in shown.stdout
