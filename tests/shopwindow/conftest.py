"""A shop window over the tiny shop, with three customers in its table."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings
from recsvc.shopwindow import PAGES
from recsvc.state import open_database, writing
from recsvc.state.schema import customers
from tests.conftest_shop import FIRST_DAY

PEOPLE = [
    {"customer_id": "coffee-3", "email": "ida@example.org", "first_name": "Ida", "locale": "de", "email_ok": True},
    {"customer_id": "bath-1", "email": "max@example.org", "first_name": "<Max>", "locale": "en", "email_ok": False},
]


@pytest.fixture(scope="session")
def window_store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny store, with PEOPLE in it."""
    store = tmp_path_factory.mktemp("window") / "store"
    shutil.copytree(tiny_store, store)
    database = open_database(None, store)
    consent = {"profiling_ok": True, "tracking_ok": False, "tier": None, "points": None, "updated_at": FIRST_DAY}
    with writing(database) as connection:
        connection.execute(customers.insert(), [{**consent, **person} for person in PEOPLE])
    database.dispose()
    return store


@pytest.fixture
def client(window_store: Path) -> Iterator[FlaskClient]:
    """The shop window's pages."""
    database = open_database(None, window_store)
    settings = ServeSettings(store=window_store, pages=(PAGES,))
    yield create_app(settings, LiveEngine(Registry(window_store)), database).test_client()
    database.dispose()
