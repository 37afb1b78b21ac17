"""A console over the tiny shop: two models, people, events, a campaign that was exported, and an admin key."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models.registry import Registry
from models.scenarios import SCENARIOS
from recsvc.engine import Engine, LiveEngine, Query
from recsvc.events.event import Event, EventItem
from recsvc.events.store import append
from recsvc.http.app import create_app
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings
from recsvc.http.signing import Signer
from recsvc.keys import Scope, create_key
from recsvc.state import open_database, writing
from recsvc.state.schema import customers
from tests.conftest_shop import CUSTOMERS_A_KIND, HABITS, run_recsvc, train_tiny

SECRET = "a secret of the console's tests"
CAMPAIGN = """\
[campaign]
id = "weekly"
locale = "de"

[[slots]]
name = "favourites"
scenario = "again"
n = 2

[[slots]]
name = "discover"
scenario = "discover"
n = 2

[mail]
from_name = "Laden"
from_address = "post@shop.example"
shop_url = "https://shop.example/"
imprint_url = "https://shop.example/imprint"
privacy_url = "https://shop.example/privacy"
unsubscribe_url = "https://shop.example/unsubscribe"

[mail.de]
subject = "Ihre Liste für diese Woche"

[mail.en]
subject = "Your list of the week"

[holdout]
share = 0.3
"""
CONFIG = """\
[placements.top]
n = 3
diversity = {max_per_category = 1}

[placements.cart]
scenario = "complements"
filter = {field = "price", op = "<=", value = 9}
"""


@pytest.fixture(scope="session")
def furnished(tiny_store: Path, tiny_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with all of it; its secret is SECRET, the admin key's token lies in `admin.token`."""
    store = tmp_path_factory.mktemp("console") / "store"
    shutil.copytree(tiny_store, store)
    train_tiny(tiny_shop, store)
    (store / "secret.key").write_text(SECRET)
    (store / "recsvc.toml").write_text(CONFIG)
    folder = store / "campaigns"
    folder.mkdir()
    (folder / "weekly.toml").write_text(CAMPAIGN)
    (folder / "broken.toml").write_text(CAMPAIGN.replace('"again"', '"agian"').replace("weekly", "broken"))
    database = open_database(None, store)
    now = datetime.now(UTC)
    people = [f"{kind}-{number}" for kind in HABITS for number in range(CUSTOMERS_A_KIND)]
    with writing(database) as connection:
        connection.execute(customers.insert(), [_person(name, place, now) for place, name in enumerate(people)])
    _, token = create_key(database, name="Nora", scope=Scope.ADMIN, now=now)
    (store / "admin.token").write_text(token)
    exported = run_recsvc("offers", "export", folder / "weekly.toml", "--out", store / "out", "--store", store)
    assert exported.exit_code == 0, exported.stderr
    append(database, list(_visits(store, people, now)), scope="server", now=now)
    database.dispose()
    return store


def _person(name: str, place: int, now: datetime) -> dict[str, object]:
    agreed = place % 5 != 0
    return {
        "customer_id": name, "email": f"{name}@example.org", "first_name": f"N{place}",
        "locale": ("de", "en")[place % 2],
        "email_ok": agreed, "profiling_ok": place % 7 != 0, "tracking_ok": False, "tier": "gold" if place % 3 else None,
        "points": place, "updated_at": now, "consent_at": now - timedelta(days=9) if agreed else None,
    }  # fmt: skip


def _visits(store: Path, people: list[str], now: datetime) -> Iterator[Event]:
    """Each customer was shown a list; some clicked, some of them bought, some after the mail."""
    engine = Engine.from_bundle(Registry(store).open(verify=False))
    signer = Signer(SECRET.encode(), SCENARIOS)
    for place, name in enumerate(people):
        at = now - timedelta(days=place % 6, hours=1)
        found = engine.recommend(Query(customer_id=name, n=4), now=at)
        shown = [item.product.item_id for item in found.items]
        told = signer.sign(found.model_version, "home", at, shown, placement=("top", "cart")[place % 2])
        items = tuple(EventItem(item_id=item) for item in shown)
        yield _event("impression", f"i{place}", at, name, items, told)
        if place % 2:
            yield _event("click", f"c{place}", at + timedelta(minutes=1), name, items[:1], told)
        if place % 4 == 1:
            bought = (EventItem(item_id=shown[0], price=4.0 + place),)
            yield _event("purchase", f"p{place}", at + timedelta(minutes=9), name, bought, None, f"order-{place}")
        if place % 3 == 0:
            bought = (EventItem(item_id=shown[-1], price=2.5),)
            yield _event("purchase", f"q{place}", now + timedelta(seconds=1), name, bought, None, f"later-{place}")


def _event(
    kind: str, event_id: str, at: datetime, name: str, items: tuple[EventItem, ...], told: str | None,
    order: str | None = None,
) -> Event:  # fmt: skip
    return Event(
        type=kind, event_id=event_id, happened_at=at, customer_id=name, order_id=order, items=items,
        currency="EUR", recommendation_id=told,
    )  # fmt: skip


@pytest.fixture
def store(furnished: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    copy = tmp_path / "store"
    shutil.copytree(furnished, copy)
    return copy


@pytest.fixture
def database(store: Path) -> Iterator[sa.Engine]:
    engine = open_database(None, store)
    yield engine
    engine.dispose()


@pytest.fixture
def app(store: Path, database: sa.Engine) -> Flask:
    settings = ServeSettings(store=store, secret=SECRET, config=store / "recsvc.toml")
    app = create_app(settings, LiveEngine(Registry(store)), database)
    assert service_of(app).keys.check_database(5) is None
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who has not signed in."""
    return app.test_client()


@pytest.fixture
def token(furnished: Path) -> str:
    return (furnished / "admin.token").read_text()


@pytest.fixture
def admin(client: FlaskClient, token: str) -> FlaskClient:
    """Nora, signed in."""
    answer = post(client, "/console/sign-in", "/console/sign-in", key=token)
    assert answer.status_code == 303, answer.text
    return client


def form_token(page: str) -> str:
    """What a page's forms carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    assert found is not None, page[:2000]
    return found[1]


def post(client: FlaskClient, page: str, address: str, **fields: str) -> TestResponse:
    """Send a form as the page at `page` would."""
    return client.post(address, data={**fields, "form_token": form_token(client.get(page).text)})
