"""Both databases, with tables and nothing in them, and what a shop tells of a day."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.scenarios import SCENARIOS
from recsvc.events.event import Event, EventItem
from recsvc.events.store import append
from recsvc.http.signing import Signer
from recsvc.measure.figures import Figures
from recsvc.measure.kpis import Asked, measure
from recsvc.measure.purchases import Prices
from recsvc.measure.settings import MeasureSettings
from recsvc.state import open_database
from recsvc.state.mailing import benefit_uses, consents, mail_clicks, mails
from recsvc.state.schema import customers, metadata

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SIGNER = Signer(b"a secret of the tests", SCENARIOS)
OF_CUSTOMERS = benefit_uses, consents, mail_clicks, mails, customers
TABLES = ("events", "session_links", "global_holdouts", *(table.name for table in OF_CUSTOMERS))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    engine = open_database(url, tmp_path)
    with engine.begin() as connection:
        for name in TABLES:
            connection.execute(sa.delete(metadata.tables[name]))
    yield engine
    engine.dispose()


def day(number: float) -> datetime:
    """The moment so many days before NOW."""
    return NOW - timedelta(days=number)


class Shop:
    """Tells events, each of its own second."""

    def __init__(self, database: sa.Engine) -> None:
        self.database = database
        self._told = 0

    def tell(
        self, kind: str, who: str | None, ago: float, *items: str, order: str | None = None, price: float | None = 10.0,
        quantity: float = 1.0, shown: str | None = None, session: str | None = None, event_id: str | None = None,
        currency: str | None = "EUR",
    ) -> None:  # fmt: skip
        """One event `ago` days before NOW."""
        self._told += 1
        event = Event(
            type=kind,
            event_id=event_id or f"e{self._told}",
            happened_at=day(ago),
            customer_id=who,
            session_id=session,
            order_id=order,
            items=tuple(EventItem(item_id=item, quantity=quantity, price=price) for item in items),
            currency=currency if kind == "purchase" else None,
            recommendation_id=shown,
        )
        append(self.database, [event], scope="server", now=NOW)

    def buy(self, who: str | None, ago: float, *items: str, order: str | None = None, **more: Any) -> None:
        """A purchase of one piece each, at 10 EUR."""
        self._told += 1
        self.tell("purchase", who, ago, *items, order=order or f"o{self._told}", **more)

    def figures(
        self, settings: MeasureSettings | None = None, prices: Prices | None = None, **more: Any
    ) -> Figures:  # fmt: skip
        """What `recsvc kpis` says at NOW."""
        chosen = settings or MeasureSettings()
        return measure(self.database, prices or Prices(margin=chosen.margin), Asked(now=NOW, settings=chosen, **more))


@pytest.fixture
def shop(database: sa.Engine) -> Shop:
    return Shop(database)


def list_of(
    *items: str, placement: str = "start", scenario: str = "home", model: str = "m1", ago: float = 5.0,
    arms: tuple[tuple[str, str], ...] = (),
) -> str:  # fmt: skip
    """A recommendation_id."""
    return SIGNER.sign(model, scenario, day(ago), items, placement=placement, arms=arms)


Mail = Callable[..., None]


@pytest.fixture
def mail(database: sa.Engine) -> Mail:
    """Enters one campaign's mails: mail("spring", 3.0, mailed=["a"], held=["b"])."""

    def enter(campaign: str, ago: float, *, mailed: list[str], held: list[str], edition: str = "1") -> None:
        with database.begin() as connection:
            rows = [
                {
                    "campaign_id": campaign, "edition": edition, "customer_id": customer_id, "state": state,
                    "items": "[]", "benefits": "[]", "model_version": "m1", "created_at": day(ago),
                    "updated_at": day(ago),
                }
                for state, ids in (("sent", mailed), ("holdout", held))
                for customer_id in ids
            ]  # fmt: skip
            connection.execute(sa.insert(mails), rows)

    return enter
