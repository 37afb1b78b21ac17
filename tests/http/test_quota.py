"""Rate limits: counted together by all workers, said in standard headers."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from models.errors import SettingsError
from recsvc.engine import LiveEngine
from recsvc.http.app import create_app
from recsvc.http.limit import parse_limit
from recsvc.http.quota import Quota, SharedCounters, is_private
from recsvc.http.settings import ServeSettings
from recsvc.keys import Scope

MakeKey = Callable[[Scope], dict[str, str]]


@pytest.fixture
def limited(store: Path, live: LiveEngine, database: sa.Engine) -> Flask:
    return create_app(ServeSettings(store=store, public_limit="3/minute", server_limit="5/hour"), live, database)


def test_a_page_that_asks_too_often_is_told_when_to_come_back(limited: Flask, make_key: MakeKey) -> None:
    client, page = limited.test_client(), make_key(Scope.PUBLIC)
    left = []
    for _ in range(3):
        answer = client.get("/recommend", headers=page)
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"public";q=3;w=60'
        left.append(answer.headers["RateLimit"].partition(";t=")[0])
    assert left == ['"public";r=2', '"public";r=1', '"public";r=0']
    refused = client.get("/recommend", headers=page)
    assert refused.status_code == 429
    assert refused.content_type == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"] == f'"public";r=0;t={refused.headers["Retry-After"]}'
    assert refused.headers["Cache-Control"] == "no-store"
    problem = refused.get_json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (problem["title"], problem["violated-policies"]) == ("Quota exceeded", ["public"])
    # Another visitor of the same page has a quota of his own.
    other = client.get("/recommend", headers={**page, "X-Forwarded-For": "203.0.113.9"})
    assert (other.status_code, other.headers["RateLimit"].partition(";t=")[0]) == (200, '"public";r=2')


def test_a_server_key_is_limited_as_a_whole_and_an_admin_key_never(limited: Flask, make_key: MakeKey) -> None:
    client, server, admin = limited.test_client(), make_key(Scope.SERVER), make_key(Scope.ADMIN)
    codes = [
        client.get("/recommend", headers={**server, "X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(6)
    ]
    assert codes == [200] * 5 + [429]
    answers = [client.get("/recommend", headers=admin) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "expected"),
    [
        ("8.8.8.8", "", None, "8.8.8.8"),
        ("8.8.8.8", "198.51.100.1", None, "8.8.8.8"),  # a visitor cannot choose what he is counted as
        ("10.0.0.2", "198.51.100.1", None, "198.51.100.1"),
        ("10.0.0.2", "192.0.2.77, 198.51.100.1", None, "198.51.100.1"),
        ("10.0.0.2", "192.0.2.77, 198.51.100.1", 2, "192.0.2.77"),
        ("10.0.0.2", "198.51.100.1", 0, "10.0.0.2"),
        ("10.0.0.2", "198.51.100.1", 5, "10.0.0.2"),
        ("10.0.0.2", "nonsense", None, "10.0.0.2"),
        ("2001:db8:1:2:3::4", "", None, "2001:db8:1:2::/64"),
    ],
)  # fmt: skip
def test_whose_request_it_is(limited: Flask, peer: str, forwarded: str, proxies: int | None, expected: str) -> None:
    quota = Quota("1/minute", None, proxies=proxies, directory=None)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    with limited.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": peer}) as context:
        assert quota.address(context.request) == expected


def test_counters_are_one_for_all_processes(tmp_path: Path) -> None:
    counters = SharedCounters(tmp_path / "quota")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=count, args=(tmp_path / "quota", 200)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counters.get("visitor") == 600
    counters.clear("visitor")
    assert counters.get("visitor") == 0


def count(file: Path, times: int) -> None:
    counters = SharedCounters(file)
    for _ in range(times):
        counters.incr("visitor", 3600)


def test_a_window_ends_and_a_full_table_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("recsvc.http.quota.time.time", lambda: clock[0])
    monkeypatch.setattr("recsvc.http.quota.SLOTS", 16)
    counters = SharedCounters(tmp_path / "quota")
    assert [counters.incr("a", 60), counters.incr("a", 60)] == [1, 2]
    assert (counters.get_expiry("a"), counters.check()) == (1060.0, True)
    clock[0] = 1061.0
    assert counters.get("a") == 0
    assert counters.incr("a", 60) == 1
    for visitor in range(40):
        clock[0] += 1
        assert counters.incr(f"visitor {visitor}", 600) == 1
    assert counters.get("visitor 39") == 1
    counters.reset()
    assert counters.get("visitor 39") == 0


def test_what_a_limit_may_be() -> None:
    assert parse_limit(None, "X") is None
    assert parse_limit(" Off ", "X") is None
    limit = parse_limit("20 per second", "X")
    assert limit is not None
    assert (limit.amount, limit.get_expiry()) == (20, 1)
    for text in ("many", "0/minute", "-3/minute", "5/fortnight"):
        with pytest.raises(SettingsError, match="RECSVC_RATE_LIMIT is"):
            parse_limit(text, "RECSVC_RATE_LIMIT")


def test_private_addresses() -> None:
    assert [is_private(text) for text in ("127.0.0.1", "10.1.2.3", "8.8.8.8", "::1", "")] == [
        True, True, False, True, False,
    ]  # fmt: skip
