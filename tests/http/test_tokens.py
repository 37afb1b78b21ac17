"""Customer tokens: a page gets its customer's list, and nobody else's."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from recsvc.cli.keys import keys as keys_command
from recsvc.http.service import service_of
from recsvc.keys import ApiKey, CustomerTokens, Scope, TokenStatus, create_key, list_keys, revoke_key, rotate_key

MakeKey = Callable[[Scope], dict[str, str]]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKENS = CustomerTokens(b"a secret of the tests, long enough")
KEY = ApiKey(key_id="0a1b2c3d", name="shop", scope=Scope.SERVER, hash=b"", created_at=NOW - timedelta(days=9))
PAGE = ApiKey(key_id="public00", name="page", scope=Scope.PUBLIC, hash=b"", created_at=NOW)
KEYS = {KEY.key_id: KEY, PAGE.key_id: PAGE}


def by_hand(secret: str, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token as docs/security.md tells a shop to make it, without a library."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{head}.{part(hmac.digest(secret.encode(), head.encode(), hashlib.sha256))}"


def token(claims: dict[str, Any] | None = None, *, secret: str | None = None, **header: Any) -> str:
    whole = {"sub": "coffee-1", "exp": int(NOW.timestamp()) + 3600, **(claims or {})}
    return by_hand(
        secret or TOKENS.secret_of(KEY.key_id), {"alg": "HS256", "typ": "JWT", "kid": KEY.key_id, **header}, whole
    )


def test_a_token_made_by_hand_is_accepted_and_is_what_sign_makes() -> None:
    made = TOKENS.sign(KEY.key_id, "coffee-1", NOW + timedelta(hours=1))
    for text in (token(), made):
        verdict = TOKENS.read(text, KEYS, NOW)
        assert (verdict.status, verdict.customer_id) == (TokenStatus.ACCEPTED, "coffee-1")


def test_a_token_of_the_secret_before_is_accepted() -> None:
    later = CustomerTokens(b"another secret of the service", b"0123456789abcdef")
    before = CustomerTokens(b"0123456789abcdef").sign(KEY.key_id, "coffee-1", NOW + timedelta(hours=1))
    assert later.read(before, KEYS, NOW).customer_id == "coffee-1"
    assert later.read(later.sign(KEY.key_id, "coffee-2", NOW + timedelta(hours=1)), KEYS, NOW).customer_id == "coffee-2"
    assert CustomerTokens(b"a third").read(before, KEYS, NOW).status is TokenStatus.FORGED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token({"exp": int(NOW.timestamp()) - 59}), TokenStatus.ACCEPTED),  # clocks differ by up to a minute
        (token({"exp": int(NOW.timestamp()) - 61}), TokenStatus.EXPIRED),
        (token({"exp": float("nan")}), TokenStatus.EXPIRED),
        (token({"nbf": int(NOW.timestamp()) + 59}), TokenStatus.ACCEPTED),
        (token({"nbf": int(NOW.timestamp()) + 61}), TokenStatus.EARLY),
        (token({"exp": int(NOW.timestamp()) + 24 * 3600}), TokenStatus.ACCEPTED),
        (token({"exp": int(NOW.timestamp()) + 25 * 3600}), TokenStatus.LASTING),
        (token({"exp": 10**30}), TokenStatus.LASTING),
        (token(kid="00000000"), TokenStatus.FORGED),
        (token(kid="00000000", secret=TOKENS.secret_of("00000000")), TokenStatus.UNKNOWN_KEY),
        (token(kid=PAGE.key_id, secret=TOKENS.secret_of(PAGE.key_id)), TokenStatus.UNKNOWN_KEY),
        (token(kid=7), TokenStatus.FORGED),
        (token(kid=["0a1b2c3d"]), TokenStatus.FORGED),
        (token(alg="none"), TokenStatus.FORGED),
        (token(alg="none").rpartition(".")[0] + ".", TokenStatus.FORGED),
        (token(alg="RS256"), TokenStatus.FORGED),
        (token(secret="another"), TokenStatus.FORGED),
        (token({"sub": ""}), TokenStatus.FORGED),
        (token({"sub": "x" * 513}), TokenStatus.FORGED),
        (token({"sub": 7}), TokenStatus.FORGED),
        (token({"exp": "soon"}), TokenStatus.FORGED),
        (token({"exp": None}), TokenStatus.FORGED),
        (token()[:-2] + "AA", TokenStatus.FORGED),
        ("", TokenStatus.FORGED),
        ("a.b.c", TokenStatus.FORGED),
        ("." * 5000, TokenStatus.FORGED),
        ("ключ.ключ.ключ", TokenStatus.FORGED),
    ],
)  # fmt: skip
def test_what_becomes_of_a_token(text: str, expected: TokenStatus) -> None:
    verdict = TOKENS.read(text, KEYS, NOW)
    assert verdict.status == expected
    assert (verdict.customer_id is not None) == (expected is TokenStatus.ACCEPTED)


@given(st.text(max_size=300))
def test_no_text_is_a_token_and_none_is_an_error(text: str) -> None:
    assert TOKENS.read(text, KEYS, NOW).customer_id is None


def test_where_the_keys_are_not_known_nothing_is_believed() -> None:
    assert TOKENS.read(token(), None, NOW).status == TokenStatus.UNCHECKED


def test_a_public_key_and_a_token_get_the_customers_own_list(
    app: Flask, make_key: MakeKey, database: sa.Engine
) -> None:
    client, page, server = app.test_client(), make_key(Scope.PUBLIC), make_key(Scope.SERVER)
    key_id = server["Authorization"].split("_")[2]
    service = service_of(app)

    def ids(answer: Any) -> list[str]:
        return [item["item_id"] for item in answer.get_json()["items"]]

    own = ids(client.get("/recommend?customer_id=coffee-1", headers=server))
    anonymous = ids(client.get("/recommend", headers=page))
    assert own != anonymous
    good = service.tokens.sign(key_id, "coffee-1", datetime.now(UTC) + timedelta(hours=1))
    late = service.tokens.sign(key_id, "coffee-1", datetime.now(UTC) - timedelta(hours=1))
    for text, status, expected in (
        (good, "accepted", own),
        (late, "expired", anonymous),
        (good[:-3] + "AAA", "forged", anonymous),
    ):
        for answer in (
            client.get(f"/recommend?customer_token={text}", headers=page),
            client.post("/recommend", json={"customer_token": text}, headers=page),
        ):
            assert answer.status_code == 200
            assert answer.headers["Customer-Token-Status"] == status
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert ids(answer) == expected
    both = client.get(f"/recommend?customer_token={good}&customer_id=coffee-1", headers=page)
    assert (both.status_code, ids(both)) == (200, own)
    another = client.get(f"/recommend?customer_token={good}&customer_id=coffee-2", headers=server)
    assert (another.status_code, another.get_json()["errors"][0]["parameter"]) == (403, "customer_token")
    revoke_key(database, key_id, now=datetime.now(UTC))
    service.keys.check_database(5)
    ended = client.get(f"/recommend?customer_token={good}", headers=page)
    assert (ended.headers["Customer-Token-Status"], ids(ended)) == ("unknown-key", anonymous)


def test_a_public_key_may_stand_in_the_address_and_no_other(app: Flask, make_key: MakeKey) -> None:
    client = app.test_client()
    page = make_key(Scope.PUBLIC)["Authorization"].removeprefix("Bearer ")
    server = make_key(Scope.SERVER)["Authorization"].removeprefix("Bearer ")
    assert client.get(f"/recommend?key={page}").status_code == 200
    refused = client.get(f"/recommend?key={server}")
    assert refused.status_code == 401
    assert "in an address" in refused.get_json()["detail"]
    assert server not in refused.text


def test_rotation_keeps_the_old_key_for_a_while(database: sa.Engine) -> None:
    old, _ = create_key(
        database, name="shop", scope=Scope.SERVER, now=NOW - timedelta(days=300), expires_at=NOW + timedelta(days=65)
    )
    new, text = rotate_key(database, old.key_id, grace=timedelta(days=7), now=NOW)
    known = {key.key_id: key for key in list_keys(database)}
    assert (new.name, new.scope, new.expires_at) == ("shop", Scope.SERVER, NOW + timedelta(days=365))
    assert known[old.key_id].expires_at == NOW + timedelta(days=7)
    assert known[new.key_id].opened_by(text.split("_")[3], NOW)
    # A key that ends sooner anyway is not given more time.
    rotate_key(database, old.key_id, grace=timedelta(days=30), now=NOW)
    assert {key.key_id: key for key in list_keys(database)}[old.key_id].expires_at == NOW + timedelta(days=7)


def test_the_commands(database: sa.Engine, store: Any) -> None:
    runner = CliRunner()
    key, _ = create_key(database, name="shop", scope=Scope.SERVER, now=datetime.now(UTC))
    page, _ = create_key(database, name="page", scope=Scope.PUBLIC, now=datetime.now(UTC))
    where = ["--store", str(store)]
    first = runner.invoke(keys_command, ["token-secret", key.key_id, *where])
    again = runner.invoke(keys_command, ["token-secret", key.key_id, *where])
    assert first.stdout == again.stdout
    assert first.stdout.startswith(f"ct_{key.key_id}_")
    for key_id in (page.key_id, "unknown"):
        refused = runner.invoke(keys_command, ["token-secret", key_id, *where])
        assert "no server key in force" in str(refused.exception)
    rotated = runner.invoke(keys_command, ["rotate", key.key_id, "--grace", "2w", *where])
    assert rotated.exit_code == 0
    assert rotated.stdout.startswith("rk_server_")
    refused = runner.invoke(keys_command, ["rotate", "unknown", *where])
    assert "no key in force has the id 'unknown'" in str(refused.exception)
