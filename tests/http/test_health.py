import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings


def test_alive_says_nothing_of_the_model_or_the_database(client: FlaskClient) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})
    assert response.headers["Cache-Control"] == "no-store"


def test_ready_says_from_what(store: Path, live: LiveEngine, database: sa.Engine) -> None:
    created = datetime.fromisoformat(live.current().manifest.created_at)
    app = create_app(ServeSettings(store=store), live, database, clock=lambda: created + timedelta(seconds=90))
    response = app.test_client().get("/v1/health/ready")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "ready",
        "model_version": live.current().version,
        "model_created_at": created.isoformat().replace("+00:00", "Z"),
        "model_age_seconds": 90,
        "database": "up",
        "registry": None,
        "problem": None,
    }


def test_nothing_published_is_not_ready_and_says_what_to_do(tmp_path: Path, database: sa.Engine) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    client = create_app(ServeSettings(store=empty), LiveEngine(Registry(empty)), database).test_client()
    response = client.get("/health/ready")
    assert response.status_code == 503
    ready = response.get_json()
    assert (ready["status"], ready["model_version"], ready["database"]) == ("not ready", None, "up")
    assert "no model is published" in ready["problem"]
    assert client.get("/health/live").status_code == 200
    refused = client.get("/recommend")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "/health/ready" in refused.get_json()["detail"]
    assert str(empty) not in refused.text


def test_a_bundle_that_is_refused_is_reported_while_the_old_one_serves(
    app: Flask, store: Path, live: LiveEngine
) -> None:
    registry, old = Registry(store), live.current().version
    damaged = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-deadbeef"
    shutil.copytree(registry.path(old), registry.bundles / damaged)
    array = next((registry.bundles / damaged).glob("catalogue.items*.npy"))
    array.write_bytes(array.read_bytes()[:-1] + b"\xff")
    (store / "current.new").write_text(damaged)
    (store / "current.new").replace(store / "current")
    live.refresh()
    client = app.test_client()
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()["model_version"]) == (200, old)
    assert "damaged" in response.get_json()["problem"]
    assert client.get("/recommend").get_json()["model_version"] == old
    assert samples(client)["recsvc_model_refused"] == 1


def test_metrics_count_requests_lists_and_sources(client: FlaskClient, live: LiveEngine) -> None:
    client.get("/recommend?customer_id=coffee-1&n=3")
    client.get("/v1/recommend?n=0")
    client.get("/no/such/place")
    client.get("/recommend?scenario=popular&n=4")
    found = samples(client)
    assert found['recsvc_http_requests_total{code="200",route="/recommend"}'] == 2
    assert found['recsvc_http_requests_total{code="400",route="/v1/recommend"}'] == 1
    assert found['recsvc_http_requests_total{code="404",route="none"}'] == 1
    assert found['recsvc_http_request_duration_seconds_count{route="/recommend"}'] == 2
    assert found['recsvc_recommendations_total{fallback="none",scenario="popular"}'] == 1
    assert found['recsvc_recommended_items_total{source="popular"}'] >= 4
    assert found[f'recsvc_model_info{{version="{live.current().version}"}}'] == 1
    assert found["recsvc_model_created_timestamp_seconds"] > 1.7e9
    assert found["recsvc_catalogue_items"] == 16
    assert not any("coffee-1" in name for name in found)


def samples(client: FlaskClient) -> dict[str, float]:
    """Every sample by its name and sorted labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found
