import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings, is_loopback
from recsvc.keys import Scope, create_key, revoke_key
from recsvc.state import connect

MakeKey = Callable[[Scope], dict[str, str]]
PERSONAL = "/recommend?customer_id=coffee-1"


def test_on_this_machine_nobody_needs_a_key_until_there_is_one(client: FlaskClient, make_key: MakeKey) -> None:
    assert client.get(PERSONAL).status_code == 200
    key = make_key(Scope.SERVER)
    refused = client.get(PERSONAL)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="recsvc"'
    assert client.get(PERSONAL, headers=key).status_code == 200


def test_a_key_may_come_in_either_header(client: FlaskClient, make_key: MakeKey) -> None:
    token = make_key(Scope.SERVER)["Authorization"].removeprefix("Bearer ")
    for headers in ({"X-API-Key": token}, {"Authorization": f"bearer  {token} "}):
        assert client.get(PERSONAL, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "token",
    ["", "nonsense", "rk_server_00000000_" + "0" * 64, "rk_server__", "rk_" + "a" * 10_000, "ключ", "rk_server_ID_x"],
)
def test_a_key_that_is_none(client: FlaskClient, make_key: MakeKey, token: str) -> None:
    known = make_key(Scope.SERVER)["Authorization"].split("_")[2]
    refused = client.get(PERSONAL, headers={"X-API-Key": token.replace("ID", known).encode().decode("latin-1")})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="recsvc", error="invalid_token"'


def test_a_public_key_gets_only_lists_about_nobody(client: FlaskClient, make_key: MakeKey) -> None:
    key = make_key(Scope.PUBLIC)
    for address in ("/recommend", "/recommend?items=soap&scenario=complements", "/recommend?session_items=soap"):
        assert client.get(address, headers=key).status_code == 200
    for refused in (
        client.get(PERSONAL, headers=key),
        client.get("/recommend?customer_id=nobody", headers=key),
        client.post("/recommend", json={"customer_id": "coffee-1"}, headers=key),
    ):
        assert refused.status_code == 403
        assert refused.content_type == "application/problem+json"
        assert "customer_id" in refused.get_json()["detail"]
    assert client.get("/metrics", headers=key).status_code == 403


def test_admin_includes_server(client: FlaskClient, make_key: MakeKey) -> None:
    key = make_key(Scope.ADMIN)
    assert client.get(PERSONAL, headers=key).status_code == 200
    assert client.get("/metrics", headers=key).status_code == 200


def test_a_revoked_and_an_expired_key_are_refused(app: Flask, database: sa.Engine, make_key: MakeKey) -> None:
    client, service = app.test_client(), service_of(app)
    key = make_key(Scope.SERVER)
    revoke_key(database, key["Authorization"].split("_")[2], now=datetime.now(UTC))
    then = datetime.now(UTC) - timedelta(days=2)
    _, expired = create_key(database, name="old", scope=Scope.SERVER, now=then, expires_at=then + timedelta(days=1))
    service.keys.check_database(5)
    assert client.get(PERSONAL, headers=key).status_code == 401
    assert client.get(PERSONAL, headers={"X-API-Key": expired}).status_code == 401
    # Whoever revoked the last key did not mean to open the door.
    assert client.get(PERSONAL).status_code == 401


def test_a_key_works_soon_after_it_is_made(
    app: Flask, database: sa.Engine, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(Scope.SERVER)
    monkeypatch.setattr("recsvc.http.access.SOON", 0.0)
    _, token = create_key(database, name="new", scope=Scope.SERVER, now=datetime.now(UTC))
    assert app.test_client().get(PERSONAL, headers={"X-API-Key": token}).status_code == 200


def test_others_than_this_machine_always_need_a_key(store: Path, live: LiveEngine, database: sa.Engine) -> None:
    client = create_app(ServeSettings(store=store, host="0.0.0.0"), live, database).test_client()
    assert client.get("/recommend").status_code == 401
    assert client.get("/metrics").status_code == 401
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200


def test_without_a_database_lists_about_nobody_go_on(store: Path, live: LiveEngine) -> None:
    """It cannot be told whether there are keys, so nobody's taste is shown, and nobody is turned away either."""
    down = connect("postgresql://shop@127.0.0.1:1/state", store)
    for host in ("127.0.0.1", "0.0.0.0"):
        app = create_app(ServeSettings(store=store, host=host), live, down)
        service_of(app).keys.check_database(5)
        client = app.test_client()
        assert client.get("/recommend").status_code == 200
        personal = client.get(PERSONAL, headers={"X-API-Key": "rk_server_0_0"})
        assert (personal.status_code, personal.headers["Retry-After"]) == (503, "5")
        assert client.get("/metrics").status_code == 503
        ready = client.get("/health/ready").get_json()
        assert (ready["status"], ready["database"]) == ("ready", "down")
        assert "127.0.0.1:1" in ready["problem"]


def test_a_database_that_goes_down_takes_no_list_with_it(
    app: Flask, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, key = app.test_client(), make_key(Scope.SERVER)

    def fail(_: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr("recsvc.keys.ring.list_keys", fail)
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.get_json()["database"]) == (200, "down")
    assert client.get(PERSONAL, headers=key).status_code == 200
    assert client.get(PERSONAL).status_code == 401


def test_no_customer_and_no_key_is_in_the_log(
    store: Path, live: LiveEngine, database: sa.Engine, caplog: pytest.LogCaptureFixture, make_key: MakeKey
) -> None:
    key = make_key(Scope.SERVER)
    client = create_app(ServeSettings(store=store, access_log=True), live, database).test_client()
    with caplog.at_level(logging.DEBUG):
        client.get(PERSONAL, headers={**key, "X-Request-ID": "r1"})
        client.get("/recommend?customer_id=coffee-1&n=0", headers=key)
        client.post("/recommend", json={"customer_id": "coffee-1", "n": 0}, headers=key)
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert [(vars(r)["route"], vars(r)["code"]) for r in caplog.records if r.message == "request"] == [
        ("/recommend", 200), ("/recommend", 400), ("/recommend", 400),
    ]  # fmt: skip
    assert "'request_id': 'r1'" in logged
    assert "coffee-1" not in logged
    assert key["Authorization"].split("_")[3] not in logged


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True),
        ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("example.org", False), ("", False),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_settings_show_no_secret(tmp_path: Path) -> None:
    settings = ServeSettings(store=tmp_path, secret="geheim", database_url="postgresql://u:geheim@h/d")
    assert "geheim" not in repr(settings)
    assert replace(settings, host="::").address == "http://[::1]:8000"
