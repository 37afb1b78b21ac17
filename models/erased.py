"""Customers who asked to be forgotten: known to nobody from now on, though their bundle is never changed.

The file `erased` of a store holds a random key and, one a line, the keyed hash of each such id: it names nobody.
"""

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from models.strings import IdIndex

ERASED = "erased"
CHECK_SECONDS = 1.0


class ErasedIds:
    """The ids of a store's file; a change is seen within CHECK_SECONDS. Without the file nobody is erased."""

    def __init__(self, store: Path) -> None:
        self._path = store / ERASED
        self._checked = -CHECK_SECONDS
        self._stamp: tuple[int, int] | None = None
        self._key = b""
        self._hashes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        self._refresh()
        return bool(self._hashes)

    def hold(self, customer_id: str) -> bool:
        """Whether the customer is erased."""
        return bool(self) and self._hash(customer_id) in self._hashes

    def add(self, customer_id: str) -> None:
        """Enter an id, durably; the same again changes nothing."""
        self._checked = -CHECK_SECONDS
        if self.hold(customer_id):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            file.seek(0)
            self._key = file.readline().strip()
            if not self._key:
                self._key = secrets.token_hex(32).encode()
                file.write(self._key + b"\n")
            file.write(self._hash(customer_id).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._checked = -CHECK_SECONDS

    def _hash(self, customer_id: str) -> str:
        text = customer_id.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._hashes = None, frozenset()
            return
        stamp = (found.st_mtime_ns, found.st_size)
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
