"""The clock jumps, a day ahead and back or years: tokens, events, prices and the model's age bear it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from models.registry import Registry
from recsvc.cli.check import OPEN
from recsvc.cli.doctor import Patient, examine
from recsvc.engine import LiveEngine
from recsvc.events.store import count
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings
from recsvc.keys import Scope, create_key
from recsvc.keys.tokens import CustomerTokens, TokenStatus
from recsvc.offers.prices import record_prices
from recsvc.state.mailing import price_history

SECRET = "a secret of the tests, long enough"
DAY, YEARS = timedelta(days=1), timedelta(days=3_650)


class Clock:
    """What time it is, as somebody sets it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(store: Path, live: LiveEngine, database: sa.Engine, clock: Clock) -> FlaskClient:
    return create_app(ServeSettings(store=store, secret=SECRET), live, database, clock=clock).test_client()


@pytest.mark.parametrize("jump", [DAY, -DAY, YEARS, -YEARS], ids=["ahead", "back", "years ahead", "years back"])
def test_lists_and_events_go_on(client: FlaskClient, database: sa.Engine, clock: Clock, jump: timedelta) -> None:
    start = clock.now
    event = {"type": "view", "event_id": "e1", "customer_id": "coffee-1", "items": ["soap"]}
    assert client.post("/events", json=event).json == {"accepted": 1, "duplicates": 0, "ignored": 0, "errors": []}
    clock.now = start + jump
    for _ in range(2):
        answer = client.get("/recommend?customer_id=coffee-1&n=5")
        assert (answer.status_code, len(answer.get_json()["items"])) == (200, 5)
    assert client.post("/events", json={**event, "event_id": "e2"}).get_json()["accepted"] == 1
    clock.now = start
    assert client.post("/events", json={**event, "event_id": "e1"}).get_json()["duplicates"] == 1
    assert client.post("/events", json={**event, "event_id": "e2"}).get_json()["duplicates"] == 1
    assert count(database) == 2
    ready = client.get("/health/ready").get_json()
    assert (ready["status"], ready["problem"]) == ("ready", None)


def test_a_model_from_the_future_is_not_old(client: FlaskClient, store: Path, clock: Clock) -> None:
    clock.now -= YEARS
    assert client.get("/health/ready").get_json()["model_age_seconds"] == 0
    checks = examine(Patient(store, None, None, "127.0.0.1", 1, clock.now))
    age = next(check for check in checks if check.name == "model age")
    assert age.status == OPEN
    assert age.detail.startswith("trained in the future")


def test_a_token_holds_in_its_hour_alone(database: sa.Engine, clock: Clock) -> None:
    key, _ = create_key(database, name="shop", scope=Scope.SERVER, now=clock.now)
    tokens, keys = CustomerTokens(SECRET.encode()), {key.key_id: key}
    token = tokens.sign(key.key_id, "coffee-1", clock.now + timedelta(hours=1))
    found = {days: tokens.read(token, keys, clock.now + days * DAY).status for days in (0, 2, -2)}
    assert found == {0: TokenStatus.ACCEPTED, 2: TokenStatus.EXPIRED, -2: TokenStatus.LASTING}
    assert tokens.read(token, keys, clock.now).status == TokenStatus.ACCEPTED


def test_a_price_written_in_the_future_does_not_hide_those_of_today(
    store: Path, database: sa.Engine, clock: Clock
) -> None:
    engine = LiveEngine(Registry(store)).current()
    today = clock.now
    assert record_prices(engine, database, today + YEARS) > 0
    # The clock is right again: what holds today must be written, for nothing is known of today.
    written = record_prices(engine, database, today)
    assert written > 0
    assert record_prices(engine, database, today + DAY) == 0
    with database.connect() as connection:
        of_today = sa.select(sa.func.count()).select_from(price_history).where(price_history.c.valid_from <= today)
        assert connection.scalar(of_today) == written
