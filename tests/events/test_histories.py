"""What counts beside the bundle's history: netting, carts, weights, and what the training knows already."""

from datetime import UTC, datetime, timedelta

import pytest

from recsvc.engine.happenings import Bought, Happenings
from recsvc.events.histories import Happened, Seen, happenings
from recsvc.events.settings import EventSettings

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LAST_DAY = (NOW - timedelta(days=3)).toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
TODAY = LAST_DAY + 3
FILES = Seen(LAST_DAY, None)


def event(seq: int, kind: str, *items: str | tuple[str, float], ago: float = 1, order: str | None = None) -> Happened:
    """`ago` in hours."""
    listed = tuple((item, 1.0) if isinstance(item, str) else item for item in items)
    return Happened(seq, kind, (NOW - timedelta(hours=ago)).timestamp(), order, listed)


def happened(*found: Happened, seen: Seen = FILES, **settings: float) -> Happenings:
    return happenings(found, seen, EventSettings(**settings), NOW)  # type: ignore[arg-type]


def test_purchases_count_once_an_order_and_item_as_said_last() -> None:
    one = happened(
        event(1, "purchase", ("milk", 2), "oats", order="o1"),
        event(2, "purchase", ("milk", 3), order="o1"),
        event(3, "purchase", "milk", order="o2"),
    )
    assert [(b.order_id, b.item_id, b.quantity) for b in one.bought] == [
        ("o1", "milk", 3), ("o1", "oats", 1), ("o2", "milk", 1)
    ]  # fmt: skip
    assert one.resting == ("milk", "oats")


def test_a_return_takes_from_its_order_first_and_the_rest_from_before() -> None:
    one = happened(
        event(1, "purchase", ("milk", 2), "oats", order="o1"),
        event(2, "return", ("milk", 3), order="o1"),
        event(3, "return", "jam", order="long-ago"),
    )
    assert [(b.item_id, b.quantity) for b in one.bought] == [("oats", 1)]
    assert one.returned == (("milk", 1), ("jam", 1))


def test_a_return_without_items_takes_the_order() -> None:
    one = happened(
        event(1, "purchase", "milk", "oats", order="o1"),
        event(2, "purchase", "jam", order="o2"),
        event(3, "return", order="o1"),
    )
    assert [b.item_id for b in one.bought] == ["jam"]


def test_views_clicks_and_the_cart_have_weights_and_end() -> None:
    one = happened(
        event(1, "view", "tea", ago=3),
        event(2, "view", "tea", ago=2),
        event(3, "click", "jam", ago=2),
        event(4, "add_to_cart", ("cup", 2), "pan", ago=1),
        event(5, "remove_from_cart", "cup", ago=1),
        event(6, "remove_from_cart", "pan", ago=1),
        event(7, "view", "old", ago=5),
        event(8, "view", "rye", ago=1),
        view=0.25,
    )
    assert one.cart == ("cup",)
    assert one.looked_at == (("cup", 0.8), ("rye", 0.25), ("jam", 0.4), ("tea", 0.5))
    assert happened(event(1, "view", "a"), event(2, "view", "b"), event(3, "view", "c"), session_items=2).looked_at == (
        ("c", 0.3),
        ("b", 0.3),
    )
    assert happened(event(1, "view", "a"), view=0).is_empty


def test_what_was_bought_is_neither_in_the_cart_nor_looked_at() -> None:
    one = happened(
        event(1, "add_to_cart", "cup"), event(2, "view", "tea"), event(3, "purchase", "cup", "tea", order="o")
    )
    assert (one.cart, one.looked_at) == ((), ())


def test_what_was_bought_rests_for_a_day() -> None:
    found = event(1, "purchase", "milk", order="o1", ago=25), event(2, "purchase", "oats", order="o2", ago=23)
    assert happened(*found).resting == ("oats",)
    assert happened(*found, rest_hours=48).resting == ("milk", "oats")


@pytest.mark.parametrize(
    ("days_ago", "bought", "returned"),
    [
        (4, (), ()),  # before the last day of the files: they have it
        (3, (Bought(item_id="milk", order_id="o", day=LAST_DAY, quantity=1, may_be_known=True),), ()),
        (2, (Bought(item_id="milk", order_id="o", day=LAST_DAY + 1, quantity=1),), (("jam", 1.0),)),
    ],
)
def test_files_know_what_is_older_than_their_last_day(
    days_ago: int, bought: tuple[Bought, ...], returned: tuple[tuple[str, float], ...]
) -> None:
    ago = 24 * days_ago
    one = happened(event(1, "purchase", "milk", order="o", ago=ago), event(2, "return", "jam", order="x", ago=ago))
    assert (one.bought, one.returned) == (bought, returned)


def test_a_training_with_live_events_knows_all_up_to_a_number_and_nothing_after() -> None:
    seen = Seen(LAST_DAY, 10)
    one = happened(
        event(9, "purchase", "milk", order="o1", ago=1),
        event(11, "purchase", "oats", order="o2", ago=24 * 9),
        event(12, "purchase", "milk", order="o1", ago=1),  # o1 once more, from the server
        seen=seen,
    )
    assert one.bought == (Bought(item_id="oats", order_id="o2", day=TODAY - 9, quantity=1, may_be_known=True),)


def test_the_order_in_which_events_are_read_does_not_matter() -> None:
    found = [
        event(3, "return", "milk", order="o1", ago=1),
        event(1, "purchase", ("milk", 2), order="o1", ago=3),
        event(2, "add_to_cart", "tea", ago=2),
    ]
    assert happened(*found) == happened(*found[::-1]) == happened(*found, *found)
