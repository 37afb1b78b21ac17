"""An application over the tiny shop, with a store of its own."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings
from recsvc.keys import Scope, create_key
from recsvc.state import open_database

SECRET = "a secret of the tests, long enough"
MakeKey = Callable[[Scope], dict[str, str]]


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    """A copy of the tiny shop's store that a test may change."""
    copy = tmp_path / "store"
    shutil.copytree(tiny_store, copy)
    return copy


@pytest.fixture
def live(store: Path) -> LiveEngine:
    return LiveEngine(Registry(store))


@pytest.fixture
def database(store: Path) -> Iterator[sa.Engine]:
    engine = open_database(None, store)
    yield engine
    engine.dispose()


@pytest.fixture
def app(store: Path, live: LiveEngine, database: sa.Engine) -> Flask:
    return create_app(ServeSettings(store=store, secret=SECRET), live, database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def make_key(app: Flask, database: sa.Engine) -> MakeKey:
    """Makes a key that the application knows at once; returns the header to send it in."""

    def make(scope: Scope) -> dict[str, str]:
        _, token = create_key(database, name=f"a {scope} key", scope=scope, now=datetime.now(UTC))
        assert service_of(app).keys.check_database(5) is None
        return {"Authorization": f"Bearer {token}"}

    return make
