"""A client for shops' servers. It needs the standard library alone: this one file may be copied into another program.

shop = Client("https://rec.shop.example", key=server_key)
for item in shop.recommend(customer_id="900", scenario="complements", items=["SKU-1"], n=4).items:
    print(item["item_id"], item["reason"])
"""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

Scenario = Literal["home", "discover", "again", "complements", "similar", "popular"]


class Question(TypedDict, total=False):
    """What can be asked; the OpenAPI document says what each field means."""

    customer_id: str
    customer_token: str
    session_id: str
    items: Sequence[str]
    session_items: Sequence[str]
    scenario: Scenario
    placement: str
    n: int
    exclude: Sequence[str]
    exclude_seen: Sequence[str]
    filter: Mapping[str, Any]
    boost: Sequence[Mapping[str, Any]]
    diversity: Mapping[str, Any]
    pins: Sequence[Mapping[str, Any]]
    locale: str
    explain: bool
    fields: Sequence[str]


class Item(TypedDict, total=False):
    """One item of a list; `item_id` is always there, the others unless `fields` leaves them out."""

    item_id: str
    score: float
    source: str
    reason: str
    title: str
    price: float | None
    sale_price: float | None
    currency: str | None
    link: str | None
    image_link: str | None
    category: str | None
    brand: str | None
    explanation: dict[str, Any]


class Event(TypedDict, total=False):
    """What happened; `type` is needed, and a customer_id or session_id. With an event_id sending again is safe."""

    type: Literal["view", "add_to_cart", "purchase", "return", "impression", "click"]
    event_id: str
    customer_id: str
    session_id: str
    items: Sequence[str | Mapping[str, Any]]
    order_id: str
    currency: str
    timestamp: str | float
    recommendation_id: str


@dataclass(frozen=True)
class Recommendations:
    """A list, best first. `customer_token` says what became of one that was sent: 'accepted', or why it was not."""

    recommendation_id: str
    model_version: str
    scenario: str
    fallback: str | None
    items: tuple[Item, ...]
    took_ms: float
    customer_token: str | None


@dataclass(frozen=True)
class EventsTaken:
    """What became of events: how many are stored, how many were known, and which are wrong, with their `index`."""

    accepted: int
    duplicates: int
    errors: tuple[dict[str, Any], ...]


class ApiError(Exception):
    """The service said no: `problem` is its answer, `retry_after` the seconds after which asking again makes sense."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'no reason given'}")
        self.status = status
        self.problem = problem
        self.retry_after = retry_after


class Client:
    """Asks one service; safe for several threads, each of which keeps a connection of its own.

    Raises ApiError for what the service refuses, OSError or http.client.HTTPException where it cannot be reached
    within `timeout` seconds. A shop's page should then leave the list out.
    """

    def __init__(self, base_url: str, *, key: str | None = None, timeout: float = 2.0) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"base_url is {base_url!r}; expected an address such as https://rec.shop.example")
        self._secure, self._host, self._port = address.scheme == "https", address.hostname, address.port
        self._path = address.path.rstrip("/")
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        self._timeout = timeout
        self._mine = threading.local()

    def recommend(self, **question: Unpack[Question]) -> Recommendations:
        """A list for the question; without any field what is popular."""
        answer, headers = self._ask("/recommend", question)
        return Recommendations(
            recommendation_id=answer["recommendation_id"],
            model_version=answer["model_version"],
            scenario=answer["scenario"],
            fallback=answer["fallback"],
            items=tuple(answer["items"]),
            took_ms=answer["took_ms"],
            customer_token=headers.get("Customer-Token-Status"),
        )

    def send_events(self, events: Sequence[Event]) -> EventsTaken:
        """Tell what happened, up to 1,000 events at once; what is accepted survives a crash of the service."""
        answer, _ = self._ask("/events", {"events": list(events)})
        return EventsTaken(answer["accepted"], answer["duplicates"], tuple(answer["errors"]))

    def close(self) -> None:
        """Close this thread's connection; the next question opens another."""
        connection = getattr(self._mine, "connection", None)
        if connection is not None:
            connection.close()
            del self._mine.connection

    def _ask(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], Message]:
        data = json.dumps(body, allow_nan=False).encode()
        try:
            response = self._send(path, data)
        except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
            # A kept connection that the service has closed meanwhile; lists and events may both be sent twice.
            self.close()
            response = self._send(path, data)
        text = response.read()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"detail": text[:200].decode("utf-8", "replace")}  # a proxy's own page
        if response.status >= 300:
            wait = response.headers.get("Retry-After", "")
            raise ApiError(response.status, answer, float(wait) if wait.isdigit() else None)
        return answer, response.headers

    def _send(self, path: str, data: bytes) -> http.client.HTTPResponse:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            if self._secure:
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
            self._mine.connection = connection
        try:
            connection.request("POST", self._path + path, data, self._headers)
            response: http.client.HTTPResponse = connection.getresponse()
            return response
        except BaseException:
            self.close()
            raise


def customer_token(secret: str, customer_id: str, *, lifetime: float = 3600.0, now: float | None = None) -> str:
    """A token for the page of a customer who is logged in; `secret` is what `recsvc keys token-secret ID` prints.

    `lifetime` is seconds, at most a day.
    """
    key_id = secret.split("_")[1]
    expires = int((time.time() if now is None else now) + lifetime)
    head = f"{_coded({'alg': 'HS256', 'typ': 'JWT', 'kid': key_id})}.{_coded({'sub': customer_id, 'exp': expires})}"
    return f"{head}.{_base64url(hmac.digest(secret.encode(), head.encode(), hashlib.sha256))}"


def _coded(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
