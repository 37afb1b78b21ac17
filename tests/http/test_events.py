"""`/events`, and the lists that take account of them."""

import re
import time
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from recsvc.events.store import erase
from recsvc.http.service import service_of
from recsvc.keys import Scope
from recsvc.state.live_events import events
from tests.http.conftest import MakeKey

VIEW = {"type": "view", "session_id": "s", "items": ["soap"]}


def listed(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.post("/recommend", json={"n": 20, **query})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.get_json()["items"]]


def post(client: FlaskClient, *batch: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post("/events", json={"events": list(batch)}, **more)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_purchase_is_seen_by_the_next_request(client: FlaskClient) -> None:
    assert "soap" in listed(client, customer_id="coffee-1", scenario="discover")
    bought = {"type": "purchase", "order_id": "o1", "customer_id": "coffee-1", "items": ["soap"]}
    assert post(client, bought) == {"accepted": 1, "duplicates": 0, "ignored": 0, "errors": []}
    assert post(client, bought)["duplicates"] == 1
    for scenario in ("discover", "home", "again", "popular"):
        assert "soap" not in listed(client, customer_id="coffee-1", scenario=scenario)
    assert "soap" in listed(client, customer_id="coffee-2", scenario="discover")


def test_a_visit_becomes_the_customers_at_login(client: FlaskClient) -> None:
    cart = {"type": "add_to_cart", "session_id": "s", "items": ["soap"]}
    post(client, cart)
    assert "soap" not in listed(client, session_id="s", scenario="popular")
    assert "soap" in listed(client, session_id="other", scenario="popular")
    assert "soap" in listed(client, customer_id="coffee-1", scenario="popular")
    assert "soap" not in listed(client, customer_id="coffee-1", session_id="s", scenario="popular")
    # What /recommend said of them is written down: the customer alone has it now, and so has every worker.
    service_of(client.application).events.refresh()
    assert "soap" not in listed(client, customer_id="coffee-1", scenario="popular")


def test_the_cart_is_completed(client: FlaskClient) -> None:
    post(client, {"type": "add_to_cart", "session_id": "s", "items": ["pasta"]})
    assert listed(client, session_id="s", scenario="complements") == listed(
        client, items=["pasta"], scenario="complements"
    )
    post(client, {"type": "remove_from_cart", "session_id": "s", "items": ["pasta"]})
    assert "pasta" in listed(client, session_id="s", scenario="popular")


def test_a_session_does_not_tell_what_its_customer_does_elsewhere(client: FlaskClient) -> None:
    post(client, {**VIEW, "customer_id": "coffee-1"})
    post(client, {"type": "purchase", "order_id": "o", "customer_id": "coffee-1", "items": ["wine"]})
    assert "wine" in listed(client, session_id="s", scenario="popular")
    assert "wine" not in listed(client, customer_id="coffee-1", scenario="popular")


def test_two_customers_of_one_browser_keep_theirs(client: FlaskClient) -> None:
    post(client, {"type": "add_to_cart", "session_id": "s", "customer_id": "coffee-1", "items": ["wine"]})
    post(client, {"type": "add_to_cart", "session_id": "s", "customer_id": "coffee-2", "items": ["soap"]})
    assert "wine" in listed(client, customer_id="coffee-2", session_id="s", scenario="popular")


def test_an_answer_about_a_visit_is_kept_by_no_cache(client: FlaskClient) -> None:
    assert client.get("/recommend?session_id=s").headers["Cache-Control"] == "private, no-store"


def test_clicks_are_tied_to_their_list(client: FlaskClient, database: sa.Engine) -> None:
    answer = client.get("/recommend?customer_id=coffee-1").get_json()
    clicked = answer["items"][0]["item_id"]
    click = {"type": "click", "session_id": "s", "recommendation_id": answer["recommendation_id"], "items": [clicked]}
    post(client, click, {**click, "type": "impression", "items": []})
    with database.connect() as connection:
        stored = set(connection.scalars(sa.select(events.c.recommendation_id)))
    assert stored == {answer["recommendation_id"]}
    forged = client.post("/events", json={**click, "recommendation_id": answer["recommendation_id"][:-2] + "xx"})
    assert forged.status_code == 400
    assert forged.get_json()["errors"][0]["pointer"] == "#/recommendation_id"


def test_partial_errors_name_index_and_field(client: FlaskClient) -> None:
    answer = post(client, VIEW, {**VIEW, "items": []}, {"type": "view"})
    assert answer["accepted"] == 1
    assert [(entry["index"], entry["pointer"]) for entry in answer["errors"]] == [
        (1, "#/events/1/items"),
        (2, "#/events/2/items"),
    ]
    refused = client.post("/events", json={**VIEW, "items": []})
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (400, "#/items")


def test_a_beacon_is_text(client: FlaskClient, make_key: MakeKey) -> None:
    token = make_key(Scope.PUBLIC)["Authorization"].removeprefix("Bearer ")
    body = '{"events": [{"type": "view", "session_id": "s", "items": ["soap"]}]}'
    sent = client.post(f"/events?key={token}", data=body, content_type="text/plain;charset=UTF-8")
    assert sent.status_code == 202
    assert client.post("/events", data=body, content_type="text/plain").status_code == 401
    assert client.post(f"/events?key={token}", data=body, content_type="image/png").status_code == 415
    assert client.post(f"/events?key={token}", data=b" " * 1_048_577, content_type="text/plain").status_code == 413


def test_what_a_public_key_may_not_say(client: FlaskClient, make_key: MakeKey) -> None:
    public, server = make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    bought = {"type": "purchase", "order_id": "o", "session_id": "s", "items": ["soap"]}
    assert client.post("/events", json=bought, headers=public).status_code == 403
    assert client.post("/events", json={**VIEW, "customer_id": "coffee-1"}, headers=public).status_code == 403
    assert client.post("/events", json=bought, headers=server).status_code == 202
    assert client.post("/events", json=VIEW, headers=public).status_code == 202


def test_a_customer_token_stands_for_its_customer(client: FlaskClient, make_key: MakeKey) -> None:
    public, server = make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    found = re.search(r"rk_server_([^_]+)_", server["Authorization"])
    assert found is not None
    service = service_of(client.application)
    expires = service.clock().replace(microsecond=0)
    token = service.tokens.sign(found[1], "coffee-1", expires)
    cart = {"type": "add_to_cart", "session_id": "s", "items": ["soap"]}
    sent = client.post("/events", json={"events": [cart], "customer_token": token}, headers=public)
    assert (sent.status_code, sent.headers["Customer-Token-Status"]) == (202, "accepted")
    asked = client.post("/recommend", json={"customer_id": "coffee-1", "scenario": "popular"}, headers=server)
    assert "soap" not in [item["item_id"] for item in asked.get_json()["items"]]


def test_without_the_database_events_wait_and_lists_go_on(app: Flask, client: FlaskClient, database: sa.Engine) -> None:
    post(client, {"type": "add_to_cart", "customer_id": "coffee-1", "items": ["soap"]})
    assert "soap" not in listed(client, customer_id="coffee-1", scenario="popular")
    assert "Live-Events" not in client.get("/recommend?customer_id=coffee-1").headers
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE events RENAME TO gone")
    refused = client.post("/events", json=VIEW)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    service_of(app).events.refresh()
    answer = client.get("/recommend?customer_id=coffee-1&scenario=popular")
    assert (answer.status_code, answer.headers["Live-Events"]) == (200, "unavailable")
    assert "soap" in [item["item_id"] for item in answer.get_json()["items"]]
    assert "Live-Events" not in client.get("/recommend").headers
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO events")
    assert client.post("/events", json=VIEW).status_code == 202
    assert "Live-Events" not in client.get("/recommend?customer_id=coffee-1").headers


def test_what_is_erased_is_forgotten_within_a_minute(
    app: Flask, client: FlaskClient, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, {"type": "add_to_cart", "customer_id": "coffee-1", "items": ["soap"]})
    assert "soap" not in listed(client, customer_id="coffee-1", scenario="popular")
    erase(database, "coffee-1")
    now = time.monotonic
    monkeypatch.setattr("recsvc.events.live.time.monotonic", lambda: now() + 61)
    assert "soap" in listed(client, customer_id="coffee-1", scenario="popular")


def test_events_are_counted(client: FlaskClient) -> None:
    post(client, {**VIEW, "event_id": "a"}, {**VIEW, "event_id": "a"}, {**VIEW, "items": []})
    client.post("/events", json={**VIEW, "type": "sneeze-17"})
    metrics = client.get("/metrics").text
    for outcome, kind in (("accepted", "view"), ("duplicate", "view"), ("refused", "view"), ("refused", "unknown")):
        assert f'recsvc_events_total{{outcome="{outcome}",type="{kind}"}} 1.0' in metrics


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_body_fails_or_is_answered_otherwise_than_documented(app: Flask, mode: GenerationMode) -> None:
    """A body of the right shape may be refused all the same: by a time that lies ahead, a signature that is forged."""
    api = schemathesis.openapi.from_wsgi("/openapi.json", app)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=api["/events"]["POST"].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()
