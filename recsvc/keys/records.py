"""Keys in the database. The secret is shown once, when a key is made; what is kept is its SHA-256.

A fast hash is right here: the secret is 256 random bits, not a password that somebody chose, so there is nothing to
guess that a slow hash would protect, and every request has to check it.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from models.errors import InputError
from recsvc.state.database import writing
from recsvc.state.schema import api_keys

LONGEST_NAME = 100
SPAN = re.compile(r"(\d{1,6})([hdw])")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Scope(StrEnum):
    """What a key may do. Each scope includes those before it."""

    PUBLIC = "public"  # in a browser, where anybody can read it: lists that are not personal
    SERVER = "server"  # on the shop's server: anybody's list
    ADMIN = "admin"  # whoever runs it

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One key as the database knows it; `hash` is the SHA-256 of its secret."""

    key_id: str
    name: str
    scope: Scope
    hash: bytes
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def status(self, now: datetime) -> str:
        """'revoked', 'expired' or 'active'."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def opened_by(self, secret: str, now: datetime) -> bool:
        """Whether this is the key's secret and the key is in force; takes the same time for each wrong secret."""
        return hmac.compare_digest(self.hash, hash_secret(secret)) and self.status(now) == "active"


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def split_token(token: str) -> tuple[str, str] | None:
    """(key_id, secret) of 'rk_<scope>_<key_id>_<secret>', else None. The scope in it is for people only."""
    parts = token.split("_")
    return (parts[2], parts[3]) if len(parts) == 4 and parts[0] == "rk" else None


def create_key(
    database: sa.Engine, *, name: str, scope: Scope, now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key; returns it and its token, which nobody can read again. Raises InputError for a bad name or expiry."""
    name = name.strip()
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise InputError(f"name is {name[:40]!r}; expected 1 to {LONGEST_NAME} printable characters")
    if expires_at is not None and expires_at <= now:
        raise InputError(f"the key would have expired on {expires_at:%Y-%m-%d}; give a time in the future")
    key_id, secret = secrets.token_hex(4), secrets.token_hex(32)
    key = ApiKey(key_id=key_id, name=name, scope=scope, hash=hash_secret(secret), created_at=now, expires_at=expires_at)
    with writing(database) as connection:
        connection.execute(api_keys.insert().values(**{**vars(key), "scope": scope.value}))
    return key, f"rk_{scope}_{key_id}_{secret}"


def list_keys(database: sa.Engine) -> list[ApiKey]:
    """All keys, oldest first; revoked and expired ones too."""
    with database.connect() as connection:
        rows = connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)).mappings()
        return [ApiKey(**{**row, "scope": Scope(row["scope"]), "hash": bytes(row["hash"])}) for row in rows]


def usable(keys: list[ApiKey], now: datetime) -> list[ApiKey]:
    """Those that are in force."""
    return [key for key in keys if key.status(now) == "active"]


def revoke_key(database: sa.Engine, key_id: str, *, now: datetime) -> ApiKey:
    """End a key for good; revoking it again changes nothing. Raises InputError for an id that no key has."""
    with writing(database) as connection:
        connection.execute(
            api_keys.update().where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now)
        )
    for key in list_keys(database):
        if key.key_id == key_id:
            return key
    raise InputError(f"no key has the id {key_id[:40]!r}; see `recsvc keys list`")


def rotate_key(database: sa.Engine, key_id: str, *, grace: timedelta, now: datetime) -> tuple[ApiKey, str]:
    """Make a key of the same name, scope and length of life; the old one ends after `grace`, or sooner where it would.

    Returns the new key and its token. Raises InputError for an id that no key in force has.
    """
    old = next((key for key in usable(list_keys(database), now) if key.key_id == key_id), None)
    if old is None:
        raise InputError(f"no key in force has the id {key_id[:40]!r}; see `recsvc keys list`")
    expires_at = now + (old.expires_at - old.created_at) if old.expires_at is not None else None
    new, token = create_key(database, name=old.name, scope=old.scope, now=now, expires_at=expires_at)
    ends = now + grace
    with writing(database) as connection:
        sooner = sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > ends)
        connection.execute(api_keys.update().where(api_keys.c.key_id == key_id, sooner).values(expires_at=ends))
    return new, token


def parse_expiry(text: str, now: datetime) -> datetime:
    """'90d', '12h', '8w' from now, or the end of a day such as '2027-01-31' in UTC. Raises InputError."""
    if span := SPAN.fullmatch(text.strip()):
        try:
            return now + timedelta(**{UNITS[span[2]]: int(span[1])})
        except OverflowError:
            raise InputError(f"expiry is {text!r}; that is beyond the calendar") from None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InputError(
            f"expiry is {text[:40]!r}; expected a time such as 90d, 12h or 8w, or a day such as 2027-01-31"
        ) from None
