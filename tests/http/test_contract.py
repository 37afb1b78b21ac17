"""The OpenAPI document holds, and the service holds to it."""

import json
import re
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, assume, given, settings
from openapi_pydantic import OpenAPI
from schemathesis import GenerationMode
from werkzeug.serving import make_server

from benchmarks.contract import ask_in_chains
from recsvc.engine.filters import MOST_CONDITIONS, ShapeError, parse_filter
from recsvc.http.schemas import ITEM_FIELDS, Readiness, RecommendRequest

CASES = 60


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found


def has_too_many_conditions(case: schemathesis.Case[Any]) -> bool:
    """Whether a filter is larger than a service bears, which no JSON schema can say of something nested."""
    body = case.body if isinstance(case.body, dict) else {}
    for shape in ((case.query or {}).get("filter"), body.get("filter")):
        try:
            parse_filter(json.loads(shape) if isinstance(shape, str) else shape)
        except ShapeError as error:
            if f"more than {MOST_CONDITIONS} conditions" in str(error):
                return True
        except ValueError:
            pass
    return False


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        ("GET /recommend", GenerationMode.POSITIVE),
        ("GET /recommend", GenerationMode.NEGATIVE),
        ("POST /recommend", GenerationMode.POSITIVE),
        ("POST /recommend", GenerationMode.NEGATIVE),
        ("POST /recommend/batch", GenerationMode.POSITIVE),
        ("GET /health/live", GenerationMode.POSITIVE),
        ("GET /health/ready", GenerationMode.POSITIVE),
        ("GET /kpis", GenerationMode.POSITIVE),
        ("GET /metrics", GenerationMode.POSITIVE),
        ("GET /offers/{customer_id}", GenerationMode.POSITIVE),
        ("GET /u/{token}", GenerationMode.POSITIVE),
        ("POST /u/{token}", GenerationMode.POSITIVE),
        ("GET /c/{token}", GenerationMode.POSITIVE),
    ],
)
def test_no_request_fails_or_is_answered_otherwise_than_documented(
    app: Flask, operation: str, mode: GenerationMode
) -> None:
    """Made-up requests, good and bad: none may end in a 500, nor in an answer that the document does not have."""
    method, path = operation.split()
    api = schemathesis.openapi.from_wsgi("/openapi.json", app)
    cases = api[path][method].as_strategy(generation_mode=mode)

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=cases)
    def ask(case: schemathesis.Case[Any]) -> None:
        assume(mode is GenerationMode.NEGATIVE or not has_too_many_conditions(case))
        case.call_and_validate()

    ask()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_chains_along_the_links_of_the_document_hold(app: Flask) -> None:
    """The short version of `benchmarks.contract`: ids of answers are handed to the next questions."""
    asked, found = ask_in_chains(app, CASES, 1)
    assert found == []
    assert asked.total() >= CASES
    assert all(name.split()[1] == "/recommend," for name in asked)
    assert len(asked) == 2


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert OpenAPI.model_validate(document).openapi == "3.1.1"
    assert "nullable" not in str(document)


# Pages and their assets.
UNDOCUMENTED = ("/", "/docs", "/openapi.json", "/recsvc.js", "/recsvc.css")


def test_every_route_is_documented(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/v1/", "/console")) and rule.rule not in UNDOCUMENTED
    }
    assert routes == {(path, method) for path, methods in document["paths"].items() for method in methods}


def test_everything_is_also_there_under_v1(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/console")} - {"/"}
    plain = {rule for rule in rules if not rule.startswith("/v1/")}
    assert {f"/v1{rule}" for rule in plain} == rules - plain


def test_both_ways_to_ask_take_the_same_fields(document: dict[str, Any]) -> None:
    operation = document["paths"]["/recommend"]["get"]
    parameters = {entry["name"]: entry for entry in operation["parameters"] if entry["in"] == "query"}
    assert list(parameters) == list(RecommendRequest.model_fields)
    assert list(document["components"]["schemas"]["RecommendRequest"]["properties"]) == list(parameters)
    assert parameters["n"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert parameters["items"]["schema"]["type"] == "array"


def test_examples_are_true(client: FlaskClient, document: dict[str, Any]) -> None:
    operation = document["paths"]["/recommend"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/recommend", json=example).status_code == 200
    answer = operation["responses"]["200"]["content"]["application/json"]["example"]
    told = client.post("/recommend", json=example).get_json()
    assert set(told) == set(answer)
    assert set(told["items"][0]) == set(answer["items"][0])
    problem = operation["responses"]["400"]["content"]["application/problem+json"]["example"]
    assert client.get("/recommend?n=0").get_json() | {"request_id": ""} == problem | {"request_id": ""}


def test_the_page_shows_every_operation_and_loads_nothing(client: FlaskClient, document: dict[str, Any]) -> None:
    response = client.get("/docs", headers={"Host": "shop.example:8443"})
    assert response.content_type == "text/html; charset=utf-8"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in response.text
            assert path in response.text
    assert "curl &#39;http://shop.example:8443/recommend?customer_id=900&#39;" in response.text
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://(?!shop\.example)", response.text)


def test_a_hostile_host_stays_text(client: FlaskClient) -> None:
    response = client.get("/docs", headers={"Host": "a'><script>alert(1)</script>"})
    assert "<script>" not in response.text


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_keeps_to_its_policy(app: Flask, chromium: Any, width: int, scheme: str) -> None:
    server = make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever)
    thread.start()
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"http://127.0.0.1:{server.server_port}/docs")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground, text = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert (brightness(ground) > brightness(text)) == (scheme == "light")
        page.click("nav a[href='#recommendFromBody']")
        assert page.locator("#recommendFromBody h2").is_visible()
    finally:
        context.close()
        server.shutdown()
        thread.join()
        server.server_close()
    # The browser asks for an icon of its own accord; there is none.
    assert [text for text in complaints if "404" not in text] == []


def brightness(colour: str) -> int:
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


DOCUMENT = Path(__file__).parents[2] / "docs" / "http.md"


def test_the_page_in_docs_names_every_operation_and_field(document: dict[str, Any]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    operations = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    assert [f"{method} {path}" for method, path in operations if f"{method} {path}" not in text] == []
    names = [*RecommendRequest.model_fields, *ITEM_FIELDS, *Readiness.model_fields]
    assert [name for name in names if f"`{name}`" not in text and f'"{name}"' not in text] == []


def test_lines_to_try_in_docs_are_answered(client: FlaskClient) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    addresses = re.findall(r"curl (?:-H '[^']+' )?'?127\.0\.0\.1:8000([^\s']+)", text)
    assert len(addresses) > 8
    codes = {address: client.get(address).status_code for address in addresses}
    assert {address for address, code in codes.items() if code != 200} == {"/recommend?n=0&itmes=a"}
    [body] = re.findall(r"--json '(.+?)'", text, re.DOTALL)
    assert client.post("/recommend", data=body, content_type="application/json").status_code == 200
