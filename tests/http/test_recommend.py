import json
import math
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.scenarios import SCENARIOS
from recsvc.engine import LiveEngine
from recsvc.http.schemas import ITEM_FIELDS, RecommendAnswer
from recsvc.http.service import service_of


def ask(client: FlaskClient, **question: object) -> dict[str, Any]:
    """POST a question that must be answered."""
    response = client.post("/recommend", json=question)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.get_json()
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_a_known_customer_gets_named_items_with_reasons(client: FlaskClient, live: LiveEngine) -> None:
    response = client.get("/recommend?customer_id=coffee-3")
    assert response.status_code == 200
    assert response.content_type == "application/json"
    answer = response.get_json()
    assert set(answer) == {"recommendation_id", "model_version", "scenario", "fallback", "items", "took_ms"}
    assert (answer["model_version"], answer["scenario"]) == (live.current().version, "home")
    assert len(answer["items"]) == 10
    first = answer["items"][0]
    assert set(first) == {"item_id", *ITEM_FIELDS}
    assert first["item_id"] in {"coffee", "filter", "cup", "milk"}
    assert (first["source"], first["currency"], first["brand"]) == ("repeat", "EUR", "Hausmarke")
    assert all(item["title"] and item["reason"] and item["source"] for item in answer["items"])
    assert answer["took_ms"] > 0


def test_an_empty_question_gets_what_is_popular(client: FlaskClient) -> None:
    answer = ask(client)
    assert len(answer["items"]) == 10
    assert {item["source"] for item in answer["items"]} == {"popular"}
    assert ids(client.get("/recommend").get_json()) == ids(answer)


def test_an_unknown_customer_gets_a_list_that_names_its_fallback(client: FlaskClient) -> None:
    answer = ask(client, customer_id="nobody")
    assert answer["fallback"] == "popular"
    assert len(answer["items"]) == 10


def test_what_is_sold_out_is_in_no_list(client: FlaskClient) -> None:
    for scenario in SCENARIOS:
        for customer in ("breakfast-0", "nobody", None):
            assert "sold-out" not in ids(ask(client, scenario=scenario, customer_id=customer, n=100))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_answers_by_address_and_by_body_alike(client: FlaskClient, scenario: str) -> None:
    question = {
        "customer_id": "bath-1",
        "items": ["soap", "towel"],
        "scenario": scenario,
        "n": 5,
        "exclude": ["candle"],
    }
    by_body = ask(client, **question)
    by_address = client.get(
        f"/recommend?customer_id=bath-1&items=soap,towel&scenario={scenario}&n=5&exclude=candle"
    ).get_json()
    repeated = client.get(
        f"/v1/recommend?customer_id=bath-1&items=soap&items=towel&scenario={scenario}&n=5&exclude=candle"
    ).get_json()
    for answer in (by_body, by_address, repeated):
        del answer["took_ms"], answer["recommendation_id"]
    assert by_body == by_address == repeated
    assert by_body["scenario"] == scenario
    assert len(by_body["items"]) <= 5
    assert "candle" not in ids(by_body)


def test_what_goes_with_an_item_is_bought_with_it(client: FlaskClient) -> None:
    assert ids(ask(client, items=["pasta"], scenario="complements", n=1))[0] in {"tomato", "wine"}


def test_n_is_a_limit_and_a_list_is_never_padded(client: FlaskClient) -> None:
    assert len(ask(client, n=1)["items"]) == len(ask(client, n=1.0)["items"]) == 1
    everything = ids(ask(client, n=100))
    assert len(everything) == len(set(everything)) < 16


def test_fields_choose_what_is_said_of_an_item(client: FlaskClient) -> None:
    assert set(ask(client, fields=["title", "price"])["items"][0]) == {"item_id", "title", "price"}
    assert set(ask(client, fields=[])["items"][0]) == {"item_id"}
    assert set(client.get("/recommend?fields=title&fields=link,brand").get_json()["items"][0]) == {
        "item_id", "title", "link", "brand",
    }  # fmt: skip
    assert client.get("/recommend?fields=").status_code == 400


def test_an_empty_cart_is_no_cart(client: FlaskClient) -> None:
    assert ids(client.get("/recommend?items=&session_items=,&exclude=").get_json()) == ids(ask(client))


@pytest.mark.parametrize(
    ("address", "accepted", "reason"),
    [
        ("/recommend?scenario=popular&locale=de", "en", "Gerade beliebt"),
        ("/recommend?scenario=popular&locale=de-AT", "en", "Gerade beliebt"),
        ("/recommend?scenario=popular", "de-CH, fr;q=0.9", "Gerade beliebt"),
        ("/recommend?scenario=popular", "fr, de;q=0.5, en;q=0.4", "Gerade beliebt"),
        ("/recommend?scenario=popular", "fr", "Popular right now"),
        ("/recommend?scenario=popular", "", "Popular right now"),
        ("/recommend?scenario=popular", ";;q=nonsense,,", "Popular right now"),
    ],
)
def test_the_locale_decides_the_language_then_the_browser(
    client: FlaskClient, address: str, accepted: str, reason: str
) -> None:
    response = client.get(address, headers={"Accept-Language": accepted})
    assert response.get_json()["items"][0]["reason"] == reason
    assert response.headers.get("Vary") == (None if "locale" in address else "Accept-Language")


SHARED = "public, max-age=60, s-maxage=600, stale-while-revalidate=3600, stale-if-error=86400"


@pytest.mark.parametrize(
    ("address", "cached"),
    [
        ("/recommend", SHARED),
        ("/recommend?items=soap&scenario=complements", SHARED),
        ("/recommend?customer_id=coffee-1", "private, no-store"),
        ("/recommend?customer_id=nobody", "private, no-store"),
        ("/recommend?session_items=soap", "private, no-store"),
    ],
)
def test_only_answers_about_nobody_may_be_cached(client: FlaskClient, address: str, cached: str) -> None:
    assert client.get(address).headers["Cache-Control"] == cached


def test_answers_to_post_are_never_cached(client: FlaskClient) -> None:
    assert client.post("/recommend", json={}).headers["Cache-Control"] == "private, no-store"


def test_null_is_as_good_as_leaving_out(client: FlaskClient) -> None:
    assert ids(ask(client, customer_id=None, locale=None, fields=None)) == ids(ask(client))


def test_an_id_with_a_comma_goes_by_body(client: FlaskClient) -> None:
    assert ids(ask(client, exclude=["a,b"])) == ids(ask(client))


def test_every_answer_carries_security_headers_and_a_request_id(client: FlaskClient) -> None:
    for response in (client.get("/recommend"), client.get("/nowhere"), client.get("/health/live")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert len(response.headers["X-Request-ID"]) == 16


@pytest.mark.parametrize(("given_id", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 129, False)])
def test_a_request_id_is_kept_if_it_is_harmless(client: FlaskClient, given_id: str, kept: bool) -> None:
    response = client.get("/recommend", headers={"X-Request-ID": given_id})
    assert (response.headers["X-Request-ID"] == given_id) == kept


def test_the_recommendation_id_says_what_was_recommended_and_to_nobody(client: FlaskClient) -> None:
    answer = ask(client, customer_id="coffee-3", n=3)
    read = service_of(client.application).signer.read(answer["recommendation_id"])
    assert (read.model_version, read.scenario) == (answer["model_version"], "home")
    assert [read.place(item) for item in ids(answer)] == [0, 1, 2]
    assert read.place("nothing") is None


wild_ids = st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    question=st.fixed_dictionaries(
        {},
        optional={
            "customer_id": wild_ids | st.sampled_from(["coffee-1", "bath-2"]),
            "items": st.lists(wild_ids | st.sampled_from(["soap", "pasta", "sold-out"]), max_size=5),
            "session_items": st.lists(st.sampled_from(["soap", "milk"]), max_size=3),
            "scenario": st.sampled_from(SCENARIOS),
            "n": st.integers(1, 100),
            "exclude": st.lists(st.sampled_from(["soap", "milk", "cup"]), max_size=5),
            "locale": st.sampled_from(["en", "de", "de_AT"]),
        },
    )
)
def test_every_good_question_has_a_good_answer(client: FlaskClient, question: dict[str, Any]) -> None:
    answer = ask(client, **question)
    RecommendAnswer.model_validate_json(json.dumps(answer))
    found = ids(answer)
    assert len(found) == len(set(found)) <= question.get("n", 10)
    assert not {"sold-out", *question.get("exclude", ())} & set(found)
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert all(math.isfinite(score) for score in scores)
