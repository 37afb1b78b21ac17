"""What the console asks the database, on both that recsvc knows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsvc.console.reach import sampled_ids
from recsvc.console.today import DAYS, events_by_day
from recsvc.events.event import Event
from recsvc.events.store import append
from recsvc.state import open_database, writing
from recsvc.state.live_events import events
from recsvc.state.schema import customers

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    engine = open_database(url, tmp_path)
    yield engine
    with writing(engine) as connection:  # PostgreSQL's is everybody's
        connection.execute(sa.delete(events))
        connection.execute(sa.delete(customers))
    engine.dispose()


def test_a_day_ends_at_midnight_in_utc(database: sa.Engine) -> None:
    moments = [NOW, NOW.replace(hour=0, minute=0), NOW.replace(hour=0, minute=0) - timedelta(seconds=1)]
    moments += [NOW - timedelta(days=DAYS), NOW + timedelta(hours=1)]
    batch = [Event(type="view", event_id=str(number), happened_at=at) for number, at in enumerate(moments)]
    append(database, batch, scope="server", now=NOW)
    found = events_by_day(database, NOW.date())
    assert found.days[-1] == NOW.date()
    assert found.counts == {"view": (0,) * (DAYS - 2) + (1, 2)}


def test_a_sample_is_even_and_the_same_each_time(database: sa.Engine) -> None:
    rows = [{"customer_id": f"c{number:05}", "updated_at": NOW} for number in range(3000)]
    with writing(database) as connection:
        connection.execute(customers.insert(), rows)
    found = sampled_ids(database, 10)
    assert 200 <= len(found) <= 400
    assert sampled_ids(database, 10) == found
    assert 0.35 < sum(name < "c01500" for name in found) / len(found) < 0.65
