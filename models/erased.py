"""Customers who asked to be forgotten: known to nobody from now on, though their bundle is never changed.

A list of them holds a random key and, one a line, the keyed hash of each such id: it names nobody. A store has its own
list, and a copy of the one that several machines share.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from models.strings import IdIndex

ERASED, SHARED = "erased", "erased.shared"
CHECK_SECONDS = 1.0


class ErasedIds:
    """The ids of a store's lists; a change is seen within CHECK_SECONDS. Without lists nobody is erased."""

    def __init__(self, store: Path) -> None:
        self._own = store / ERASED
        self._lists = (_Following(self._own), _Following(store / SHARED))

    def __bool__(self) -> bool:
        return any(one.refresh() for one in self._lists)

    def hold(self, customer_id: str) -> bool:
        """Whether the customer is erased."""
        return any(one.refresh() and one.hold(customer_id) for one in self._lists)

    def add(self, customer_id: str) -> None:
        """Enter an id into the store's own list, durably; the same again changes nothing."""
        self._own.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._own, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read()
            file.write(with_customer(text, customer_id)[len(text) :])
            file.flush()
            os.fsync(file.fileno())
        for one in self._lists:
            one.look_again()


def with_customer(text: bytes, customer_id: str) -> bytes:
    """A list of which `text` is all so far, with one more customer at its end; the same where it holds them already."""
    if not text:
        text = secrets.token_hex(32).encode() + b"\n"
    key, *hashes = text.splitlines()
    entry = _hash(key, customer_id).encode()
    return text if entry in hashes else text + entry + b"\n"


def _hash(key: bytes, customer_id: str) -> str:
    text = customer_id.encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


class _Following:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = -CHECK_SECONDS
        self._stamp: tuple[int, int, int] | None = None
        self._key = b""
        self._hashes: frozenset[str] = frozenset()

    def hold(self, customer_id: str) -> bool:
        return _hash(self._key, customer_id) in self._hashes

    def look_again(self) -> None:
        self._checked = -CHECK_SECONDS

    def refresh(self) -> bool:
        """Whether it names anybody."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._read()
        return bool(self._hashes)

    def _read(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._hashes = None, frozenset()
            return
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            key, *hashes = self._path.read_text(encoding="ascii").splitlines() or [""]
            self._key, self._hashes, self._stamp = key.encode(), frozenset(hashes), stamp


@dataclass(frozen=True, eq=False)
class LivingIds(IdIndex):
    """Ids of which the erased ones cannot be found any more; their indices stay taken."""

    erased: ErasedIds = field(kw_only=True)

    @classmethod
    def over(cls, index: IdIndex, erased: ErasedIds) -> "LivingIds":
        """The same ids, without those erased now or later."""
        return cls(index.table, index.hashes, index.order, erased=erased)

    def find(self, text: str) -> int:
        return -1 if self.erased.hold(text) else super().find(text)
