"""The quick way gives what Flask and the general code give: the same answers, headers and problems."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recsvc.http.questions import ANY_CUSTOMER, ANY_SESSION
from recsvc.http.quick import Quick
from recsvc.http.schemas import ITEM_FIELDS
from recsvc.http.service import service_of
from recsvc.http.tally import MOST_WAITING, Tally
from recsvc.http.watching import Watched
from recsvc.keys import Scope
from tests.http.conftest import MakeKey

ADDRESSES = (
    "/recommend",
    "/recommend?customer_id=coffee-1",
    "/v1/recommend?customer_id=bath-2&n=3&locale=de",
    "/recommend?n=3&customer_id=coffee-1&exclude=milk,coffee",
    "/recommend?customer_id=coffee-1&session_id=visit-1&scenario=discover",
    "/recommend?customer_id=nobody&scenario=again",
    "/recommend?customer_id=coffee-1&customer_id=bath-2",
    "/recommend?customer_id=",
    "/recommend?customer_id=coffee%2D1",
    "/recommend?customer_id=" + "x" * 600,
    "/recommend?customer_id=coffee-1&n=0&itmes=a",
    "/recommend?customer_id=coffee-1&placement=nowhere",
    "/recommend?filter=nonsense",
)
BODIES: tuple[bytes, ...] = (
    b"{}",
    b'{"customer_id": "coffee-1"}',
    b'{"customer_id":"coffee-1","customer_id":"bath-2"}',
    b'{"n": 2, "customer_id"\t:\n"coffee-1", "exclude": ["milk"]}',
    b'{"customer_id": "c\\u006fffee-1"}',
    b'{"customer_id": "coffee-1", "session_id": "v1", "fields": ["title"]}',
    b'{"exclude": ["customer_id"], "customer_id": "coffee-1"}',
    b'{"filter": {"customer_id": "coffee-1"}}',
    b'{"customer_id": 3}',
    b'{"customer_id": "coffee-1", "n": 0}',
    b'{"customer_id": "coffee-1"',
    b"",
)


def by_flask(app: Flask) -> FlaskClient:
    """A client whose requests are all answered by Flask."""
    watched = app.wsgi_app
    assert isinstance(watched, Watched)
    app.wsgi_app = Watched(  # type: ignore[method-assign]
        watched._app, Quick({}, None), service_of(app).metrics, log=False
    )
    return app.test_client()


def told(response: Any) -> Any:
    """What two answers to the same question have in common."""
    body = response.get_json() or {}
    changing = ("X-Request-ID", "Server-Timing", "Content-Length", "ETag")
    headers = sorted((name, value) for name, value in response.headers if name not in changing)
    return (
        response.status_code,
        headers,
        {name: value for name, value in body.items() if name not in ("recommendation_id", "took_ms", "request_id")},
    )


def test_what_is_answered_without_flask_is_what_flask_answers(app: Flask) -> None:
    def all_of(client: FlaskClient) -> list[Any]:
        found = [told(client.get(address)) for address in ADDRESSES]
        for body in BODIES:
            for kind in ("application/json", "application/json; charset=utf-8", "text/plain"):
                service_of(app).questions.clear()
                found.append(told(client.post("/recommend", data=body, content_type=kind)))
        return found

    quick = all_of(app.test_client())
    assert quick == all_of(by_flask(app))
    assert {code for code, *_ in quick} == {200, 400, 404, 415}


def test_an_id_is_read_as_it_was_given_whatever_was_asked_before(app: Flask, client: FlaskClient) -> None:
    for body in BODIES:
        service_of(app).questions.clear()
        cold = told(client.post("/recommend", data=body, content_type="application/json"))
        for other in BODIES:
            client.post("/recommend", data=other, content_type="application/json")
        assert told(client.post("/recommend", data=body, content_type="application/json")) == cold
        assert not any(secret in str(cold) for secret in (ANY_CUSTOMER, ANY_SESSION))


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_list_written_down_from_what_is_kept_is_the_list(client: FlaskClient, locale: str) -> None:
    for customer in ("coffee-1", "bath-2", "pasta-3"):
        for scenario in ("home", "discover", "again"):
            question = {"customer_id": customer, "scenario": scenario, "locale": locale, "n": 5}
            for _ in range(2):
                short = client.post("/recommend", json=question).get_json()["items"]
                full = client.post("/recommend", json={**question, "fields": [*ITEM_FIELDS]}).get_json()["items"]
                assert short == full


def test_limits_and_tokens_count_on_the_quick_way_too(client: FlaskClient, make_key: MakeKey) -> None:
    key = make_key(Scope.PUBLIC)
    answer = client.get("/recommend?customer_token=nonsense", headers=key)
    assert answer.headers["Customer-Token-Status"] == "forged"
    assert answer.headers["RateLimit"].startswith('"public";r=')
    assert client.get("/recommend?customer_id=coffee-1", headers=key).status_code == 403
    assert client.get("/recommend").status_code == 401


def test_a_body_that_breaks_off_is_the_callers_fault(client: FlaskClient) -> None:
    answer = client.post(
        "/recommend", data=b'{"n": 3}', content_type="application/json", environ_overrides={"CONTENT_LENGTH": "900"}
    )
    assert answer.status_code == 400


def test_what_is_counted_on_the_way_arrives_whole(app: Flask) -> None:
    metrics, tally = service_of(app).metrics, Tally()
    counter, histogram = metrics._requests.labels("/x", 200), metrics._seconds.labels("/x")
    asked = [0.0004, 0.0005, 0.003, 7.0] * MOST_WAITING
    for seconds in asked:
        tally.add([(counter, 1)], histogram, seconds)
        tally.add([], histogram, seconds)
    tally.flush()
    tally.flush()
    text = metrics.exposition().decode()
    n = len(asked)
    assert f'recsvc_http_requests_total{{code="200",route="/x"}} {n}.0' in text
    for bound, share in (("0.0005", 0.5), ("0.002", 0.5), ("0.004", 0.75), ("2.048", 0.75), ("+Inf", 1)):
        assert f'recsvc_http_request_duration_seconds_bucket{{le="{bound}",route="/x"}} {2 * n * share}' in text
    assert f'recsvc_http_request_duration_seconds_count{{route="/x"}} {2 * n}.0' in text
