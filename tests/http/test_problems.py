import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.http.app import create_app
from recsvc.http.schemas import LARGEST_BODY, Problem
from recsvc.http.service import service_of


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The problem in a response, without its request id; checks what all problems have in common."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = response.get_json()
    Problem.model_validate(problem)
    assert problem.pop("request_id") == response.headers["X-Request-ID"]
    assert (problem["type"], problem["status"], problem["title"]) == ("about:blank", status, HTTPStatus(status).phrase)
    return problem


def test_a_number_out_of_range_is_named(client: FlaskClient) -> None:
    detail = "n is 0: input should be greater than or equal to 1"
    assert problem_of(client.get("/recommend?n=0"), 400) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": detail,
        "errors": [{"parameter": "n", "detail": detail}],
    }


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("n=101", "n", "n is 101: input should be less than or equal to 100"),
        ("n=-3", "n", "n is -3: input should be greater than or equal to 1"),
        ("n=ten", "n", "n is 'ten': input should be a valid integer"),
        ("n=1.5", "n", "n is '1.5': input should be a valid integer"),
        ("n=1_0", "n", "n is '1_0': input should be a valid integer"),
        ("n=", "n", "n is '': input should be a valid integer"),
        ("n=%D9%A3", "n", "n is '٣': input should be a valid integer"),
        ("n=99999999999999999999", "n", "n is '99999999999999999999': input should be a valid integer"),
        ("n=1&n=2", "n", "n is given 2 times; expected once"),
        ("customer_id=", "customer_id", "customer_id is '': string should have at least 1 character"),
        ("scenario=hom", "scenario", "scenario is 'hom': input should be 'home', 'discover', 'again', 'compl"),
        ("itmes=a", "itmes", "itmes is not a field of this request; did you mean items?"),
        ("locale=fr", "locale", "locale is 'fr': string should match pattern '^(en|de)([-_][A-Za-z]{2})?$'"),
        ("fields=price,cost", "fields", "fields[1] is 'cost': input should be"),
        ("limit=5", "limit", "limit is not a field of this request; known are scenario, n, filter,"),
    ],
)  # fmt: skip
def test_each_bad_parameter_is_named(client: FlaskClient, query: str, parameter: str, detail: str) -> None:
    errors = problem_of(client.get(f"/recommend?{query}"), 400)["errors"]
    assert [error["parameter"] for error in errors] == [parameter]
    assert errors[0]["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"n": 0}, "#/n", "n is 0: input should be greater than or equal to 1"),
        ({"n": "5"}, "#/n", "n is '5': input should be a valid integer"),
        ({"n": True}, "#/n", "n is True: input should be a valid integer"),
        ({"n": None}, "#/n", "n is null: input should be a valid integer"),
        ({"customer_id": 900}, "#/customer_id", "customer_id is 900: input should be a valid string"),
        ({"items": "a"}, "#/items", "items is 'a': input should be a valid array"),
        ({"items": ["a", 7]}, "#/items/1", "items[1] is 7: input should be a valid string"),
        ({"items": [["a"]]}, "#/items/0", "items[0] is a list of 1: input should be a valid string"),
        ({"items": ["a"] * 101}, "#/items", "items is a list of 101: list should have at most 100 items"),
        ({"exclude": {"a": 1}}, "#/exclude", "exclude is an object of 1: input should be a valid array"),
        ({"customer_id": "x" * 513}, "#/customer_id", f"customer_id is '{'x' * 40}…': string should have at"),
        ({"filter": {}}, "#/filter", "filter is an object of 0: field is missing; expected an object with"),
        ({"limit": 5}, "#/limit", "limit is not a field of this request"),
        ({"a/b~c": 1}, "#/a~1b~0c", "a/b~c is not a field of this request"),
        ({"bad\r\nname": 1}, "#/bad\r\nname", "bad\ufffd\ufffdname is not a field"),
        ([], "#", "the body is not a JSON object"),
        ("text", "#", "the body is not a JSON object"),
    ],
)  # fmt: skip
def test_each_bad_field_of_a_body_is_pointed_at(client: FlaskClient, body: Any, pointer: str, detail: str) -> None:
    errors = problem_of(client.post("/recommend", json=body), 400)["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert errors[0]["detail"].startswith(detail)


def test_null_is_no_question(client: FlaskClient) -> None:
    response = client.post("/recommend", data=b"null", content_type="application/json")
    assert problem_of(response, 400)["detail"] == "the body is not a JSON object"


def test_all_fields_at_fault_are_named_at_once(client: FlaskClient) -> None:
    problem = problem_of(client.post("/recommend", json={"n": 0, "scenario": 1, "colour": "red"}), 400)
    assert [error["pointer"] for error in problem["errors"]] == ["#/scenario", "#/n", "#/colour"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'n': 1}",
        b'{"n": NaN, }',
        b"\xff\xfe",
        b'{"customer_id": "\xff"}',
        b'{"customer_id": "\\ud800"}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_json(client: FlaskClient, body: bytes) -> None:
    problem = problem_of(client.post("/recommend", data=body, content_type="application/json"), 400)
    assert problem["errors"][0]["pointer"] == "#"
    assert problem["detail"].startswith("the body is not JSON: ")


def test_numbers_that_are_none(client: FlaskClient) -> None:
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e400"):
        response = client.post("/recommend", data=b'{"n": ' + number + b"}", content_type="application/json")
        assert problem_of(response, 400)["errors"][0]["pointer"] == "#/n"


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense", None]
)
def test_another_type_than_json(client: FlaskClient, media_type: str | None) -> None:
    response = client.post("/recommend", data=b"{}", content_type=media_type)
    assert "application/json" in problem_of(response, 415)["detail"]


def test_json_may_name_its_charset(client: FlaskClient) -> None:
    assert client.post("/recommend", data=b"{}", content_type="application/json; charset=utf-8").status_code == 200


def test_a_body_that_is_too_large(client: FlaskClient) -> None:
    response = client.post("/recommend", data=b" " * (LARGEST_BODY + 1), content_type="application/json")
    assert str(LARGEST_BODY) in problem_of(response, 413)["detail"]


def test_nothing_is_there(client: FlaskClient) -> None:
    for path in (
        "/recommendations",
        "/v1",
        "/v2/recommend",
        "/recommend/",
        "/recommend//",
        "/recommend/batch/x",
        "/" + "a" * 5000,
    ):
        detail = problem_of(client.get(path), 404)["detail"]
        assert detail.startswith("nothing is at /")
        assert len(detail) < 300
    twice = client.get("/", environ_overrides={"PATH_INFO": "//recommend"})  # must not redirect to a host of that name
    assert twice.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method(client: FlaskClient, method: str) -> None:
    response = client.open("/recommend", method=method)
    problem_of(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_failure_tells_nothing_but_where_to_look(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    engine = service_of(app).live.current()
    monkeypatch.setattr(engine, "look_up", fail)
    with caplog.at_level(logging.ERROR):
        response = app.test_client().get("/recommend?customer_id=coffee-1")
    problem = problem_of(response, 500)
    assert "secret" not in response.text
    assert response.headers["X-Request-ID"] in problem["detail"]
    [record] = caplog.records
    assert record.exc_info is not None
    assert vars(record)["request_id"] == response.headers["X-Request-ID"]
    assert "coffee-1" not in caplog.text


def test_pages_add_their_routes(app: Flask, database: sa.Engine) -> None:
    service = service_of(app)
    settings = replace(service.settings, pages=("tests.http.test_problems:add_page",))
    other = create_app(settings, service.live, database)
    assert other.test_client().get("/").text == "a page"
    assert app.test_client().get("/").headers["Location"] == "/docs"


def add_page(app: Flask) -> None:
    """What `ServeSettings.pages` may name."""
    assert service_of(app).live.loaded
    app.add_url_rule("/", "page", lambda: "a page")
