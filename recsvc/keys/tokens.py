"""Customer tokens: with one a shop's page gets the list of the customer whom the shop's server has logged in.

A token is a JSON Web Token (RFC 7519) under HS256: `sub` is the customer_id, `exp` its end, and `kid` in the header the
id of a server key. The secret is made of the service's own secret and that id, so the database holds nothing to forge
tokens with, and a token ends with its key.
"""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt

from models.strings import LONGEST_ID
from recsvc.keys.records import ApiKey, Scope

ALGORITHM = "HS256"
SKEW = timedelta(seconds=60)  # by which the shop's clock and ours may differ
LONGEST_LIFE = timedelta(hours=24)  # a page is made anew, and with it its token
LONGEST_TOKEN = 2_048


class TokenStatus(StrEnum):
    """What became of a token; the value is what the answer's header says."""

    ACCEPTED = "accepted"
    FORGED = "forged"  # no token, or its signature does not fit
    EXPIRED = "expired"
    EARLY = "not-yet-valid"
    LASTING = "lives-too-long"
    UNKNOWN_KEY = "unknown-key"  # kid names no server key in force
    UNCHECKED = "unchecked"  # the database that knows the keys has been down since the start


@dataclass(frozen=True)
class Verdict:
    """`customer_id` is given where the status is ACCEPTED, and only there."""

    status: TokenStatus
    customer_id: str | None = None


class CustomerTokens:
    """Makes the secrets and reads the tokens of one service, those of its `previous` secret, too."""

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        known = (secret,) if previous is None else (secret, previous)
        self._keys = tuple(hmac.digest(one, b"recsvc customer token", "sha256") for one in known)

    def secret_of(self, key_id: str) -> str:
        """What a shop's server signs tokens with; the same each time, and another for each key."""
        return _secret_of(self._keys[0], key_id)

    def sign(self, key_id: str, customer_id: str, expires_at: datetime) -> str:
        """A token as the shop's server makes it."""
        claims = {"sub": customer_id, "exp": int(expires_at.timestamp())}
        return jwt.encode(claims, self.secret_of(key_id), ALGORITHM, headers={"kid": key_id})

    def read(self, token: str, keys: Mapping[str, ApiKey] | None, now: datetime) -> Verdict:
        """Whose token it is, or why it is nobody's; `keys` is None where they are not known. Never raises."""
        if keys is None:
            return Verdict(TokenStatus.UNCHECKED)
        if len(token) > LONGEST_TOKEN:
            return Verdict(TokenStatus.FORGED)
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = keys.get(key_id) if isinstance(key_id, str) else None
            # The signature comes first even where the key is not known, so that time tells nothing of the keys.
            claims = self._claims(token, key_id if isinstance(key_id, str) else "")
            expires, begins = float(claims["exp"]), float(claims.get("nbf", 0))
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):
            return Verdict(TokenStatus.FORGED)
        if key is None or not key.scope.includes(Scope.SERVER) or key.status(now) != "active":
            return Verdict(TokenStatus.UNKNOWN_KEY)
        return _in_time(claims["sub"], expires, begins, now.timestamp())

    def _claims(self, token: str, key_id: str) -> dict[str, Any]:
        *previous, last = (_secret_of(key, key_id) for key in self._keys)
        for secret in previous:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(token, secret, algorithms=[ALGORITHM], options=OWN_CLOCK)
        return jwt.decode(token, last, algorithms=[ALGORITHM], options=OWN_CLOCK)


def _secret_of(key: bytes, key_id: str) -> str:
    return f"ct_{key_id}_{hmac.digest(key, key_id.encode(), 'sha256').hex()}"


OWN_CLOCK: jwt.types.Options = {
    "require": ["exp", "sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


def _in_time(customer_id: str, expires: float, begins: float, now: float) -> Verdict:
    skew = SKEW.total_seconds()
    if not expires > now - skew:  # NaN is no time either
        return Verdict(TokenStatus.EXPIRED)
    if not begins <= now + skew:
        return Verdict(TokenStatus.EARLY)
    if expires > now + LONGEST_LIFE.total_seconds() + skew:
        return Verdict(TokenStatus.LASTING)
    if not 0 < len(customer_id) <= LONGEST_ID:
        return Verdict(TokenStatus.FORGED)
    return Verdict(TokenStatus.ACCEPTED, customer_id)
