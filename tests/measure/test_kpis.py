"""Figures of small shops that can be worked out by hand."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import InputError, SettingsError
from models.settings import read_section
from recsvc.i18n import translator
from recsvc.measure.comparing import Verdict
from recsvc.measure.purchases import Prices
from recsvc.measure.settings import MeasureSettings
from recsvc.measure.written import Words, lines_of
from recsvc.offers.holdout import GlobalHoldout, decide_global_holdout
from recsvc.state.mailing import benefit_uses, consents, mail_clicks
from recsvc.state.schema import customers
from tests.measure.conftest import NOW, Mail, Shop, day, list_of


def test_an_empty_shop_has_figures(shop: Shop) -> None:
    found = shop.figures()
    assert (found.orders, found.revenue, found.credited, found.placements, found.campaigns) == (0, 0.0, 0.0, (), ())


def test_a_purchase_is_credited_once_to_the_last_click_on_its_item(shop: Shop) -> None:
    first, last = list_of("milk", "oats", placement="start"), list_of("milk", placement="cart", model="m2")
    shop.tell("click", "ada", 4, "milk", shown=first)
    shop.tell("click", "ada", 3, "milk", shown=last)
    shop.buy("ada", 2, "milk", "oats")  # oats were never clicked
    shop.buy("ben", 2, "milk")  # another customer
    shop.buy("ada", 3.5, "oats")
    found = shop.figures()
    assert found.revenue == 40.0
    assert found.credited == 10.0
    by_name = {row.name: row for row in found.placements}
    assert (by_name["cart"].revenue, by_name["start"].revenue) == (10.0, 0.0)
    assert {row.name: row.revenue for row in found.models} == {"m1": 0.0, "m2": 10.0}


@pytest.mark.parametrize(("ago", "credited"), [(6.9, 10.0), (7.1, 0.0), (-0.1, 0.0)])
def test_a_click_counts_for_seven_days_and_not_backwards(shop: Shop, ago: float, credited: float) -> None:
    shop.tell("click", "ada", 10, "milk", shown=list_of("milk", ago=11))
    shop.buy("ada", 10 - ago, "milk")
    assert shop.figures().credited == credited


def test_what_is_told_twice_changes_nothing(shop: Shop) -> None:
    shown = list_of("milk", "oats")
    for _ in range(2):
        shop.tell("impression", "ada", 3, shown=shown, event_id="i1")
        shop.tell("click", "ada", 3, "milk", shown=shown, event_id="c1")
        shop.buy("ada", 2, "milk", order="o1", event_id="p1")
    once = shop.figures()
    # The page and the server tell of the same order, and a visitor clicks again.
    shop.buy("ada", 2, "milk", order="o1", event_id="p2")
    shop.tell("click", "ada", 2.5, "milk", shown=shown)
    twice = shop.figures()
    assert (
        (once.orders, once.revenue, once.credited) == (twice.orders, twice.revenue, twice.credited) == (1, 10.0, 10.0)
    )
    assert [(row.shown, row.clicked) for row in twice.placements] == [(1, 1)]


def test_returns_are_taken_back(shop: Shop) -> None:
    shop.tell("click", "ada", 3, "milk", "oats", shown=list_of("milk", "oats"))
    shop.buy("ada", 2, "milk", order="o1", quantity=3)
    shop.buy("ada", 2, "oats", order="o2")
    shop.tell("return", "ada", 1, "milk", order="o1", quantity=2)
    assert shop.figures().credited == 20.0
    shop.tell("return", "ada", 1, order="o2")  # all of it
    found = shop.figures()
    assert (found.credited, found.orders) == (10.0, 1)
    shop.tell("return", "ada", 1, "milk", order="o1", quantity=50)
    assert shop.figures().credited == 0.0


def test_views_are_credited_only_where_wanted_and_marked(shop: Shop) -> None:
    shop.tell("impression", "ada", 2.5, shown=list_of("milk", "oats"))
    shop.buy("ada", 2, "milk")
    assert shop.figures().credited == 0.0
    found = shop.figures(MeasureSettings(view_days=1))
    assert (found.credited, found.credited_by_view) == (10.0, 10.0)
    assert found.placements[0].revenue_by_view == 10.0
    shop.tell("click", "ada", 2.2, "milk", shown=list_of("milk", placement="cart"))
    found = shop.figures(MeasureSettings(view_days=1))
    assert (found.credited, found.credited_by_view) == (10.0, 0.0)


def test_the_click_rate_is_of_lists_and_visitors(shop: Shop) -> None:
    shown = list_of("milk")  # one id that caches hand to many
    for who in ("ada", "ben", "cleo", None, None):
        shop.tell("impression", who, 3, shown=shown)
    shop.tell("click", "ada", 3, "milk", shown=shown)
    shop.tell("click", "dora", 3, "milk", shown=shown)  # whose impression got lost
    (row,) = shop.figures().placements
    assert (row.shown, row.clicked) == (6, 2)
    assert row.rate.value == pytest.approx(1 / 3)


def test_a_visit_that_logs_in_is_its_customers(shop: Shop) -> None:
    shop.tell("click", None, 3, "milk", shown=list_of("milk"), session="s1")
    shop.tell("login", "ada", 2.9, session="s1")
    shop.buy("ada", 2, "milk")
    assert shop.figures().credited == 10.0


def test_mail_clicks_are_credited_to_their_campaign(shop: Shop, mail: Mail) -> None:
    mail("spring", 4, mailed=["ada"], held=[])
    click = {"campaign_id": "spring", "edition": "1", "customer_id": "ada", "item_id": "milk", "place": 1}
    with shop.database.begin() as connection:
        connection.execute(sa.insert(mail_clicks), [{**click, "at": day(3)}])
    shop.buy("ada", 2, "milk")
    found = shop.figures()
    assert [(row.channel, row.name, row.revenue) for row in found.placements] == [("mail", "spring", 10.0)]
    assert [(row.name, row.revenue) for row in found.models] == [("m1", 10.0)]


def test_a_campaign_counts_everybody_who_was_assigned(shop: Shop, mail: Mail) -> None:
    mail("spring", 30, mailed=["a", "b", "c", "d"], held=["x", "y"])
    shop.buy("a", 40, "milk")  # before: does not count
    shop.buy("a", 29, "milk")
    shop.buy("a", 28, "oats", order="back")
    shop.tell("return", "a", 27, order="back")
    shop.buy("b", 1, "milk")  # after the window of 28 days
    shop.buy("x", 20, "milk", price=30.0)
    with shop.database.begin() as connection:
        said = {"customer_id": "b", "purpose": "email", "granted": False, "basis": "objection", "source": "link"}
        connection.execute(sa.insert(consents), [{**said, "at": day(29), "recorded_at": day(29)}])
    (found,) = shop.figures().campaigns
    control, mailed = found.arms
    assert (control.name, control.assigned, control.buyers, control.revenue_each) == ("control", 2, 1, 15.0)
    assert (mailed.name, mailed.assigned, mailed.buyers, mailed.revenue_each) == ("mailed", 4, 1, 2.5)
    assert (mailed.unsubscribed, control.unsubscribed, found.delivered) == (1, 0, 4)
    assert mailed.new_share == 0.0  # milk was no new item to a
    (compared,) = found.comparisons
    assert compared.shares.verdict is Verdict.NOT_ENOUGH
    assert not found.running
    # While the window is open its intervals are wider.
    (running,) = shop.figures(MeasureSettings(window_days=60)).campaigns
    assert running.running


def test_all_campaigns_are_compared_with_those_whom_none_reaches(shop: Shop, mail: Mail) -> None:
    never = GlobalHoldout(share=0.2, salt="7", since=day(31))
    decide_global_holdout(shop.database, never)
    names = [f"c{n:03}" for n in range(400)]
    kept = [name for name in names if never.holds(name)]
    others = [name for name in names if name not in kept]
    mail("early", 40, mailed=names, held=[])  # before it was decided
    mail("spring", 30, mailed=others[40:], held=[*others[:40], *kept])
    mail("summer", 29, mailed=others, held=kept)
    shop.buy(others[0], 20, "milk")
    shop.buy(kept[0], 20, "milk", price=50.0)
    figures = shop.figures(holdouts={"spring": 40 / len(others)})
    (control, mailed) = figures.all_campaigns.arms if figures.all_campaigns else ()
    assert (control.assigned, control.buyers, mailed.assigned, mailed.buyers) == (len(kept), 1, len(others), 1)
    assert not figures.tests[0].broken
    spring = next(one for one in figures.campaigns if one.name == "spring")
    # They are no control of a single campaign: other campaigns reach its control, but not them.
    assert [(arm.assigned, arm.buyers) for arm in spring.arms] == [(40, 1), (len(others) - 40, 0)]
    assert spring.sample_ratio == 1.0
    assert "all campaigns" in "\n".join(lines_of(figures, Words(translator("en"), "EUR")))


def test_return_on_investment_is_of_the_incremental_margin(shop: Shop, mail: Mail) -> None:
    names = [f"c{n}" for n in range(400)]
    mail("spring", 30, mailed=names[:200], held=names[200:])
    for n in [*range(80), *range(200, 240)]:
        shop.buy(f"c{n}", 29, "milk")
    with shop.database.begin() as connection:
        use = {"benefit_id": "ten", "campaign_id": "spring", "edition": "1", "at": day(30), "cost_minor": 100}
        # Who bought redeems: 20 of these 40.
        connection.execute(sa.insert(benefit_uses), [{**use, "customer_id": f"c{n}"} for n in range(60, 100)])
    settings = MeasureSettings(cost_per_mail=0.05, tool_fee=20.0)
    (found,) = shop.figures(settings, Prices(cost={"milk": 6.0})).campaigns
    paid = found.payback
    assert paid is not None
    assert (paid.mails, paid.benefits, paid.tool, paid.cost) == (10.0, 20.0, 20.0, 50.0)
    # 80 against 40 buyers with a margin of 4 each: 160 more.
    assert paid.incremental_margin is not None
    assert paid.incremental_margin.value == pytest.approx(160.0)
    assert paid.roi is not None
    assert paid.roi.value == pytest.approx((160 - 50) / 50)
    assert paid.roi.low < paid.roi.value < paid.roi.high
    # Without costs of items and without a margin, nothing is said of it.
    (unknown,) = shop.figures(settings).campaigns
    assert unknown.payback is not None
    assert unknown.payback.roi is None


def test_lost_customers_break_a_comparison(shop: Shop, mail: Mail) -> None:
    mail("spring", 30, mailed=[f"m{n}" for n in range(300)], held=[f"h{n}" for n in range(200)])
    (found,) = shop.figures(holdouts={"spring": 0.1}).campaigns
    assert found.broken
    (fine,) = shop.figures(holdouts={"spring": 0.4}).campaigns
    assert not fine.broken
    assert shop.figures().campaigns[0].sample_ratio is None


def test_segments_are_compared_where_they_are_large_enough(shop: Shop, mail: Mail) -> None:
    names = [f"c{n:03}" for n in range(500)]
    with shop.database.begin() as connection:
        rows = [
            {"customer_id": name, "updated_at": NOW, "segment": "new" if n % 5 else "vip"}
            for n, name in enumerate(names)
        ]
        connection.execute(sa.insert(customers), rows)
    mail("spring", 30, mailed=names[:250], held=names[250:])
    (found,) = shop.figures().campaigns
    assert [(segment.name, segment.arms[0].assigned) for segment in found.segments] == [("new", 200)]


def test_an_experiment_compares_those_who_saw_its_lists(shop: Shop) -> None:
    for n in range(6):
        arm = "control" if n % 2 else "bold"
        shown = list_of("milk", arms=(("look", arm),))
        shop.tell("impression", f"c{n}", 3, shown=shown)
        if n in (0, 2):
            shop.buy(f"c{n}", 2, "milk")
    shop.tell("impression", "c0", 2, shown=list_of("milk", arms=(("look", "control"),)))
    found = shop.figures(promised={"look": {"control": 0.5, "bold": 0.5}})
    (test,) = found.experiments
    assert [(arm.name, arm.assigned, arm.buyers) for arm in test.arms] == [("control", 3, 0), ("bold", 3, 2)]
    assert test.sample_ratio == 1.0
    assert test.running
    assert test.crossed == 1


def test_files_and_events_tell_of_an_order_once(shop: Shop, tmp_path: Path) -> None:
    shop.tell("click", "ada", 3, "milk", shown=list_of("milk"))
    shop.buy("ada", 2, "milk", order="o1", price=99.0)
    file = tmp_path / "orders.csv"
    rows = [
        "customer_id,order_id,item_id,quantity,unit_price,timestamp,type",
        f"ada,o1,milk,2,5.00,{day(2).isoformat()},",
        f"ben,o2,oats,1,3.00,{day(1):%Y-%m-%d},purchase",
        f"ben,o2,oats,1,,{day(0.5).isoformat()},return",
        f",o3,milk,1,2.50,{day(1).isoformat()},",
    ]
    file.write_text("\n".join(rows) + "\n")
    found = shop.figures(files=[file, file])
    assert (found.orders, found.revenue, found.credited) == (2, 12.5, 10.0)
    assert found.notes == {"lines of nobody": 1}
    # What names no currency, as in files, is of the shop's own, however many lines that are.
    shop.buy("cem", 1, "milk", price=4.0)
    assert shop.figures(files=[file]).revenue == 16.5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,o,i,x,1,2026-03-01", "quantity is 'x'; expected a number"),
        ("a,o,i,1,nine,2026-03-01", "unit_price is 'nine'; expected a number"),
        ("a,o,i,1,1,yesterday", "timestamp is 'yesterday'; expected a time"),
        ("a,,i,1,1,2026-03-01", "order_id is empty"),
        ("a,o,i,1", "more or fewer cells"),
    ],
)
def test_rows_that_cannot_be_read_are_named(shop: Shop, tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"customer_id,order_id,item_id,quantity,unit_price,timestamp\n{row}\n")
    with pytest.raises(InputError, match=message) as caught:
        shop.figures(files=[file])
    assert "orders.csv:2" in str(caught.value)


def test_files_without_a_column_and_unknown_campaigns_are_refused(shop: Shop, tmp_path: Path, mail: Mail) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("customer_id,order_id\na,b\n")
    with pytest.raises(InputError, match="has no column item_id"):
        shop.figures(files=[file])
    with pytest.raises(InputError, match="never exported or sent; none was mailed yet"):
        shop.figures(campaign="spring")
    mail("spring", 3, mailed=["a"], held=[])
    mail("autumn", 2, mailed=["a"], held=["b"])
    assert [found.name for found in shop.figures().campaigns] == ["autumn", "spring"]
    assert [found.name for found in shop.figures(campaign="spring").campaigns] == ["spring"]
    assert shop.figures(campaign="spring").campaigns[0].comparisons == ()  # nobody was held out


def test_other_currencies_and_missing_prices_are_counted(shop: Shop) -> None:
    shop.buy("ada", 2, "milk", price=None)
    shop.buy("ada", 2, "oats", price=None)
    shop.buy("ben", 2, "oats", currency="SEK", price=100.0)
    found = shop.figures(prices=Prices(price={"milk": 1.2}))
    assert (found.currency, found.revenue, found.orders) == ("EUR", 1.2, 3)
    assert found.notes == {"lines in another currency": 1, "lines without a price": 1}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"window_days": 0}, "window_days is 0; expected 1 to 365 days"),
        ({"margin": 1.5}, "margin is 1.5; expected a share"),
        ({"cost_per_mail": -1.0}, "cost_per_mail is -1.0; expected an amount"),
        ({"windowdays": 3}, "did you mean 'window_days'"),
    ],
)
def test_settings_that_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_section(MeasureSettings, table, "measure")
