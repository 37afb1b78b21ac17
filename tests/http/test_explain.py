"""`explain` in a question: each item comes with what put it there, to those who may know a customer's habits."""

import pytest
from flask.testing import FlaskClient

from recsvc.http.schemas import RecommendAnswer
from recsvc.keys import Scope
from tests.http.conftest import MakeKey

QUESTION = {"customer_id": "coffee-3", "n": 3, "explain": True}
ADDRESS = "/recommend?customer_id=coffee-3&n=3&explain=true"


def test_both_ways_to_ask_explain_alike(client: FlaskClient) -> None:
    by_body, by_address = client.post("/recommend", json=QUESTION).get_json(), client.get(ADDRESS).get_json()
    assert by_body["items"] == by_address["items"]
    for place, item in enumerate(by_body["items"], 1):
        explanation = item["explanation"]
        assert (explanation["item_id"], explanation["rank"], explanation["listed"]) == (item["item_id"], place, True)
        assert (explanation["score"], explanation["reason"]) == (item["score"], item["reason"])
        assert explanation["sources"][0]["proposed"]
        assert explanation["removed_by"] == []
        assert explanation["model_version"] == by_body["model_version"]


def test_an_explained_answer_is_as_documented(client: FlaskClient) -> None:
    for question in (QUESTION, QUESTION | {"customer_id": "nobody"}, {"explain": True, "scenario": "popular"}):
        answer = client.post("/recommend", json=question).get_json()
        assert RecommendAnswer.model_validate(answer).items[0].explanation is not None


@pytest.mark.parametrize("address", ["/recommend?customer_id=coffee-3", "/recommend?explain=false"])
def test_nobody_who_did_not_ask_gets_one(client: FlaskClient, address: str) -> None:
    assert all("explanation" not in item for item in client.get(address).get_json()["items"])


def test_it_stays_when_fields_are_chosen(client: FlaskClient) -> None:
    item = client.get(f"{ADDRESS}&fields=title").get_json()["items"][0]
    assert set(item) == {"item_id", "title", "explanation"}


@pytest.mark.parametrize("value", ["", "1", "yes", "True", "truetrue"])
def test_another_value_is_refused(client: FlaskClient, value: str) -> None:
    refused = client.get(f"/recommend?explain={value}")
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["parameter"] == "explain"


@pytest.mark.parametrize("value", ["true", 1, None, []])
def test_in_a_body_it_is_a_boolean(client: FlaskClient, value: object) -> None:
    refused = client.post("/recommend", json={"explain": value})
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["pointer"] == "#/explain"


def test_a_public_key_learns_nobodys_habits(client: FlaskClient, make_key: MakeKey) -> None:
    public = make_key(Scope.PUBLIC)
    for refused in (
        client.get("/recommend?explain=true", headers=public),
        client.get("/recommend?explain=true&session_items=soap", headers=public),
        client.post("/recommend", json={"explain": True}, headers=public),
    ):
        assert refused.status_code == 403
        assert refused.content_type == "application/problem+json"
        assert refused.get_json()["errors"][0]["parameter"] == "explain"
    assert client.get("/recommend?explain=false", headers=public).status_code == 200
    for scope in (Scope.SERVER, Scope.ADMIN):
        assert client.get(ADDRESS, headers=make_key(scope)).status_code == 200


def test_no_cache_keeps_it(client: FlaskClient) -> None:
    response = client.get("/recommend?explain=true&scenario=popular")
    assert response.headers["Cache-Control"] == "private, no-store"
