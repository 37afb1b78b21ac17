"""What deploy/ asks Prometheus for is there under that name."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from recsvc.http.asked import Asked

DEPLOY = Path(__file__).parents[2] / "deploy"
METRIC = re.compile(r"\brecsvc_[a-z_]+")
# What a worker adds when it runs under `recsvc serve`.
OF_A_WORKER = {
    "recsvc_http_connections_waiting",
    "recsvc_live_events_available",
    "recsvc_database_up",
    "recsvc_registry_up",  # where there is a shared one
}


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return document


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return panels + [rule["expr"] for rule in rules()]


def test_every_metric_that_is_asked_for_exists(client: FlaskClient) -> None:
    client.get("/recommend")
    client.get("/recommend?customer_token=nonsense")
    there = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE))
    # An info has its suffix in the type line, a histogram's parts have not.
    there |= {f"{name}_bucket" for name in there} | OF_A_WORKER
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert sorted(asked - there) == []


def test_panels_do_not_overlap_and_expressions_balance() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    for expression in expressions():
        assert all(expression.count(opening) == expression.count(closing) for opening, closing in ("()", "[]", "{}"))


def test_every_alert_says_what_is_wrong_and_where_to_look() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "runbook"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])


def test_the_path_of_a_list_is_told_apart(client: FlaskClient) -> None:
    for address in (
        "/recommend?customer_id=coffee-1",
        "/recommend?customer_id=coffee-1&session_items=soap",
        "/recommend",
    ):
        assert client.get(address).status_code == 200
    text = client.get("/metrics").text
    counts = dict(
        re.findall(r'^recsvc_recommendation_duration_seconds_count\{path="(\w+)"\} (\S+)', text, re.MULTILINE)
    )
    assert counts == {"lookup": "1.0", "computed": "1.0", "fallback": "1.0"}
    assert re.search(r'^recsvc_build_info\{version="[^"]+"\} 1\.0', text, re.MULTILINE)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("", False),
        (None, False),
    ],
)
def test_a_trace_goes_on_where_its_header_is_valid(given: str | None, kept: bool) -> None:
    trace = Asked({} if given is None else {"HTTP_TRACEPARENT": given}).trace_id
    assert re.fullmatch(r"[0-9a-f]{32}", trace)
    assert (given is not None and trace in given) == kept
