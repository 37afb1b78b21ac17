"""Events in the database: once each, in the order of their numbers, and whose they are."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from recsvc.events import Event, EventItem, EventSettings
from recsvc.events.store import append, count, erase, prune
from recsvc.events.subjects import load_subjects, read_changes, read_events_of
from recsvc.state.live_events import events, session_links

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(name: str, kind: str = "view", **more: Any) -> Event:
    return Event(
        type=kind, event_id=name, happened_at=more.pop("at", NOW), items=(EventItem(item_id="milk", price=1.5),), **more
    )


def put(database: sa.Engine, *batch: Event) -> tuple[int, int]:
    stored = append(database, batch, scope="server", now=NOW)
    return stored.accepted.total(), stored.duplicates.total()


def owners(database: sa.Engine) -> dict[str, str | None]:
    with database.connect() as connection:
        rows = connection.execute(sa.select(events.c.event_id, events.c.customer_id))
        return {row.event_id: row.customer_id for row in rows}


def test_an_event_counts_once_within_its_type(database: sa.Engine) -> None:
    assert put(database, event("a", session_id="s"), event("b", session_id="s"), event("a", session_id="s")) == (2, 1)
    assert put(database, event("a", session_id="s"), event("c", session_id="s")) == (1, 1)
    # A browser cannot take the id of a purchase away by using it for a view.
    assert put(database, event("a", "purchase", order_id="o", customer_id="900")) == (1, 0)
    assert count(database) == 4


def test_what_is_stored_is_what_happened(database: sa.Engine) -> None:
    put(database, event("a", "purchase", order_id="o", customer_id="900", session_id="s", at=NOW - timedelta(hours=1)))
    with database.connect() as connection:
        row = connection.execute(sa.select(events)).mappings().one()
    assert row["happened_at"] == NOW - timedelta(hours=1)
    assert row["received_at"] == NOW
    assert row["items"] == '[{"item_id":"milk","quantity":1.0,"price":1.5}]'
    assert (row["order_id"], row["scope"]) == ("o", "server")


def test_a_login_makes_the_session_the_customers(database: sa.Engine) -> None:
    put(database, event("before", session_id="s"), event("other", session_id="t"))
    put(database, event("same", session_id="s"), event("login", "login", session_id="s", customer_id="900"))
    put(database, event("after", session_id="s"))
    assert owners(database) == {"before": "900", "same": "900", "login": "900", "after": "900", "other": None}
    # Somebody else logs in on the same device: what was done before stays whose it was.
    put(database, event("next", session_id="s", customer_id="17"))
    put(database, event("then", session_id="s"))
    # A login that is told again changes nothing.
    assert put(database, event("login", "login", session_id="s", customer_id="900")) == (0, 1)
    put(database, event("last", session_id="s"))
    assert owners(database) == {
        "before": "900", "same": "900", "login": "900", "after": "900", "other": None,
        "next": "17", "then": "17", "last": "17",
    }  # fmt: skip


def test_erase_leaves_nothing_of_a_customer(database: sa.Engine) -> None:
    put(
        database,
        event("a", session_id="s"),
        event("b", session_id="s", customer_id="900"),
        event("c", customer_id="17"),
    )
    assert erase(database, "900") == 2
    assert owners(database) == {"c": "17"}
    with database.connect() as connection:
        assert connection.execute(sa.select(session_links)).all() == []
    put(database, event("later", session_id="s"))
    assert owners(database)["later"] is None


def test_prune_keeps_what_is_younger(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsvc.events.store.PRUNED_AT_ONCE", 3)
    old = [event(f"old-{n}", session_id="s", at=NOW - timedelta(days=91)) for n in range(7)]
    put(database, *old, event("young", session_id="s"))
    assert prune(database, NOW - timedelta(days=90)) == 7
    assert owners(database) == {"young": None}
    # A number is never given twice: whoever has read up to one has missed nothing.
    with database.connect() as connection:
        before = connection.scalar(sa.select(sa.func.max(events.c.seq)))
    assert prune(database, NOW + timedelta(days=1)) == 1
    put(database, event("next", session_id="s"))
    with database.connect() as connection:
        assert connection.scalar(sa.select(events.c.seq)) > before


def test_changes_name_whose_lists_change(database: sa.Engine) -> None:
    put(database, event("a", session_id="s"), event("i", "impression", session_id="seen-only"))
    subjects = load_subjects(database, None, EventSettings(), NOW)
    assert (subjects.hold(False, "s"), subjects.hold(False, "seen-only"), subjects.hold(True, "s")) == (
        True,
        False,
        False,
    )
    assert read_changes(database, subjects) == set()
    put(database, event("b", session_id="t", customer_id="900"), event("j", "impression", session_id="u"))
    put(database, event("l", "login", session_id="s", customer_id="17"))
    assert read_changes(database, subjects) == {(True, "900"), (False, "t"), (True, "17")}
    assert [one.type for one in read_events_of(database, True, "17", EventSettings(), NOW)] == ["view"]
    assert read_changes(database, subjects) == set()


def test_a_reader_misses_no_event_of_writers_at_once(database: sa.Engine) -> None:
    """Numbers are given out before a commit; a reader that saw a later one first would never look back."""
    subjects = load_subjects(database, None, EventSettings(), NOW)
    wanted = {f"{writer}-{n}" for writer in range(4) for n in range(15)}

    def write(writer: int) -> None:
        for n in range(15):
            put(database, event(f"{writer}-{n}", session_id=f"{writer}-{n}"))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    seen: set[str] = set()
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen |= {name for _, name in read_changes(database, subjects)}
    seen |= {name for _, name in read_changes(database, subjects)}
    for writer in writers:
        writer.join()
    assert seen == wanted
