"""Returns take back what was bought, duplicates count once, prices are means."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.input.small_shops import Line, Read, lines_of

HEADER = "customer_id,order_id,item_id,quantity,timestamp,type\n"
OTHERS = "z,z1,other,1,2025-12-01,\n"  # a shop needs two customers and two items
OTHER_LINE = Line("z", "other", 1, "2025-12-01")


def of_customer_a(read: Read, rows: list[str]) -> list[Line]:
    lines = lines_of(read(HEADER + OTHERS + "".join(row + "\n" for row in rows)))
    return [line for line in lines if line != OTHER_LINE]


def test_a_return_takes_from_its_own_order_first(read: Read) -> None:
    rows = ["a,o1,x,3,2026-01-01,", "a,o2,x,3,2026-01-02,", "a,o1,x,-2,2026-01-05,"]
    assert of_customer_a(read, rows) == [Line("a", "x", 1, "2026-01-01"), Line("a", "x", 3, "2026-01-02")]


def test_what_is_left_takes_from_the_latest_earlier_purchases(read: Read) -> None:
    rows = ["a,o1,x,3,2026-01-01,", "a,o2,x,3,2026-01-02,", "a,o3,x,5,2026-01-09,", "a,r,x,4,2026-01-05,return"]
    assert of_customer_a(read, rows) == [Line("a", "x", 2, "2026-01-01"), Line("a", "x", 5, "2026-01-09")]


def test_a_return_without_purchase_is_counted_and_takes_nothing(read: Read) -> None:
    text = HEADER + OTHERS + "a,o1,x,2,2026-01-02,\na,r,x,-1,2026-01-01,\na,r2,y,-4,2026-01-03,\n,g,x,-1,2026-01-03,\n"
    shop = read(text)
    assert lines_of(shop) == [Line("a", "x", 2, "2026-01-02"), OTHER_LINE]
    assert (shop.report.returns.rows, shop.report.returns.units, shop.report.returns.unmatched_units) == (3, 0, 6)


def test_guests_teach_baskets_only(read: Read) -> None:
    shop = read(
        HEADER + OTHERS + "a,o1,x,1,2026-01-01,\n,g1,x,1,2026-01-01,\n,g1,y,2,2026-01-01,\nnan,g1,y,-1,2026-01-01,\n"
    )
    assert lines_of(shop)[:2] == [Line(None, "x", 1, "2026-01-01"), Line(None, "y", 1, "2026-01-01")]
    assert shop.data.lines.order[:2].tolist() == [1, 1]
    assert len(shop.data.interactions()) == 2
    assert shop.report.guest_rows == 3


def test_rows_equal_in_everything_count_once_and_others_add_up(read: Read) -> None:
    rows = ["a,o1,x,1,2026-01-01,"] * 3 + ["a,o1,x,2,2026-01-01,"]
    assert of_customer_a(read, rows) == [Line("a", "x", 3, "2026-01-01")]


def test_a_line_id_names_the_line_and_the_last_row_counts(read: Read) -> None:
    text = (
        "customer_id,order_id,line_id,item_id,quantity,timestamp,type\n"
        "z,z1,1,other,1,2025-12-01,\n"
        "a,o1,1,x,1,2026-01-01,\n"
        "a,o1,2,x,1,2026-01-01,\n"
        "a,o1,1,x,4,2026-01-01,\n"
        "a,o1,1,x,1,2026-01-02,return\n"
    )
    shop = read(text)
    assert lines_of(shop)[0] == Line("a", "x", 4, "2026-01-01")  # 4 of line 1, 1 of line 2, 1 taken back
    assert shop.report.duplicates == 1


def test_without_an_order_id_a_day_is_an_order(read: Read) -> None:
    shop = read(
        "customer_id,item_id,timestamp\na,x,2026-01-01 09:00\na,y,2026-01-01 21:00\na,x,2026-01-02\nb,x,2026-01-01\n"
    )
    assert shop.data.lines.order.tolist() == [1, 1, 2, 0]  # by time
    assert shop.report.orders == 3


def test_the_price_is_the_mean_by_quantity_in_the_usual_currency(read: Read) -> None:
    text = (
        "customer_id,order_id,item_id,quantity,unit_price,timestamp,currency\n"
        "a,o1,x,1,4.00,2026-01-01,EUR\n"
        "a,o1,x,3,2.00,2026-01-01,EUR\n"
        "a,o1,x,5,,2026-01-01,EUR\n"
        "a,o1,y,1,9.00,2026-01-01,USD\n"
        "b,o2,y,1,,2026-01-02,eur\n"
    )
    shop = read(text)
    assert shop.data.lines.unit_price.tolist() == pytest.approx([2.5, np.nan, np.nan], nan_ok=True)
    assert shop.report.currency == "EUR"
    assert shop.report.warnings == ("purchases are in 2 currencies; only prices in EUR are learned from",)


def test_an_order_has_one_day_and_later_rows_are_left_out(read: Read) -> None:
    from datetime import UTC, datetime

    text = "customer_id,order_id,item_id,timestamp\na,o,x,2026-01-01 23:00\na,o,y,2026-01-02 01:00\nb,p,x,2026-02-01\n"
    shop = read(text + "a,q,x,2026-02-02\n", until=datetime(2026, 2, 2, tzinfo=UTC))
    assert [line.day for line in lines_of(shop)] == ["2026-01-01", "2026-01-01", "2026-02-01"]
    assert shop.report.skipped[0].reason == "at or after 2026-02-02T00:00:00+00:00"
    assert (shop.report.first_day, shop.report.last_day) == ("2026-01-01", "2026-02-01")


def test_the_same_rows_read_twice_change_nothing(read: Read, tmp_path: Path) -> None:
    rows = "".join(
        f"c{i % 9 or ''},o{i % 40},i{i % 13},{(1 + i % 3) * (-1 if i % 7 == 0 else 1)},2026-01-{1 + i % 28:02},\n"
        for i in range(300)
    )
    once = read(HEADER + rows)
    (tmp_path / "twice").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "twice" / name).write_text(HEADER + rows)
    twice = read(tmp_path / "twice")
    assert lines_of(twice) == lines_of(once)
    for name, array in vars(once.data.lines).items():
        np.testing.assert_array_equal(getattr(twice.data.lines, name), array)
    assert twice.report.duplicates == once.report.duplicates + 300
    assert twice.report.returns == once.report.returns


Event = tuple[str, str, str, int, int]  # customer, order, item, quantity (negative: a return), day
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["1", "2", "3", "4"]),
        st.sampled_from("xy"),
        st.integers(-3, 4).filter(bool),
        st.integers(1, 20),
    ),
    min_size=1,
    max_size=60,
    unique=True,
)


def netted_by_hand(events: list[Event]) -> tuple[dict[tuple[str, str], int], int]:
    """What is left of each order and item, and the units not matched: one event after the other, on stacks."""
    bought: dict[tuple[str, str], int] = defaultdict(int)
    back: dict[tuple[str, str], int] = defaultdict(int)
    bought_on: dict[tuple[str, str], int] = {}
    back_on: dict[tuple[str, str], int] = {}
    for _, order, item, quantity, day in events:
        side, days = (bought, bought_on) if quantity > 0 else (back, back_on)
        side[order, item] += abs(quantity)
        days[order, item] = min(days.get((order, item), 999), 10 * day + int(order[1]))
    unmatched = 0
    for key, quantity in list(back.items()):
        here = min(bought[key], quantity)
        bought[key] -= here
        back[key] -= here
    for (order, item), quantity in sorted(back.items(), key=lambda entry: back_on[entry[0]]):
        left = quantity
        earlier = [
            key
            for key in bought
            if key[0][0] == order[0] and key[1] == item and bought[key] and bought_on[key] <= back_on[order, item]
        ]
        for key in sorted(earlier, key=lambda key: (bought_on[key], key[0]), reverse=True):
            taken = min(left, bought[key])
            bought[key] -= taken
            left -= taken
        unmatched += left
    return {key: left for key, left in bought.items() if left}, unmatched


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example takes a second: shrinking it would take minutes
)
@given(EVENTS)
def test_netting_agrees_with_stacks_and_never_goes_below_zero(read: Read, events: list[Event]) -> None:
    # An order belongs to one customer; its number tells when it was placed, so that no two tie.
    events = [(customer, customer + order, item, quantity, day) for customer, order, item, quantity, day in events]
    rows = [
        f"{customer},{order},{item},{quantity},2026-01-{day:02} 0{order[1]}:00,"
        for customer, order, item, quantity, day in events
    ]
    shop = read(HEADER + OTHERS + "w,w1,x,1,2025-12-02,\n" + "".join(row + "\n" for row in rows))
    expected, unmatched = netted_by_hand(events)
    lines = shop.data.lines
    assert (lines.quantity > 0).all()
    totals: dict[tuple[str, str], float] = defaultdict(float)
    for line in lines_of(shop):
        if line.customer not in ("w", "z"):
            assert line.customer is not None
            totals[line.customer, line.item] += line.quantity
    wanted: dict[tuple[str, str], float] = defaultdict(float)
    for (order, item), quantity in expected.items():
        wanted[order[0], item] += quantity
    assert totals == wanted
    assert shop.report.returns.unmatched_units == unmatched
