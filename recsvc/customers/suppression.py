"""Addresses that are never written to. Kept as keyed hashes, so that they outlive the customer without naming them."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.errors import RefusedError
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.state import writing
from recsvc.state.mailing import suppressions

REASONS = ("hard_bounce", "invalid_email", "spam_complaint", "unsubscribe", "user_suppressed", "erased")
BLOCK = 1000


class Suppressions:
    """The list, as seen with one secret, and perhaps the `previous` one. Raises RefusedError where another secret wrote
    it: it would look empty."""

    def __init__(self, database: sa.Engine, secret: bytes, previous: bytes | None = None) -> None:
        self._database = database
        secrets = (secret,) if previous is None else (secret, previous)
        self._keys = [hmac.digest(one, b"recsvc suppressed addresses", "sha256") for one in secrets]
        self._check, *others = (hmac.digest(key, b"check", "sha256")[:4].hex() for key in self._keys)
        with database.connect() as connection:
            known = (self._check, *others)
            foreign = sa.select(suppressions.c.address).where(suppressions.c.key_check.not_in(known)).limit(1)
            if connection.scalar(foreign) is not None:
                raise RefusedError(
                    "the suppressed addresses were written with another secret and cannot be recognised; put that one "
                    "into RECSVC_SECRET_PREVIOUS, or set RECSVC_SECRET (or secret.key in the store) back to it"
                )
            self._some = connection.scalar(sa.select(suppressions.c.address).limit(1)) is not None

    @classmethod
    def open(cls, database: sa.Engine, store: Path, environment: Mapping[str, str]) -> "Suppressions":
        """With the service's own secrets."""
        previous = read_previous_secret(environment.get("RECSVC_SECRET_PREVIOUS"))
        return cls(database, read_secret(environment.get("RECSVC_SECRET"), store), previous)

    def hashed(self, email: str) -> list[str]:
        """What an address is or was kept as, newest secret first; upper and lower case are one."""
        return [hmac.digest(key, email.strip().lower().encode(), "sha256").hex() for key in self._keys]

    def among(self, emails: Iterable[str], connection: sa.Connection | None = None) -> set[str]:
        """Those of the addresses that are suppressed; asked inside `connection`'s transaction where one is given."""
        if not self._some and connection is None:
            return set()
        by_hash = {hashed: email for email in emails for hashed in self.hashed(email)}
        if connection is not None:
            return self._found(connection, by_hash)
        with self._database.connect() as own:
            return self._found(own, by_hash)

    @staticmethod
    def _found(connection: sa.Connection, by_hash: dict[str, str]) -> set[str]:
        hashes, found = list(by_hash), set()
        for start in range(0, len(hashes), BLOCK):
            query = sa.select(suppressions.c.address).where(suppressions.c.address.in_(hashes[start : start + BLOCK]))
            found |= {by_hash[row[0]] for row in connection.execute(query)}
        return found

    def add(self, emails: Sequence[str], reason: str, now: datetime) -> int:
        """Suppress the addresses; those already suppressed keep their reason. How many are new."""
        known = self.among(emails)
        rows = [
            {"address": self.hashed(email)[0], "key_check": self._check, "reason": reason, "at": now}
            for email in dict.fromkeys(emails)
            if email not in known
        ]
        if not rows:
            return 0
        insert: Any = (postgresql if self._database.dialect.name == "postgresql" else sqlite).insert(suppressions)
        with writing(self._database) as connection:
            before = connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) or 0
            connection.execute(insert.on_conflict_do_nothing(), rows)
            after = connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) or 0
        self._some = True
        return after - before

    def reason(self, email: str) -> str | None:
        """Why an address is suppressed; None where it is not."""
        query = sa.select(suppressions.c.reason).where(suppressions.c.address.in_(self.hashed(email)))
        with self._database.connect() as connection:
            return connection.scalar(query)

    def lift(self, email: str) -> bool:
        """Take an address off the list; False where it was not on it."""
        with writing(self._database) as connection:
            gone = connection.execute(sa.delete(suppressions).where(suppressions.c.address.in_(self.hashed(email))))
        return gone.rowcount > 0
