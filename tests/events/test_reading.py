"""From bodies to events: good ones, bad ones, and GA4's."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from recsvc.events import Event, EventItem
from recsvc.events.event import TYPES, merged
from recsvc.events.reading import Batch, Rules, may_post, read_events
from recsvc.keys import Scope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEW = {"type": "view", "session_id": "s", "items": ["milk"]}
ORDER = {"type": "purchase", "order_id": "o1", "customer_id": "900", "items": [{"item_id": "milk", "quantity": 2}]}


def lists(text: str) -> Any:
    if text != "signed":
        raise InputError("recommendation_id is not one of this service")
    return {"milk": 0}.get


def read(body: object, scope: Scope = Scope.SERVER, **rules: Any) -> Batch:
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_events(text, Rules(now=NOW, scope=scope, read_list=lists, **rules))


def fault(event: dict[str, Any], scope: Scope = Scope.SERVER) -> tuple[tuple[int | str, ...], str]:
    batch = read(event, scope)
    assert batch.events == []
    return batch.faults[0].location, batch.faults[0].detail


def test_one_event_a_list_and_an_object_with_a_list() -> None:
    one = read(VIEW)
    assert one.single
    assert one.events[0].items == (EventItem(item_id="milk"),)
    assert one.events[0].happened_at == NOW
    assert [len(read(body).events) for body in ([VIEW, VIEW], {"events": [VIEW, ORDER]})] == [2, 2]


def test_a_bad_event_keeps_no_other_back() -> None:
    batch = read([VIEW, 7, {**VIEW, "type": "sneeze"}, {**VIEW, "items": [{"item_id": "a", "quantity": -1}]}, ORDER])
    assert [event.type for event in batch.events] == ["view", "purchase"]
    assert [(fault.index, fault.location, fault.type) for fault in batch.faults] == [
        (1, (1,), "unknown"), (2, (2, "type"), "sneeze"), (3, (3, "items", 0, "quantity"), "view")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"type": None}, "type", "type is None"),
        ({"items": []}, "items", "items are missing"),
        ({"items": "milk"}, "items", "valid list"),
        ({"items": ["a"] * 201}, "items", "at most 200"),
        ({"session_id": ""}, "session_id", "at least 1 character"),
        ({"session_id": "x" * 513}, "session_id", "at most 512"),
        ({"session_id": "a\0b"}, "session_id", "NUL"),
        ({"timestamp": "yesterday"}, "timestamp", "should be a time"),
        ({"timestamp": "2026-13-01T00:00:00Z"}, "timestamp", "month"),
        ({"timestamp": True}, "timestamp", "should be a time"),
        ({"timestamp": 1e300}, "timestamp", "should be a time"),
        ({"timestamp": "2026-03-01T12:05:01Z"}, "timestamp", "more than 5 minutes ahead"),
        ({"timestamp": "1989-12-31T23:59:59Z"}, "timestamp", "before 1990"),
        ({"currency": "euro"}, "currency", "pattern"),
        ({"order_id": "1"}, "order_id", "belongs to a purchase"),
        ({"recommendation_id": "forged"}, "recommendation_id", "not one of this service"),
        ({"type": "click"}, "recommendation_id", "which list"),
        ({"colour": "red"}, "colour", "not a field"),
        ({"type": "login"}, "customer_id", "ties a session"),
        ({"type": "purchase"}, "order_id", "needs the order's id"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str, word: str) -> None:
    location, detail = fault({**VIEW, **change})
    assert location[0] == field
    assert word in detail


def test_an_event_is_about_somebody() -> None:
    assert "customer_id or a session_id" in fault({"type": "view", "items": ["milk"]})[1]
    assert read({"type": "impression", "recommendation_id": "signed", "items": ["milk"]}).events
    assert read({"type": "purchase", "order_id": "guest", "items": ["milk"]}).events


def test_a_click_is_on_what_the_list_showed() -> None:
    click = {"type": "click", "session_id": "s", "recommendation_id": "signed"}
    assert read({**click, "items": ["milk"]}).events
    assert fault({**click, "items": ["milk", "tea"]})[0] == ("items", 1, "item_id")
    assert read({**ORDER, "items": ["tea"], "recommendation_id": "signed"}).events  # bought with what was listed


@pytest.mark.parametrize("body", [b"", b"NaN", b"[NaN]", b'{"type":"view"', b"\xff", b"[" * 5_000, b'"\\ud800"', b"7"])
def test_what_is_no_event_at_all(body: bytes) -> None:
    with pytest.raises(InputError):
        read(body)


def test_a_thousand_and_no_more() -> None:
    assert len(read([VIEW] * 1_000).events) == 1_000
    bodies: list[object] = [[VIEW] * 1_001, [], {"events": []}, {"events": [VIEW], "shop": "x"}]
    for body in bodies:
        with pytest.raises(InputError):
            read(body)


def test_clocks_go_fast_and_slow() -> None:
    ahead = {**VIEW, "timestamp": "2026-03-01T13:04:59+01:00"}
    assert read(ahead).events[0].happened_at == NOW
    old = {**VIEW, "timestamp": (NOW - timedelta(hours=73)).isoformat()}
    assert "72 hours" in fault(old, Scope.PUBLIC)[1]
    assert read(old, Scope.SERVER).events[0].happened_at == NOW - timedelta(hours=73)
    for same in (1772366400, 1772366400000, "2026-03-01T12:00:00", "2026-03-01 12:00Z"):
        assert read({**VIEW, "timestamp": same}).events[0].happened_at == NOW


def test_a_public_key_says_what_a_visit_looked_at_and_no_more() -> None:
    assert read(VIEW, Scope.PUBLIC).events
    batch = read([ORDER, {**VIEW, "customer_id": "900"}, {**ORDER, "type": "return"}], Scope.PUBLIC)
    assert [fault.location[-1] for fault in batch.faults] == ["type", "customer_id", "type"]
    assert all(fault.forbidden for fault in batch.faults)
    assert {kind for kind in TYPES if may_post(Scope.PUBLIC, kind, None, None) is None} == {
        "view", "add_to_cart", "remove_from_cart", "impression", "click"
    }  # fmt: skip
    assert all(may_post(scope, kind, "900", None) is None for scope in (Scope.SERVER, Scope.ADMIN) for kind in TYPES)


def test_a_token_stands_for_its_customer() -> None:
    own = {"events": [VIEW, {**VIEW, "customer_id": "900"}, {**VIEW, "customer_id": "17"}], "customer_token": "t"}
    batch = read(own, Scope.PUBLIC, vouched={"t": "900"}.get)
    assert [event.customer_id for event in batch.events] == ["900", "900"]
    assert [fault.index for fault in batch.faults] == [2]
    forged = {"events": [VIEW], "customer_token": "f"}
    assert read(forged, Scope.PUBLIC, vouched={"t": "900"}.get).events[0].customer_id is None


def test_events_without_an_id_are_known_again() -> None:
    def id_of(event: dict[str, Any]) -> str:
        return read(event).events[0].event_id

    assert id_of(ORDER) == id_of({**ORDER, "timestamp": "2026-03-01T11:00:00Z"}) != id_of({**ORDER, "order_id": "o2"})
    assert id_of(ORDER) != id_of({**ORDER, "items": ["milk"]})
    at = {**VIEW, "timestamp": "2026-03-01T11:00:00Z"}
    assert id_of(at) == id_of(dict(at)) != id_of({**at, "session_id": "t"})
    assert id_of(VIEW) != id_of(VIEW)  # two looks at the same item, as far as anybody can tell
    assert id_of({**VIEW, "event_id": "mine"}) == "mine"


def test_an_item_named_twice_is_one() -> None:
    items = [
        EventItem(item_id="a", quantity=1, price=2),
        EventItem(item_id="b"),
        EventItem(item_id="a", quantity=3, price=4),
    ]
    assert merged(items) == (EventItem(item_id="a", quantity=4, price=3.5), EventItem(item_id="b"))


GA4 = {
    "client_id": "555.123",
    "user_id": "c_9f2",
    "timestamp_micros": str(1_772_362_800_000_000),
    "non_personalized_ads": False,
    "events": [
        {
            "name": "purchase",
            "params": {
                "transaction_id": "1001", "currency": "EUR", "value": 14.90, "engagement_time_msec": "100",
                "items": [{"item_id": "TEE-RED-M", "price": 14.90, "quantity": 1, "item_list_id": "rec_home"}],
            },
        },
        {"name": "page_view", "params": {"page_location": "https://shop.example"}},
    ],
}  # fmt: skip


def test_ga4_as_it_is() -> None:
    batch = read(GA4)
    assert batch.ignored == 1
    assert batch.faults == []
    (event,) = batch.events
    assert event == Event(
        type="purchase", event_id=event.event_id, customer_id="c_9f2", session_id="555.123", order_id="1001",
        items=(EventItem(item_id="TEE-RED-M", price=14.9),), currency="EUR", happened_at=NOW - timedelta(hours=1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "params", "kind"),
    [
        ("view_item", {"items": [{"item_id": 7}]}, "view"),
        ("view_item", {"items": [{"item_name": "Milk"}]}, "view"),
        ("add_to_cart", {"items": [{"item_id": "a", "quantity": "2"}]}, "add_to_cart"),
        ("remove_from_cart", {"items": [{"item_id": "a"}]}, "remove_from_cart"),
        ("select_item", {"items": [{"item_id": "a"}], "item_list_id": "x"}, "view"),
        ("select_item", {"items": [{"item_id": "milk"}], "recommendation_id": "signed"}, "click"),
        ("view_item_list", {"items": [{"item_id": "milk"}], "recommendation_id": "signed"}, "impression"),
        ("view_item_list", {"items": [{"item_id": "milk"}]}, None),
        ("refund", {"transaction_id": "1001"}, "return"),
        ("login", {"method": "Google"}, "login"),
        ("begin_checkout", {"items": []}, None),
    ],
)
def test_ga4_names(name: str, params: dict[str, Any], kind: str | None) -> None:
    batch = read({**GA4, "events": [{"name": name, "params": params}]})
    assert batch.faults == []
    assert [event.type for event in batch.events] == ([kind] if kind else [])
    assert batch.ignored == (0 if kind else 1)


def test_ga4_faults_are_named_where_they_stand() -> None:
    bad = [
        {"name": "purchase", "params": {"items": [{"item_id": "a"}]}},
        {"name": "view_item", "params": {"items": [{"item_id": "a", "price": "cheap"}]}},
        {"name": 7},
        {"name": "view_item", "params": "none"},
    ]
    assert [fault.location for fault in read({**GA4, "events": bad}).faults] == [
        ("events", 0, "params", "transaction_id"), ("events", 1, "params", "items", 0, "price"), ("events", 2, "name"),
        ("events", 3, "name"),
    ]  # fmt: skip
    assert read({**GA4, "user_id": {"a": 1}}).faults[0].location == ("user_id",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("event_id", "customer_id", "session_id", "items", "order_id", "currency", "timestamp", "recommendation_id")
LIKELY = st.fixed_dictionaries(
    {"type": st.sampled_from([*TYPES, "x"])},
    optional={
        **dict.fromkeys(FIELDS, JSON),
        "items": st.lists(st.sampled_from(["milk", "", {"item_id": "a", "quantity": 2}, {"item_id": 1}]), max_size=3),
        "session_id": st.sampled_from(["s", "", 7]),
        "order_id": st.sampled_from(["o1", None]),
    },
)
GA4_EVENT = st.fixed_dictionaries({"name": st.sampled_from(["purchase", "view_item", "refund"]) | JSON, "params": JSON})
GA4_LIKELY = st.fixed_dictionaries(
    {"events": st.lists(GA4_EVENT, min_size=1, max_size=3)},
    optional={"client_id": JSON, "user_id": JSON, "timestamp_micros": JSON},
)


@given(body=JSON | LIKELY | st.lists(LIKELY, min_size=1, max_size=5) | GA4_LIKELY, scope=st.sampled_from(list(Scope)))
def test_whatever_comes_is_taken_ignored_or_named(body: Any, scope: Scope) -> None:
    try:
        batch = read(body, scope)
    except InputError:
        return
    refused = {fault.index for fault in batch.faults}
    n_given = 1 if batch.single else len(body["events"] if isinstance(body, dict) else body)
    assert len(batch.events) + batch.ignored + len(refused) == n_given
    for event in batch.events:
        assert event.happened_at <= NOW
        assert event.event_id
        assert all(item.quantity > 0 and math.isfinite(item.quantity) for item in event.items)
        assert may_post(scope, event.type, event.customer_id, None) is None
        assert "\0" not in "".join(filter(None, (event.event_id, event.customer_id, event.session_id, event.order_id)))
