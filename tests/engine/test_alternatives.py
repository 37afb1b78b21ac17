"""Asked for alternatives, the service names them, and of what they are one."""

from datetime import UTC, datetime

import pytest

from recsvc.engine import Engine, Query
from tests.conftest_shop import run_recsvc

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_alternatives_say_what_they_resemble(engine: Engine) -> None:
    answer = engine.recommend(Query(items=("soap",), scenario="similar", n=2, locale="de"), now=NOW)
    assert answer.fallback is None
    assert {item.product.item_id for item in answer.items} == {"shampoo", "towel"}
    assert {item.source for item in answer.items} == {"similar"}
    assert {item.reason for item in answer.items} == {"Ähnlich wie „Olive soap“"}


def test_what_goes_with_an_item_is_not_its_first_alternative(engine: Engine) -> None:
    # Coffee and its filters share a word, and every coffee drinker's order.
    answer = engine.recommend(Query(items=("filter",), scenario="similar"), now=NOW)
    assert answer.items[0].product.item_id != "coffee"


@pytest.mark.parametrize("scenario", ["similar", "complements"])
def test_nobody_is_shown_what_is_sold_out(engine: Engine, scenario: str) -> None:
    answer = engine.recommend(Query(items=("honey",), scenario=scenario, n=10), now=NOW)
    assert answer.items
    assert "sold-out" not in {item.product.item_id for item in answer.items}


def test_the_scenario_is_on_the_command_line_and_in_the_document() -> None:
    assert "|similar|" in run_recsvc("recommend", "--help").stdout
