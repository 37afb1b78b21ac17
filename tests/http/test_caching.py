"""What caches may keep: the same bytes under the same ETag, and nothing about anybody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.service import service_of
from recsvc.http.settings import ServeSettings

SHARED = "public, max-age=60, s-maxage=600, stale-while-revalidate=3600, stale-if-error=86400"


def test_an_answer_about_nobody_is_the_same_from_every_worker(
    store: Path, live: LiveEngine, database: sa.Engine
) -> None:
    now = [datetime(2026, 3, 1, 12, 5, tzinfo=UTC)]
    workers = [
        create_app(ServeSettings(store=store, secret="s" * 32), live, database, clock=lambda: now[0]).test_client()
        for _ in range(2)
    ]
    first = workers[0].get("/recommend?locale=en&scenario=complements&items=soap")
    assert first.headers["Cache-Control"] == SHARED
    assert first.headers["ETag"].startswith('"')
    assert "Vary" not in first.headers
    assert "Set-Cookie" not in first.headers
    assert first.get_json()["took_ms"] == 0
    assert first.headers["Server-Timing"].startswith("app;dur=")
    now[0] += timedelta(minutes=54)
    second = workers[1].get("/recommend?locale=en&scenario=complements&items=soap")
    assert second.data == first.data
    assert second.headers["ETag"] == first.headers["ETag"]
    now[0] += timedelta(minutes=2)  # the next hour: signed anew
    assert (
        workers[0].get("/recommend?locale=en&scenario=complements&items=soap").headers["ETag"] != first.headers["ETag"]
    )


def test_its_id_still_says_model_list_and_about_when(app: Flask) -> None:
    answer = app.test_client().get("/recommend?locale=en").get_json()
    signed = service_of(app).signer.read(answer["recommendation_id"])
    assert signed.model_version == answer["model_version"]
    assert [signed.place(item["item_id"]) for item in answer["items"]] == list(range(len(answer["items"])))
    assert timedelta(0) <= datetime.now(UTC) - signed.at <= timedelta(minutes=61)


def test_whoever_has_it_already_gets_304(client: FlaskClient) -> None:
    tag = client.get("/recommend?locale=de").headers["ETag"]
    for held in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get("/recommend?locale=de", headers={"If-None-Match": held})
        assert (again.status_code, again.data) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, SHARED)
    for held in ('"other"', "", "nonsense", '"'):
        assert client.get("/recommend?locale=de", headers={"If-None-Match": held}).status_code == 200
    assert client.get("/recommend?locale=en", headers={"If-None-Match": tag}).status_code == 200
    head = client.head("/recommend?locale=de")
    assert (head.status_code, head.headers["ETag"], head.data) == (200, tag, b"")


def test_where_the_browsers_language_decided_a_cache_is_told(client: FlaskClient) -> None:
    german = client.get("/recommend", headers={"Accept-Language": "de"})
    english = client.get("/recommend", headers={"Accept-Language": "en"})
    assert german.headers["Vary"] == english.headers["Vary"] == "Accept-Language"
    assert german.headers["ETag"] != english.headers["ETag"]


@pytest.mark.parametrize(
    "address",
    [
        "/recommend?customer_id=coffee-1",
        "/recommend?customer_id=nobody",
        "/recommend?session_items=soap",
        "/recommend?customer_token=nonsense",
        "/recommend?customer_id=coffee-1&explain=true",
    ],
)
def test_an_answer_about_somebody_is_kept_nowhere(client: FlaskClient, address: str) -> None:
    answer = client.get(address, headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert "ETag" not in answer.headers


def test_an_answer_to_post_is_kept_nowhere(client: FlaskClient) -> None:
    answer = client.post("/recommend", json={})
    assert (answer.headers["Cache-Control"], answer.headers.get("ETag")) == ("private, no-store", None)
    assert answer.get_json()["took_ms"] > 0
