"""Events on a running service: durable through SIGKILL, and seen by every worker within a second."""

import http.client
import json
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.events import post_through_kills, stored_counts
from tests.http.test_server import Service, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_no_acknowledged_event_is_lost_or_doubled(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url: str | None = None
    if kind == "postgresql":
        address = sa.make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql")
        url = address.render_as_string(hide_password=False)
    outcome = post_through_kills(tmp_path, url, n_events=1_000)
    assert len(outcome.acknowledged) == 1_000
    assert (outcome.killed_workers, outcome.killed_services) == (3, 1)
    counts = stored_counts(tmp_path, url)
    assert {name for name, count in counts.items() if count == 1} >= outcome.acknowledged
    assert set(counts.values()) == {1}


def ask(service: Service, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """On a connection of its own, so that any worker may take it."""
    connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=30)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_an_event_changes_the_lists_of_all_workers_within_a_second(store: Path) -> None:
    with serving(store, "--workers", "2") as service:
        for turn, customer in enumerate(("coffee-1", "coffee-2", "coffee-3", "bath-1", "pasta-2")):
            path = f"/recommend?customer_id={customer}&scenario=popular&n=20"
            items = [[item["item_id"] for item in ask(service, "GET", path)[1]["items"]] for _ in range(4)]
            assert all("candle" in listed for listed in items)
            cart = {"type": "add_to_cart", "event_id": f"e{turn}", "customer_id": customer, "items": ["candle"]}
            assert ask(service, "POST", "/events", cart)[0] == 202
            time.sleep(1.0)
            for _ in range(20):
                _, answer = ask(service, "GET", path)
                assert "candle" not in [item["item_id"] for item in answer["items"]]
