import base64
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError, SettingsError
from models.scenarios import SCENARIOS
from models.strings import hash_id
from recsvc.http.signing import Recommendation, Signer, read_secret

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
signer = Signer(b"0123456789abcdef", SCENARIOS)


@given(st.lists(st.text(max_size=50), max_size=100), st.sampled_from(SCENARIOS), st.text("0123456789TZ-", max_size=40))
def test_an_id_says_what_was_signed(items: list[str], scenario: str, version: str) -> None:
    text = signer.sign(version, scenario, NOW, items)
    assert signer.read(text) == Recommendation(
        model_version=version, scenario=scenario, at=NOW, items=tuple(map(hash_id, items))
    )
    assert all(character.isascii() and (character.isalnum() or character in "-_") for character in text)


def test_an_id_names_placement_and_arms() -> None:
    arms = (("prices", "shown"), ("hällo", "control"))
    text = signer.sign("v1", "home", NOW, ["a"], placement="start page", arms=arms)
    found = signer.read(text)
    assert (found.placement, found.arms, found.items) == ("start page", arms, (hash_id("a"),))
    assert signer.unchecked(text) == found


@given(st.text(max_size=20), st.lists(st.text(max_size=9), max_size=3), st.integers(0, 2**31))
def test_where_an_id_comes_from_is_read_quickly(placement: str, items: list[str], seconds: int) -> None:
    one = signer.sign("v1", "home", NOW, items, placement=placement, arms=[("x", "y")])
    other = signer.sign(
        "v1", "home", datetime.fromtimestamp(seconds, UTC), ["z"], placement=placement, arms=[("x", "y")]
    )
    assert signer.origin(one) == signer.origin(other) != b""
    assert signer.origin(one) != signer.origin(signer.sign("v1", "home", NOW, items, placement=placement))
    assert signer.origin("AQAA") == b""


def test_ids_of_the_secret_before_are_still_read() -> None:
    later = Signer(b"another secret..", SCENARIOS, b"0123456789abcdef")
    text = signer.sign("v1", "home", NOW, ["a"])
    assert later.read(text) == signer.read(text)
    with pytest.raises(InputError, match="its signature does not fit"):
        signer.read(later.sign("v1", "home", NOW, ["a"]))


def test_an_id_of_another_layout_is_refused() -> None:
    with pytest.raises(InputError, match="has layout 01; this recsvc reads 2"):
        signer.unchecked(base64.urlsafe_b64encode(b"\x01" + bytes(40)).decode())


def test_long_item_ids_do_not_make_it_long() -> None:
    assert len(signer.sign("20260301T040000Z-1f2e3d4c", "home", NOW, ["x" * 10_000] * 10)) < 180


def test_every_changed_byte_is_noticed() -> None:
    raw = base64.urlsafe_b64decode(signer.sign("v1", "home", NOW, ["a", "b"]) + "==")
    for place in range(len(raw)):
        forged = raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        with pytest.raises(InputError, match="signature"):
            signer.read(base64.urlsafe_b64encode(forged).decode().rstrip("="))


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(InputError, match="signature"):
        Signer(b"another secret..", SCENARIOS).read(signer.sign("v1", "home", NOW, []))


@given(st.text(max_size=100))
def test_any_text_may_be_handed_back(text: str) -> None:
    with pytest.raises(InputError, match="recommendation_id"):
        signer.read(text)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    secret = read_secret(None, tmp_path / "store")
    assert len(secret) == 64
    assert read_secret(None, tmp_path / "store") == secret
    assert [file.name for file in (tmp_path / "store").iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "store" / "secret.key").stat().st_mode) == 0o600


def test_workers_that_start_at_once_share_one_secret(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        found.append(read_secret(None, tmp_path))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_secrets_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"RECSVC_SECRET has 5 characters"):
        read_secret("short", tmp_path)
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(SettingsError, match=r"secret\.key is damaged"):
        read_secret(None, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="RECSVC_SECRET"):
        read_secret(None, tmp_path / "file")
