"""What has ended unredeemed gives cap and budget back; what was redeemed does not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.offers.benefits.profit import Eligible, Valued
from recsvc.offers.benefits.redeemed import settle
from recsvc.offers.benefits.reserve import release
from recsvc.offers.benefits.schema import Benefit
from recsvc.state import writing
from tests.conftest_shop import run_recsvc
from tests.offers.benefits.test_reserve import NOW, ask, counters, names

END = datetime(2026, 3, 15, tzinfo=UTC)


def until(end: datetime | None, **caps: int) -> list[Valued]:
    benefit = Benefit(id="spring", kind="points", value=10, valid_until=end, **caps)  # type: ignore[arg-type]
    return [Valued((Eligible(benefit, (0,)),), 1.0, (100,))]


def test_cap_and_budget_come_back_with_the_end(database: sa.Engine) -> None:
    assert names(ask(database, "a", "b", "c", choices=until(END, cap_total=2))) == ["spring", "spring", None]
    early = settle(database, [("a", "spring"), ("x", "spring"), ("a", "other")], now=END - timedelta(seconds=1))
    assert (early.redeemed, early.unknown, early.released) == (1, 2, {})
    for _ in range(2):  # the same again changes nothing
        late = settle(database, [("a", "spring")], now=END)
        assert counters(database) == {"spring": (1, 100)}
    assert (late.redeemed, late.unknown, late.released) == (0, 0, {})
    # Prolonged by the shop, it may be given once more, though not to who redeemed it in another mail.
    longer = until(END + timedelta(days=30), cap_total=2, cap_per_customer=1)
    assert names(ask(database, "a", "b", "c", choices=longer, edition="2")) == [None, "spring", None]


def test_the_same_mail_gets_what_it_had_lost_once_more(database: sa.Engine) -> None:
    ask(database, "a", choices=until(END))
    assert settle(database, [], now=END).released == {"spring": 1}
    assert counters(database) == {"spring": (0, 0)}
    assert names(ask(database, "a", choices=until(END + timedelta(days=30)))) == ["spring"]
    assert counters(database) == {"spring": (1, 100)}


def test_a_redemption_told_too_late_counts_again(database: sa.Engine) -> None:
    ask(database, "a", choices=until(END))
    ask(database, "a", choices=until(None), edition="2")
    assert settle(database, [], now=END).released == {"spring": 1}
    assert counters(database) == {"spring": (1, 100)}
    assert settle(database, [("a", "spring")], now=END).redeemed == 1
    assert counters(database) == {"spring": (2, 200)}


def test_what_was_given_back_is_not_given_back_twice(database: sa.Engine) -> None:
    ask(database, "a", "b", choices=until(END))
    settle(database, [("b", "spring")], now=END)
    with writing(database) as connection:
        release(connection, campaign_id="spring", edition="", customer_id="a")
    assert counters(database) == {"spring": (1, 100)}
    assert NOW < END


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer_id\na\n", "has no column benefit_id; expected customer_id and benefit_id"),
        ("customer_id,benefit_id\na,\n", "redeemed.csv:2: expected customer_id and benefit_id"),
        (None, "no such file"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "redeemed.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = run_recsvc("offers", "redeemed", path, "--store", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_command_says_what_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "redeemed.csv"
    path.write_text("customer_id,benefit_id\na,spring\n", encoding="utf-8")
    result = run_recsvc("offers", "redeemed", path, "--store", tmp_path)
    assert result.exit_code == 0
    assert "0 redemptions are new; 1 are of benefits that were not given" in result.stderr
