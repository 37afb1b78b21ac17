"""Pages of other origins: those on the list may ask, no others."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from models.errors import SettingsError
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings, parse_origins

SHOP, OTHER = "https://shop.example", "https://www.shop.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def serving(store: Path, live: LiveEngine, database: sa.Engine, *origins: str) -> FlaskClient:
    app: Flask = create_app(ServeSettings(store=store, origins=origins), live, database)
    return app.test_client()


def test_with_one_origin_every_answer_names_it_so_that_caches_keep_one(
    store: Path, live: LiveEngine, database: sa.Engine
) -> None:
    client = serving(store, live, database, SHOP)
    for headers in ({}, {"Origin": SHOP}, {"Origin": "https://evil.example"}):
        for path in ("/recommend?locale=en", "/v1/recommend?locale=en", "/recommend?n=0"):
            answer = client.get(path, headers=headers)
            assert answer.headers["Access-Control-Allow-Origin"] == SHOP
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
            assert "Vary" not in answer.headers
            assert "Access-Control-Allow-Credentials" not in answer.headers
    for path in ("/health/live", "/metrics", "/docs", "/nowhere"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": SHOP}).headers


def test_of_several_the_one_that_asks_is_named(store: Path, live: LiveEngine, database: sa.Engine) -> None:
    client = serving(store, live, database, SHOP, OTHER)
    asked = client.get("/recommend", headers={"Origin": OTHER})
    assert asked.headers["Access-Control-Allow-Origin"] == OTHER
    assert asked.headers["Vary"] == "Accept-Language, Origin"
    for headers in ({}, {"Origin": "https://shop.example.evil"}, {"Origin": "null"}):
        refused = client.get("/recommend", headers=headers)
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert "Origin" in refused.headers["Vary"]


def test_a_preflight_is_answered_without_a_key_and_remembered(
    store: Path, live: LiveEngine, database: sa.Engine
) -> None:
    client = serving(store, live, database, SHOP, OTHER)
    allowed = client.options("/recommend", headers={"Origin": SHOP, **ASKS})
    assert (allowed.status_code, allowed.data) == (204, b"")
    assert allowed.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Content-Type" in allowed.headers["Access-Control-Allow-Headers"]
    assert allowed.headers["Access-Control-Max-Age"] == "600"
    refused = client.options("/recommend", headers={"Origin": "https://evil.example", **ASKS})
    assert "Access-Control-Allow-Methods" not in refused.headers
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "Access-Control-Allow-Methods" not in client.options("/metrics", headers={"Origin": SHOP, **ASKS}).headers


def test_without_origins_there_is_nothing_to_see(client: FlaskClient) -> None:
    for answer in (
        client.get("/recommend", headers={"Origin": SHOP}),
        client.options("/recommend", headers={"Origin": SHOP, **ASKS}),
    ):
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118


def test_what_an_origin_is() -> None:
    assert parse_origins("") == ()
    assert parse_origins(f"{SHOP}, http://localhost:3000 https://[::1]:8443") == (
        SHOP, "http://localhost:3000", "https://[::1]:8443",
    )  # fmt: skip
    for text in ("*", "shop.example", f"{SHOP}/", f"{SHOP}/page", "https://Shop.example", "null", "https://*.example"):
        with pytest.raises(SettingsError, match="RECSVC_ORIGINS has"):
            parse_origins(text)
