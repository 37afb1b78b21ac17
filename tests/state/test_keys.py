import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from recsvc.cli.keys import keys as keys_command
from recsvc.keys import KeyRing, Scope, create_key, list_keys, parse_expiry, revoke_key, usable
from recsvc.keys.records import split_token
from recsvc.state import connect
from recsvc.state.schema import api_keys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_only_the_hash_of_a_secret_is_kept(database: sa.Engine) -> None:
    key, token = create_key(database, name="shop", scope=Scope.SERVER, now=NOW)
    _, scope, key_id, secret = token.split("_")
    assert (scope, key_id, len(bytes.fromhex(secret))) == ("server", key.key_id, 32)
    with database.connect() as connection:
        row = connection.execute(sa.select(api_keys)).one()
    assert bytes(row.hash) == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(row)


def test_a_key_opens_with_its_own_secret_until_it_expires_or_is_revoked(database: sa.Engine) -> None:
    key, token = create_key(database, name="a", scope=Scope.PUBLIC, now=NOW, expires_at=NOW + timedelta(days=1))
    other, other_token = create_key(database, name="b", scope=Scope.SERVER, now=NOW)
    secret, other_secret = token.split("_")[3], other_token.split("_")[3]
    assert key.opened_by(secret, NOW)
    assert not key.opened_by(other_secret, NOW)
    assert not key.opened_by("", NOW)
    assert not key.opened_by(secret, NOW + timedelta(days=1))
    revoke_key(database, other.key_id, now=NOW)
    known = {each.name: each for each in list_keys(database)}
    assert not known["b"].opened_by(other_secret, NOW)
    assert {name: each.status(NOW + timedelta(days=2)) for name, each in known.items()} == {
        "a": "expired",
        "b": "revoked",
    }
    assert usable(list(known.values()), NOW) == [known["a"]]


def test_revoking_twice_keeps_the_first_time(database: sa.Engine) -> None:
    key, _ = create_key(database, name="a", scope=Scope.ADMIN, now=NOW)
    revoke_key(database, key.key_id, now=NOW)
    assert revoke_key(database, key.key_id, now=NOW + timedelta(days=1)).revoked_at == NOW


def test_scopes_include_those_below_them() -> None:
    assert [[Scope(a).includes(Scope(b)) for b in Scope] for a in Scope] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_names_that_are_refused(name: str, database: sa.Engine) -> None:
    with pytest.raises(InputError, match="name is"):
        create_key(database, name=name, scope=Scope.SERVER, now=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", datetime(2026, 5, 30, 12, tzinfo=UTC)),
        ("12h", datetime(2026, 3, 2, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 3, 15, 12, tzinfo=UTC)),
        ("2026-03-31", datetime(2026, 4, 1, tzinfo=UTC)),
    ],
)
def test_expiry_is_a_span_or_a_day(text: str, expected: datetime) -> None:
    assert parse_expiry(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "90 days", "2026-02-30", "tomorrow", "9999-12-31", "999999w"])
def test_expiries_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expiry is"):
        parse_expiry(text, NOW)


def test_a_key_that_would_be_expired_is_refused(database: sa.Engine) -> None:
    with pytest.raises(InputError, match="future"):
        create_key(database, name="a", scope=Scope.SERVER, now=NOW, expires_at=NOW)


@given(st.text())
def test_any_text_may_be_presented_as_a_token(text: str) -> None:
    parts = split_token(text)
    assert parts is None or (text.startswith("rk_") and text.count("_") == 3)


def test_the_ring_learns_of_new_and_revoked_keys(database: sa.Engine) -> None:
    ring = KeyRing(database, fresh_for=0.0, patience=5)
    assert ring.keys() == {}
    key, _ = create_key(database, name="a", scope=Scope.SERVER, now=NOW)
    assert list(ring.keys() or ()) == [key.key_id]
    revoke_key(database, key.key_id, now=NOW)
    assert (ring.keys() or {})[key.key_id].revoked_at == NOW


def test_the_ring_does_not_read_for_every_request(database: sa.Engine) -> None:
    ring = KeyRing(database, fresh_for=60, patience=5)
    assert ring.keys() == {}
    create_key(database, name="a", scope=Scope.SERVER, now=NOW)
    assert ring.keys() == {}
    assert len(ring.keys(younger_than=0) or ()) == 1


def test_the_ring_goes_on_with_what_it_knows_while_the_database_is_down(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(database, name="a", scope=Scope.SERVER, now=NOW)
    ring = KeyRing(database, fresh_for=0.0, patience=5)
    known = ring.keys()

    def fail(_: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr("recsvc.keys.ring.list_keys", fail)
    assert ring.keys() == known
    assert "gone" in (ring.check_database(1) or "")
    monkeypatch.undo()
    assert ring.check_database(5) is None


def test_the_ring_knows_nothing_before_a_first_reading(tmp_path: Path) -> None:
    ring = KeyRing(connect("postgresql://shop@127.0.0.1:1/state", tmp_path), fresh_for=0.0, patience=5)
    assert ring.keys() is None
    assert "refused" in (ring.check_database(5) or "")


def test_a_database_that_hangs_holds_up_one_request_and_only_for_a_moment(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing(database, fresh_for=0.0, patience=0.05)
    assert ring.check_database(5) is None
    hanging = threading.Event()

    def hang(_: object) -> list[object]:
        hanging.wait(10)
        return []

    monkeypatch.setattr("recsvc.keys.ring.list_keys", hang)
    started = time.monotonic()
    ring.keys()
    first = time.monotonic() - started
    time.sleep(0.1)
    started = time.monotonic()
    for _ in range(100):
        assert ring.keys() == {}
    assert (0.04 < first < 2, time.monotonic() - started < 1) == (True, True)
    assert ring.check_database(0.01) == "the database does not answer"
    hanging.set()


def test_the_command_shows_a_secret_once_and_never_again(tmp_path: Path) -> None:
    run = CliRunner()
    made = run.invoke(keys_command, ["create", "--name", "web [shop]", "--expires", "90d", "--store", str(tmp_path)])
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert token.startswith("rk_server_")
    assert "cannot be shown again" in made.stderr
    key_id, secret = token.split("_")[2:]
    listed = run.invoke(keys_command, ["list", "--store", str(tmp_path)])
    assert listed.exit_code == 0
    assert key_id in listed.stdout
    assert "web [shop]" in listed.stdout
    assert "active" in listed.stdout
    assert secret not in listed.output
    assert run.invoke(keys_command, ["revoke", key_id, "--store", str(tmp_path)]).exit_code == 0
    assert "revoked" in run.invoke(keys_command, ["list", "--store", str(tmp_path)]).stdout


def test_the_command_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    run = CliRunner()
    scope = run.invoke(keys_command, ["create", "--name", "a", "--scope", "root", "--store", str(tmp_path)])
    assert (scope.exit_code, "'root'" in scope.stderr) == (2, True)
    unknown = run.invoke(keys_command, ["revoke", "beef", "--store", str(tmp_path)])
    assert isinstance(unknown.exception, InputError)
    assert "no key has the id 'beef'" in str(unknown.exception)
