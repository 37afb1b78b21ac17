"""What may be claimed of a price: fixtures by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from models.errors import InputError
from recsvc.offers.prices import Claim, import_prices, record_prices, reduction
from recsvc.offers.run import Run
from recsvc.offers.unit_price import unit_price
from recsvc.state.mailing import price_history
from tests.offers.conftest import NOW

START = datetime(2026, 3, 1, tzinfo=UTC)


def day(ago: int) -> datetime:
    return START - timedelta(days=ago)


@pytest.mark.parametrize(
    ("history", "price", "claim"),
    [
        ([(day(40), 20.0), (START, 15.0)], 15.0, Claim(20.0, 25)),
        # The lowest of the 30 days counts, not the last: 18 for a week, 20 before the sale.
        ([(day(40), 20.0), (day(20), 18.0), (day(13), 20.0), (START, 15.0)], 15.0, Claim(18.0, 16)),
        # A price that ended before the window does not.
        ([(day(60), 10.0), (day(30), 20.0), (START, 15.0)], 15.0, Claim(20.0, 25)),
        # In force at the window's first moment, it does.
        ([(day(60), 16.0), (day(29), 20.0), (START, 15.0)], 15.0, Claim(16.0, 6)),
        ([(day(60), 15.0), (day(10), 20.0), (START, 15.0)], 15.0, None),  # raised before it was lowered
        ([(day(29), 20.0), (START, 15.0)], 15.0, None),  # too short a history
        ([], 15.0, None),
        ([(day(40), 15.1), (START, 15.0)], 15.0, None),  # below one percent
    ],
)
def test_a_reduction_is_claimed_against_the_lowest_price_of_thirty_days(
    history: list[tuple[datetime, float]], price: float, claim: Claim | None
) -> None:
    assert reduction(history, price, START) == claim


def test_prices_are_written_down_once(run: Run, database: sa.Engine) -> None:
    with database.connect() as connection:
        written = connection.scalar(sa.select(sa.func.count()).select_from(price_history))
    assert written == 16  # when the run was made
    assert record_prices(run.engine, database, NOW) == 0


def test_a_history_can_be_imported(database: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("item_id,price,valid_from\nmilk,1.29,2026-01-01\nmilk,1.19,2026-02-01T08:00:00+01:00\n")
    assert import_prices(database, path) == 2
    path.write_text("item_id,price,valid_from\nmilk,cheap,2026-01-01\n")
    with pytest.raises(InputError, match="prices.csv:2: expected a price such as 12.90"):
        import_prices(database, path)
    path.write_text("item,price\n")
    with pytest.raises(InputError, match="has no column item_id"):
        import_prices(database, path)


@pytest.mark.parametrize(
    ("amount", "measure", "text"),
    [
        (1.29, "500 g", "1 kg = 2,58\xa0€"),
        (7.49, "0,75 l", "1 l = 9,99\xa0€"),
        (3.29, "300ml", "1 l = 10,97\xa0€"),
        (12.99, "1 kg", ""),
        (5.0, "250 cm", "1 m = 2,00\xa0€"),
        (5.0, "12 ct", ""),
        (5.0, "0 g", ""),
        (5.0, "", ""),
    ],
)
def test_unit_prices(amount: float, measure: str, text: str) -> None:
    assert unit_price(amount, "EUR", measure, "de") == text
