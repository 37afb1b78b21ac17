"""The simulated shop: the whole loop over HTTP, files and commands, and customers who have the same luck everywhere."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop.people import Bought, People
from benchmarks.loop.shop import ShopSettings, draw_shop
from benchmarks.loop.table import interval, lines_of
from benchmarks.loop.worlds import OWN, POPULAR, RECSVC, live, live_through_the_past, visit
from models.registry import Registry

SMALL = ShopSettings(customers=150, items=60, consumables=8, wants=4, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_shop_lives_two_weeks_with_recsvc_and_without(tmp_path: Path) -> None:
    past = live_through_the_past(SMALL, tmp_path, history_weeks=8, weeks=2)
    worlds = [live(past, maker) for maker in (RECSVC, POPULAR, OWN)]
    told, figures = worlds[0], worlds[0].figures
    # Every purchase of files and events, once, at its price.
    assert figures["orders"] == told.books[0]
    assert figures["revenue"] == pytest.approx(told.books[1])
    store = tmp_path / "recsvc" / "store"
    lists = [row for row in figures["models"] if row["channel"] == "web"]
    assert [row["name"] for row in lists] == sorted(Registry(store).versions())
    # Simulated days are shorter than a second: the same list to the same customer may have the same id.
    assert told.lists / 2 < sum(row["shown"] for row in lists) <= told.lists
    assert 0 < sum(row["clicked"] for row in lists) <= told.clicks
    (campaign,) = figures["campaigns"]
    assert campaign["editions"] == ["week-1", "week-2"]
    assert campaign["delivered"] == told.mails
    assert sum(arm["assigned"] for arm in campaign["arms"]) == SMALL.customers
    assert not campaign["running"]
    text = "\n".join(lines_of(worlds, seed=1))
    assert "(as the shop's own books say)" in text
    assert text.count("recsvc earned") == 2


def test_luck_is_the_same_in_every_world_and_lists_change_what_is_bought() -> None:
    people = People(draw_shop(SMALL))
    other = people.copy()
    assert np.array_equal(people.visitors(0), other.visitors(0))
    who = np.arange(SMALL.customers)
    nothing = np.full((len(who), 3), -1)
    alone, clicked = visit(people, who, nothing, 0)
    again, _ = visit(other, who, nothing, 0)
    assert clicked == []
    assert not alone.listed.any()
    assert np.array_equal(alone.item, again.item)
    # What each likes best today, shown, sells more than nothing shown.
    best = np.argsort(-people.utility(who, 0), axis=1)[:, :3]
    shown, clicked = visit(people, who, best, 0)
    assert len(shown.item) > len(alone.item)
    assert shown.listed.sum() <= len(clicked)


def test_what_is_bought_is_not_due_any_more() -> None:
    shop = draw_shop(SMALL)
    people, customer = People(shop), 0
    category = int(np.flatnonzero(np.isfinite(shop.gap[customer]))[0])
    item = int(np.flatnonzero(shop.category == category)[0])
    before = people.utility(np.array([customer]), 100)[0, item]
    people.end_day(100, Bought(np.array([customer]), np.array([item]), np.array([False])))
    assert people.utility(np.array([customer]), 101)[0, item] < before - 2
    assert people.utility(np.array([customer]), 200)[0, item] > before - 1


def test_the_interval_of_equal_gains_is_narrow() -> None:
    assert interval(np.ones(100), seed=1) == (100.0, 100.0)
