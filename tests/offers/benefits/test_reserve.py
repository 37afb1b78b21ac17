"""Caps and budgets hold, on both databases, with eight exports at once."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from recsvc.offers.benefits.profit import Eligible, Valued
from recsvc.offers.benefits.reserve import Given, Wish, release, reserve
from recsvc.offers.benefits.schema import Benefit
from recsvc.state import writing
from recsvc.state.mailing import benefit_counters, benefit_uses

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def choice(name: str, cost: int = 100, **caps: int) -> Valued:
    benefit = Benefit(id=name, kind="percent", value=1000, conditions_url="https://shop.example/c", **caps)  # type: ignore[arg-type]
    return Valued((Eligible(benefit, (0,)),), 1.0, (cost,))


def ask(database: sa.Engine, *customers: str, choices: list[Valued], edition: str = "") -> list[Given]:
    wishes = [Wish(customer_id=customer, choices=choices) for customer in customers]
    return reserve(database, wishes, campaign_id="spring", edition=edition, now=NOW)


def names(given: list[Given]) -> list[str | None]:
    return [one.choice.ids[0] if one.choice else None for one in given]


def counters(database: sa.Engine) -> dict[str, tuple[int, int]]:
    with database.connect() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(sa.select(benefit_counters))}


def test_the_next_choice_takes_over_when_one_is_used_up(database: sa.Engine) -> None:
    given = ask(database, "a", "b", "c", choices=[choice("first", cap_total=2), choice("second", cap_total=1)])
    assert names(given) == ["first", "first", "second"]
    assert given[2].refused == {"first": "used up"}
    assert names(ask(database, "d", choices=[choice("first", cap_total=2)])) == [None]


def test_a_budget_is_never_exceeded(database: sa.Engine) -> None:
    given = ask(database, "a", "b", "c", choices=[choice("first", 100, budget_minor=250)])
    assert names(given) == ["first", "first", None]
    assert given[2].refused == {"first": "budget spent"}
    assert counters(database)["first"] == (2, 200)


def test_a_customer_gets_it_so_often_and_the_same_mail_the_same_again(database: sa.Engine) -> None:
    once = [choice("first", cap_per_customer=1)]
    assert names(ask(database, "a", choices=once)) == ["first"]
    assert names(ask(database, "a", choices=once)) == ["first"]
    assert counters(database)["first"] == (1, 100)
    again = ask(database, "a", choices=once, edition="2")
    assert again[0].refused == {"first": "had it often enough"}


def test_what_was_promised_stays_even_when_another_is_better_now(database: sa.Engine) -> None:
    ask(database, "a", choices=[choice("old")])
    assert names(ask(database, "a", choices=[choice("new"), choice("old")])) == ["old"]
    # What is no longer among the choices is given back.
    assert names(ask(database, "a", choices=[choice("new")])) == ["new"]
    assert counters(database) == {"old": (0, 0), "new": (1, 100)}


def test_a_mail_that_is_not_sent_gives_its_benefit_back(database: sa.Engine) -> None:
    ask(database, "a", "b", choices=[choice("first", cap_total=2)])
    with writing(database) as connection:
        release(connection, campaign_id="spring", edition="", customer_id="a")
    assert counters(database)["first"] == (1, 100)
    assert names(ask(database, "c", choices=[choice("first", cap_total=2)])) == ["first"]


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from recsvc.state import open_database
from tests.offers.benefits.test_reserve import ask, choice
database = open_database(sys.argv[1], Path("unused"))
choices = [choice("scarce", 100, cap_total=150, budget_minor=14_950), choice("rest", cap_per_customer=1)]
for start in range(0, 100, 20):
    ask(database, *(f"c{number}" for number in range(start, start + 20)), choices=choices, edition=sys.argv[2])
"""


@pytest.mark.slow
def test_eight_at_once_exceed_nothing(database: sa.Engine, database_url: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, database_url, str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    assert [(process.communicate()[1], process.returncode) for process in running] == [("", 0)] * 8
    with database.connect() as connection:
        uses = connection.execute(sa.select(benefit_uses.c.benefit_id, benefit_uses.c.customer_id)).all()
    given = Counter(row[0] for row in uses)
    assert given["scarce"] == 149  # the budget is for 149, the cap is 150
    rest = Counter(row[1] for row in uses if row[0] == "rest")
    assert max(rest.values()) == 1
    assert counters(database) == {"scarce": (149, 14_900), "rest": (given["rest"], 100 * given["rest"])}
