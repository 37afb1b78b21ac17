"""Filters, boosts, diversity, pins and other lists of the page, over HTTP."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

CHEAP = {"field": "price", "op": "<", "value": 2}


def ask(client: FlaskClient, **question: object) -> dict[str, Any]:
    response = client.post("/recommend", json=question)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.get_json()
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_address_and_body_say_the_same(client: FlaskClient) -> None:
    question = {
        "filter": {"not": {"or": [CHEAP, {"field": "brand", "op": "exists", "value": False}]}},
        "boost": [{"field": "category", "op": "contains", "value": "bath", "factor": 3}],
        "diversity": {"mmr": 0.5, "max_per_category": 2, "category_level": 2.0},
        "pins": [{"item_id": "towel", "position": 1}],
    }
    address = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in question.items())
    by_address, by_body = client.get(f"/recommend?{address}").get_json(), ask(client, **question)
    assert ids(by_address) == ids(by_body)
    assert ids(by_body)[0] == "towel"
    assert all(item["price"] >= 2 for item in by_body["items"])


def test_lists_of_one_page_share_no_item(client: FlaskClient) -> None:
    first = ask(client, customer_id="coffee-3", n=4)
    second = ask(client, scenario="popular", n=4, exclude_seen=[first["recommendation_id"]])
    third = client.get(
        f"/recommend?n=4&exclude_seen={first['recommendation_id']},{second['recommendation_id']}"
    ).get_json()
    assert len({*ids(first), *ids(second), *ids(third)}) == 12


@pytest.mark.parametrize("text", ["nonsense", "AQBxx2kAFzIwMjYwMzAx", "ä"])
def test_a_list_of_nobody_is_not_found(client: FlaskClient, text: str) -> None:
    response = client.post("/recommend", json={"exclude_seen": [text]})
    assert response.status_code == 404
    assert response.get_json()["errors"][0]["pointer"] == "#/exclude_seen/0"


DEEP: dict[str, object] = CHEAP  # nested deeper than is taken
for _ in range(6):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("question", "pointer", "words"),
    [
        ({"filter": {"field": "prise", "op": "<", "value": 2}}, "#/filter/field", "did you mean price?"),
        ({"filter": {"field": "price", "op": "contains", "value": 2}}, "#/filter/op", "price takes =, !="),
        ({"filter": {"field": "price", "op": "<", "value": "2"}}, "#/filter/value", "expected a number"),
        ({"filter": {"field": "price", "op": "<", "value": True}}, "#/filter/value", "expected a number"),
        ({"filter": {"field": "brand", "op": "in", "value": []}}, "#/filter/value", "expected a list of 1 to 500"),
        ({"filter": {"field": "brand", "op": "=", "value": ""}}, "#/filter/value", "expected a text"),
        ({"filter": {"field": "brand", "op": "="}}, "#/filter", "value is missing"),
        ({"filter": {**CHEAP, "factor": 2}}, "#/filter/factor", "no such member"),
        ({"filter": {"and": []}}, "#/filter/and", "expected a list of 1 to 50"),
        ({"filter": {"and": [CHEAP], "or": [CHEAP]}}, "#/filter/and", "no such member"),
        ({"filter": {"or": [CHEAP, 3]}}, "#/filter/or/1", "expected an object"),
        ({"filter": {"and": [{"or": [CHEAP] * 26}, {"or": [CHEAP] * 26}]}}, "#/filter/and/1/or/24", "more than 50"),
        ({"filter": DEEP}, "#/filter" + "/not" * 5, "nested deeper than 5"),
        ({"filter": []}, "#/filter", "expected an object"),
        ({"boost": [{**CHEAP, "factor": 0}]}, "#/boost/0/factor", "expected 0.1 to 10"),
        ({"boost": [CHEAP]}, "#/boost/0", "factor is missing"),
        ({"boost": {**CHEAP, "factor": 2}}, "#/boost", "expected a list"),
        ({"boost": [{**CHEAP, "factor": 2}] * 21}, "#/boost", "0 to 20 boosts"),
        ({"diversity": {"mmr": 2}}, "#/diversity/mmr", "less than or equal to 1"),
        ({"diversity": {"mrr": 0.2}}, "#/diversity/mrr", "mrr is not a member of diversity"),
        ({"pins": [{"item_id": "soap", "position": 0}]}, "#/pins/0/position", "pins[0].position is 0"),
        ({"pins": [{"item_id": "soap"}]}, "#/pins/0/position", "field required"),
    ],
)
def test_what_is_wrong_is_named(client: FlaskClient, question: dict[str, object], pointer: str, words: str) -> None:
    response = client.post("/recommend", json=question)
    assert response.status_code == 400
    [error] = response.get_json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    [name] = question
    by_address = client.get("/recommend", query_string={name: json.dumps(question[name])})
    assert by_address.status_code == 400
    assert by_address.get_json()["errors"][0] == {"parameter": name, "detail": error["detail"]}


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"field": "price", "op": "<", "value": NaN}', "[" * 2000])
def test_a_parameter_that_is_not_json_is_named(client: FlaskClient, text: str) -> None:
    response = client.get("/recommend", query_string={"filter": text})
    assert response.status_code == 400
    assert response.get_json()["errors"][0]["parameter"] == "filter"


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_a_number_that_is_none_is_refused(client: FlaskClient, number: str) -> None:
    body = '{"filter": {"field": "price", "op": "<", "value": NUMBER}}'.replace("NUMBER", number)
    assert client.post("/recommend", data=body, content_type="application/json").status_code == 400
