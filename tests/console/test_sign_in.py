"""Who gets in, for how long, and what a form of another site can do."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from models.registry import Registry
from recsvc.console.sessions import LIFE, Sessions
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.logs import JsonFormatter
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings
from recsvc.keys import Scope, create_key, revoke_key
from recsvc.state import open_database
from tests.console.conftest import SECRET, form_token, post

SIGN_IN = "/console/sign-in"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def know_all_keys(app: Flask) -> None:
    assert service_of(app).keys.check_database(5) is None


def test_an_admin_key_opens_and_signing_out_closes(client: FlaskClient, token: str) -> None:
    first = client.get("/console/models?x=1")
    assert (first.status_code, first.headers["Location"]) == (303, "/console/sign-in?to=%2Fconsole%2Fmodels%3Fx%3D1")
    page = client.get(first.headers["Location"]).text
    fields = {"key": token, "to": "/console/models?x=1", "form_token": form_token(page)}
    entered = client.post(SIGN_IN, data=fields)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/console/models?x=1")
    assert client.get("/console").status_code == 200
    assert client.get(SIGN_IN).headers["Location"] == "/console"
    assert post(client, "/console", "/console/sign-out").status_code == 303
    assert client.get("/console").status_code == 303


@pytest.mark.parametrize("scope", [Scope.PUBLIC, Scope.SERVER])
def test_other_keys_do_not_open(client: FlaskClient, app: Flask, database: sa.Engine, scope: Scope) -> None:
    _, token = create_key(database, name="other", scope=scope, now=datetime.now(UTC))
    know_all_keys(app)
    refused = post(client, SIGN_IN, SIGN_IN, key=token)
    assert (refused.status_code, "no admin key" in refused.text) == (403, True)
    assert client.get("/console").status_code == 303


@pytest.mark.parametrize("key", ["", "x", "rk_admin_00000000_" + "0" * 64, "ä" * 9000, "\ud800", "rk_admin_%s_x"])
def test_nonsense_does_not_open(client: FlaskClient, app: Flask, key: str) -> None:
    known = next(iter(service_of(app).keys.keys() or {}))
    wrong = key.replace("%s", known).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    assert post(client, SIGN_IN, SIGN_IN, key=wrong).status_code == 403


def test_a_session_ends_with_its_key(admin: FlaskClient, app: Flask, database: sa.Engine, token: str) -> None:
    assert admin.get("/console").status_code == 200
    revoke_key(database, token.split("_")[2], now=datetime.now(UTC))
    know_all_keys(app)
    assert admin.get("/console").status_code == 303
    create_key(database, name="left", scope=Scope.SERVER, now=datetime.now(UTC))
    know_all_keys(app)
    assert admin.get("/console").status_code == 303


def test_a_session_ends_with_its_time_and_cannot_be_made_up() -> None:
    sessions = Sessions(b"one secret of sixteen")
    session = sessions.begin("abc", NOW)
    text = sessions.write(session)
    assert sessions.read(text, NOW + LIFE - timedelta(seconds=1)) == session
    assert sessions.read(text, NOW + LIFE) is None
    who, ends, rest = text.split(".", 2)
    for forged in (f"abd.{ends}.{rest}", f"{who}.{int(ends) + 1}.{rest}", text[:-1], text + "0", "", None):
        assert sessions.read(forged, NOW) is None
    assert Sessions(b"another secret, as long").read(text, NOW) is None
    assert not sessions.holds(session, sessions.form_token(sessions.begin("abc", NOW)))


def test_a_form_without_this_sessions_token_does_nothing(admin: FlaskClient) -> None:
    page = admin.get("/console").text
    for fields in ({}, {"form_token": "0" * 64}, {"form_token": "ü"}):
        refused = admin.post("/console/sign-out", data=fields)
        assert refused.status_code == 403
        assert refused.content_type == "text/html; charset=utf-8"
    assert admin.get("/console").status_code == 200
    assert admin.post("/console/sign-out", data={"form_token": form_token(page)}).status_code == 303


def test_a_link_from_elsewhere_signs_nobody_out(app: Flask, admin: FlaskClient) -> None:
    # A browser sends no cookie along with it, and keeps what it is given.
    given = [name.partition("=")[0] for name in app.test_client().get(SIGN_IN).headers.getlist("Set-Cookie")]
    assert given == ["recsvc_console_form"]


@pytest.mark.parametrize("proto", ["http", "https"])
def test_the_cookie_is_for_these_pages_alone(client: FlaskClient, token: str, proto: str) -> None:
    headers = {"X-Forwarded-Proto": proto}
    page = client.get(SIGN_IN, headers=headers).text
    entered = client.post(SIGN_IN, data={"key": token, "form_token": form_token(page)}, headers=headers)
    [cookie] = entered.headers.getlist("Set-Cookie")
    for part in ("recsvc_console=", "HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age=43200"):
        assert part in cookie
    assert ("Secure" in cookie) == (proto == "https")
    assert token.split("_")[3] not in cookie


def test_guessing_is_slow(client: FlaskClient, token: str) -> None:
    codes = [post(client, SIGN_IN, SIGN_IN, key="x").status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
    late = post(client, SIGN_IN, SIGN_IN, key=token)
    assert late.status_code == 429
    assert 1 <= int(late.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/", "//evil.example", "/consolex", "/docs", "/console\\x", "javascript:x", "",
        "/console/\r\nSet-Cookie: a=b", "/console/\x00",
    ],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(client: FlaskClient, token: str, to: str) -> None:
    assert post(client, SIGN_IN, SIGN_IN, key=token, to=to).headers["Location"] == "/console"


def test_an_address_with_a_slash_leads_to_the_start(client: FlaskClient) -> None:
    answer = client.get("/console/", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, SIGN_IN)


def test_without_any_key_this_machine_may_enter(tiny_store: Path, tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    settings = ServeSettings(store=tmp_path, secret=SECRET)
    app = create_app(settings, LiveEngine(Registry(tmp_path)), database)
    know_all_keys(app)
    near, far = app.test_client(), app.test_client()
    for headers in ({"Host": "rebound.example"}, {"X-Forwarded-For": "203.0.113.9"}):
        page = far.get(SIGN_IN, headers=headers).text
        assert "Go on without a key" not in page
        refused = far.post(SIGN_IN, data={"here": "1", "form_token": form_token(page)}, headers=headers)
        assert refused.status_code == 403
    assert post(near, SIGN_IN, SIGN_IN, here="1").status_code == 303
    without_model = near.get("/console")
    assert without_model.status_code == 200
    assert "No model answers" in without_model.text
    assert near.get("/console", headers={"Host": "rebound.example"}).status_code == 303
    create_key(database, name="first", scope=Scope.ADMIN, now=datetime.now(UTC))
    know_all_keys(app)
    assert near.get("/console").status_code == 303
    database.dispose()


def test_every_answer_is_the_readers_alone(admin: FlaskClient) -> None:
    for address, status in (("/console", 200), ("/console/nothing", 404)):
        answer = admin.get(address)
        assert answer.status_code == status
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
    part = admin.get("/console", headers={"Cookie": "", "HX-Request": "true"})
    assert part.status_code in (200, 401)


def test_who_is_signed_out_is_sent_to_the_door_by_script_too(client: FlaskClient) -> None:
    answer = client.get("/console", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/console/sign-in")


def test_assets_may_be_kept_and_name_their_version(client: FlaskClient) -> None:
    page = client.get(SIGN_IN).text
    for name in ("console.css", "console.js", "htmx-2.0.11.min.js", "uplot-1.6.32.min.js", "icon.svg"):
        address = next(part for part in page.split('"') if f"/static/{name}" in part)
        asset = client.get(address)
        assert (asset.status_code, "immutable" in asset.headers["Cache-Control"]) == (200, True)
    assert client.get("/console/static/../pages.py").status_code in (303, 404)
    assert client.get("/console/static/htmx-LICENSE.txt").status_code == 404


def test_a_language_that_was_chosen_stays(admin: FlaskClient) -> None:
    assert '<html lang="de">' in admin.get("/console?lang=de").text
    assert '<html lang="de">' in admin.get("/console", headers={"Accept-Language": "en"}).text
    assert '<html lang="en">' in admin.get("/console?lang=en").text
    assert '<html lang="en">' in admin.get("/console?lang=xx").text


def test_logs_name_the_key_and_never_its_secret(
    client: FlaskClient, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        post(client, SIGN_IN, SIGN_IN, key="rk_admin_x_y")
        post(client, SIGN_IN, SIGN_IN, key=token)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert [json.loads(line)["message"] for line in lines if "console" in line] == [
        "console: sign-in refused", "console: signed in",
    ]  # fmt: skip
    assert not [line for line in lines if token in line or token.split("_")[3] in line]
