"""What a worker keeps of questions and answers: never another's, never what is over, and never without bound."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from recsvc.http.questions import LONGEST_KEPT, preferred_language
from recsvc.http.service import service_of
from recsvc.keys import Scope, revoke_key
from tests.http.conftest import MakeKey

CUSTOMERS = ("coffee-1", "bath-2", "nobody")
QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"n": 3},
    {"locale": "de"},
    {"scenario": "discover"},
    {"fields": ["title"]},
    {"fields": ["title"], "n": 3},
    {"explain": True},
    {"exclude": ["milk"]},
    {"session_items": ["soap"]},
)


def said(answer: Any) -> Any:
    return {name: value for name, value in answer.get_json().items() if name not in ("recommendation_id", "took_ms")}


def asked(client: FlaskClient, question: dict[str, Any], language: str | None = None) -> Any:
    headers = {"Accept-Language": language} if language is not None else {}
    return said(client.post("/recommend", json=question, headers=headers))


def all_questions() -> Iterator[tuple[dict[str, Any], str | None]]:
    for customer, question, language in product(CUSTOMERS, QUESTIONS, (None, "de", "en")):
        yield {"customer_id": customer, **question}, language


def test_whatever_was_asked_before_the_answer_is_the_same(app: Flask, client: FlaskClient) -> None:
    cold = []
    for question, language in all_questions():
        service_of(app).questions.clear()
        cold.append(asked(client, question, language))
    for _ in range(2):
        assert [asked(client, question, language) for question, language in all_questions()] == cold


def test_the_same_body_is_answered_by_what_each_key_may_see(client: FlaskClient, make_key: MakeKey) -> None:
    keys = {scope: make_key(scope) for scope in Scope}
    expected = {Scope.PUBLIC: 403, Scope.SERVER: 200, Scope.ADMIN: 200}
    for order in permutations(Scope):
        for scope in order:
            for question in ({"customer_id": "coffee-1"}, {"explain": True}):
                answer = client.post("/recommend", json=question, headers=keys[scope])
                assert answer.status_code == expected[scope]
    assert client.post("/recommend", json={"customer_id": "coffee-1"}).status_code == 401


def test_a_token_ends_with_its_key_though_its_question_is_known(
    app: Flask, client: FlaskClient, database: sa.Engine, make_key: MakeKey
) -> None:
    service, now = service_of(app), datetime.now(UTC)
    public, server = make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    key_id = server["Authorization"].split("_")[2]
    question = {"customer_token": service.tokens.sign(key_id, "coffee-1", now + timedelta(hours=1))}

    def status() -> str:
        return client.post("/recommend", json=question, headers=public).headers["Customer-Token-Status"]

    own = said(client.post("/recommend", json={"customer_id": "coffee-1"}, headers=server))
    assert [status(), status()] == ["accepted", "accepted"]
    assert said(client.post("/recommend", json=question, headers=public)) == own
    revoke_key(database, key_id, now=now)
    assert service.keys.check_database(5) is None
    strangers = said(client.post("/recommend", json={}, headers=public))
    assert status() == "unknown-key"
    assert said(client.post("/recommend", json=question, headers=public)) == strangers != own


def test_what_is_kept_has_an_end_however_long_the_headers_are(app: Flask, client: FlaskClient) -> None:
    known = service_of(app).questions
    for number in range(3):
        languages = f"de;q=0.{number}, en, " + "x" * LONGEST_KEPT
        assert asked(client, {"n": 1}, languages)["items"]
        assert preferred_language(languages) == "en"
    assert not known
    asked(client, {"n": 1}, "de")
    assert len(known) == 1
