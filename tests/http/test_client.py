"""The Python client against a running application, and against the OpenAPI document."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
from flask import Flask
from werkzeug.serving import make_server

from recsvc.client import ApiError, Client, Event, Item, Question, customer_token
from recsvc.events.wire import EventIn
from recsvc.http.schemas import RecommendedItem, RecommendRequest
from recsvc.http.service import service_of
from recsvc.keys import Scope, TokenStatus

MakeKey = Callable[[Scope], dict[str, str]]


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("ours", "theirs"), [(Question, RecommendRequest), (Item, RecommendedItem), (Event, EventIn)])
def test_it_knows_every_field_of_the_document(ours: type, theirs: type) -> None:
    assert set(theirs.model_json_schema()["properties"]) - set(get_type_hints(ours)) == set()  # type: ignore[attr-defined]


def test_lists_events_and_refusals(address: str, make_key: MakeKey) -> None:
    shop = Client(address, key=make_key(Scope.SERVER)["Authorization"].removeprefix("Bearer "))
    own = shop.recommend(customer_id="coffee-1", n=3)
    assert (len(own.items), own.scenario, own.customer_token) == (3, "home", None)
    bought: Event = {
        "type": "purchase",
        "event_id": "e1",
        "customer_id": "coffee-1",
        "order_id": "o1",
        "items": [{"item_id": own.items[0]["item_id"], "quantity": 2}],
        "recommendation_id": own.recommendation_id,
    }
    assert shop.send_events([bought]).accepted == 1
    assert shop.send_events([bought]).duplicates == 1
    with pytest.raises(ApiError, match="n is 0") as refused:
        shop.recommend(n=0)
    assert (refused.value.status, refused.value.problem["errors"][0]["pointer"]) == (400, "#/n")
    shop.close()
    with pytest.raises(ApiError, match="401") as unknown:
        Client(address, key="rk_server_0_0").recommend()
    assert unknown.value.retry_after is None


def test_a_token_that_it_makes_is_accepted(app: Flask, address: str, make_key: MakeKey) -> None:
    service = service_of(app)
    key_id = make_key(Scope.SERVER)["Authorization"].split("_")[2]
    token = customer_token(service.tokens.secret_of(key_id), "coffee-1")
    verdict = service.tokens.read(token, service.keys.keys(), datetime.now(UTC))
    assert (verdict.status, verdict.customer_id) == (TokenStatus.ACCEPTED, "coffee-1")
    page = Client(address, key=make_key(Scope.PUBLIC)["Authorization"].removeprefix("Bearer "))
    assert page.recommend(customer_token=token).customer_token == "accepted"
    assert page.recommend(customer_token=token + "x").customer_token == "forged"


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    answer = b'{"accepted": 1, "duplicates": 0, "errors": []}'
    reply = b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):  # each connection gets one answer, and is closed though it was to be kept
                connection, _ = listener.accept()
                connection.recv(65_536)
                connection.sendall(reply)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        shop = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(2):
            assert shop.send_events([{"type": "view", "session_id": "s", "items": ["a"]}]).accepted == 1
        thread.join()
        shop.close()


def test_what_cannot_be_asked() -> None:
    with pytest.raises(ConnectionError):
        Client("http://127.0.0.1:1").recommend()
    for wrong in ("", "rec.shop.example", "ftp://rec.shop.example"):
        with pytest.raises(ValueError, match="base_url is"):
            Client(wrong)
