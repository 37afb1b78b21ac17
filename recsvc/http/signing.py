"""Recommendation ids: signed, so that a later click or purchase is attributed without a write per request."""

import base64
import binascii
import hmac
import os
import secrets
import struct
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from models.errors import InputError, SettingsError
from models.strings import hash_id

LAYOUT = 2
MAC_BYTES = 16
HEAD = struct.Struct("<BIBBH")  # layout, seconds since 1970, scenario's place, lengths of the version and the label
SHORTEST_SECRET = 16
URL_SAFE = bytes.maketrans(b"-_", b"+/")
USUAL_ORIGIN = 96  # characters that hold most ids' model, placement and arms

hash_item = lru_cache(maxsize=20_000)(hash_id)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What an id carries. `items` are `models.strings.hash_id` of the list's item ids, in order: a bundle's `IdIndex`
    finds an item by them, and an id stays short however long the shop's ids are. `arms` are (experiment, arm)."""

    model_version: str
    scenario: str
    at: datetime
    items: tuple[int, ...]
    placement: str = ""
    arms: tuple[tuple[str, str], ...] = ()

    def place(self, item_id: str) -> int | None:
        """Where the item stood in the list, from 0; None when it was not in it."""
        wanted = hash_id(item_id)
        return self.items.index(wanted) if wanted in self.items else None


def packed(item_ids: Iterable[str]) -> bytes:
    """Items as an id holds them: eight bytes each."""
    hashes = [hash_item(item_id) for item_id in item_ids]
    return struct.pack(f"<{len(hashes)}Q", *hashes)


class Signer:
    """Makes recommendation ids, and reads those of the `previous` secret, too. `scenarios` may only grow at its end:
    ids hold places in it."""

    def __init__(self, secret: bytes, scenarios: tuple[str, ...], previous: bytes | None = None) -> None:
        # A key of its own, so that a signature made for one purpose never passes for another.
        secrets_known = (secret,) if previous is None else (secret, previous)
        self._keys = tuple(hmac.digest(known, b"recsvc recommendation id", "sha256") for known in secrets_known)
        # With the key taken in once; a digest in one go would take it in each time.
        self._mac = hmac.new(self._keys[0], digestmod="sha256")
        self._scenarios = scenarios

    def sign(
        self, model_version: str, scenario: str, at: datetime, items: Iterable[str] | bytes, *, placement: str = "",
        arms: Iterable[tuple[str, str]] = (),
    ) -> str:  # fmt: skip
        """About 60 characters and 11 an item, safe in an address; `items` are ids, or `packed` ones."""
        version = model_version.encode()
        label = "\0".join((placement, *(part for arm in arms for part in arm))).encode()
        place = self._scenarios.index(scenario)
        head = HEAD.pack(LAYOUT, int(at.timestamp()), place, len(version), len(label))
        payload = head + version + label + (items if isinstance(items, bytes) else packed(items))
        mac = self._mac.copy()
        mac.update(payload)
        return base64.urlsafe_b64encode(payload + mac.digest()[:MAC_BYTES]).rstrip(b"=").decode()

    def read(self, text: str) -> Recommendation:
        """What an id says. Raises InputError for one that this service has not signed."""
        raw = _decoded(text)
        payload, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not any(hmac.compare_digest(hmac.digest(key, payload, "sha256")[:MAC_BYTES], mac) for key in self._keys):
            raise InputError("recommendation_id is not one of this service: its signature does not fit")
        return self.unchecked(text)

    @staticmethod
    def origin(text: str) -> bytes:
        """Scenario, model, placement and arms of an id that was checked before, as bytes: equal for ids of which all
        these are. Far cheaper than reading it; b'' for an id of another layout."""
        raw = a2b_base64(text[: min(len(text) & ~3, USUAL_ORIGIN)].encode().translate(URL_SAFE))
        if len(raw) < HEAD.size or raw[0] != LAYOUT:
            return b""
        length = HEAD.size + raw[6] + int.from_bytes(raw[7:9], "little")
        if length > len(raw):
            raw = a2b_base64(text[: -(-length // 3) * 4].encode().translate(URL_SAFE))
        return raw[5:length]

    def unchecked(self, text: str) -> Recommendation:
        """What an id says that was checked before, such as one of a stored event; raises InputError as `read`."""
        payload = _decoded(text)[:-MAC_BYTES]
        if payload[:1] != bytes((LAYOUT,)):
            raise InputError(f"recommendation_id has layout {payload[:1].hex()}; this recsvc reads {LAYOUT}")
        _, seconds, scenario, version, label = HEAD.unpack_from(payload)
        middle = HEAD.size + version
        start = middle + label
        placement, *arms = payload[middle:start].decode().split("\0")
        return Recommendation(
            model_version=payload[HEAD.size : middle].decode(),
            scenario=self._scenarios[scenario],
            at=datetime.fromtimestamp(seconds, UTC),
            items=struct.unpack_from(f"<{(len(payload) - start) // 8}Q", payload, start),
            placement=placement,
            arms=tuple(zip(arms[::2], arms[1::2], strict=True)),
        )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InputError("recommendation_id is not one of this service: it is not base64url") from None


def read_secret(given: str | None, store: Path) -> bytes:
    """The secret given, or that of `secret.key` in the store, which the first caller makes; several may come at once.

    Raises SettingsError for a secret that is too short and for a store that cannot be written.
    """
    if given:
        if len(given) < SHORTEST_SECRET:
            raise SettingsError(
                f"RECSVC_SECRET has {len(given)} characters; use {SHORTEST_SECRET} or more: `openssl rand -hex 32`"
            )
        return given.encode()
    place = store / "secret.key"
    try:
        if not place.exists():
            _make_secret(place)
        secret = place.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"{place}: {error.strerror}; make the store writable or set RECSVC_SECRET to a random text"
        ) from None
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"{place} is damaged: {len(secret)} bytes; remove it and a new one is made at the next start"
        )
    return secret


def read_previous_secret(given: str | None) -> bytes | None:
    """The secret before this one, whose links and suppressed addresses are still known; None where there is none.

    Raises SettingsError for one that is too short to have been a secret.
    """
    if not given:
        return None
    if len(given) < SHORTEST_SECRET:
        raise SettingsError(
            f"RECSVC_SECRET_PREVIOUS has {len(given)} characters, but a secret has {SHORTEST_SECRET} or more; leave it "
            "empty where there was none"
        )
    return given.encode()


def _make_secret(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        # A link never replaces: of several workers that start at once, the first one's secret stays.
        os.link(temporary, place)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
