"""Many questions at once: an answer a line, whatever is wrong with the others."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recsvc.engine import Engine, Query
from recsvc.http.schemas import LARGEST_BATCH, LONGEST_LINE, MOST_LINES
from recsvc.keys import Scope
from tests.http.conftest import MakeKey

MEDIA_TYPE = "application/x-ndjson"


def send(client: FlaskClient, *lines: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    response = client.post("/recommend/batch", data="\n".join(lines), content_type=MEDIA_TYPE, headers=headers)
    assert response.status_code == 200, response.text
    assert (response.content_type, response.headers["Cache-Control"]) == (MEDIA_TYPE, "private, no-store")
    return [json.loads(line) for line in response.text.splitlines()]


def test_each_line_is_answered_as_the_question_alone(client: FlaskClient) -> None:
    questions: list[dict[str, Any]] = [
        {"customer_id": "coffee-3", "n": 3},
        {"items": ["pasta"], "scenario": "complements", "locale": "de", "fields": ["title"]},
        {"filter": {"field": "price", "op": "<", "value": 2}, "pins": [{"item_id": "milk", "position": 1}]},
        {},
    ] * 20
    answers = send(client, *(json.dumps({"query_id": str(at), **one}) for at, one in enumerate(questions)))
    assert [(answer.pop("line"), answer.pop("query_id")) for answer in answers] == [
        (at + 1, str(at)) for at in range(80)
    ]
    for question, answer in zip(questions[:4], answers, strict=False):
        alone = client.post("/recommend", json=question).get_json()
        del alone["took_ms"], alone["recommendation_id"]
        assert answer.pop("recommendation_id")
        assert answer == alone


def test_a_line_that_is_wrong_keeps_no_other_from_its_answer(client: FlaskClient) -> None:
    answers = send(
        client, "{}", "", "nonsense", '{"n": 0, "query_id": "x"}', '{"explain": true}', '{"placement": "cart"}', "[]",
        '"' + "x" * LONGEST_LINE + '"', '{"n": 1}',
    )  # fmt: skip
    assert [answer["line"] for answer in answers] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert [answer.get("status") for answer in answers] == [None, 400, 400, 400, 404, 400, 413, None]
    assert answers[2]["errors"][0]["pointer"] == "#/n"
    assert len({answer["request_id"] for answer in answers if "status" in answer}) == 1


def test_what_the_engine_fails_on_is_one_line(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Engine.lists

    def lists(self: Engine, scenario: str, block: list[Query], *more: Any) -> Any:
        if any("soap" in query.items for query in block):
            raise RuntimeError("soap")
        return whole(self, scenario, block, *more)

    monkeypatch.setattr(Engine, "lists", lists)
    answers = send(client, '{"n": 1}', '{"items": ["soap"]}', '{"n": 2}')
    assert [answer.get("status") for answer in answers] == [None, 500, None]
    assert "soap" not in json.dumps(answers[1])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"{}\n" * (MOST_LINES + 1), MEDIA_TYPE, 413),
        (b" " * (LARGEST_BATCH + 1), MEDIA_TYPE, 413),
    ],
)
def test_a_batch_as_a_whole_may_be_wrong(client: FlaskClient, body: bytes, kind: str, status: int) -> None:
    response = client.post("/v1/recommend/batch", data=body, content_type=kind)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"


def test_no_question_gets_no_answer(client: FlaskClient) -> None:
    assert send(client, "") == send(client, "", " ", "") == []


def test_a_public_key_gets_no_batch(app: Flask, client: FlaskClient, make_key: MakeKey) -> None:
    public, server = make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    for headers, status in ((public, 403), (None, 401), (server, 200)):
        response = client.post("/recommend/batch", data="{}", content_type=MEDIA_TYPE, headers=headers)
        assert response.status_code == status
