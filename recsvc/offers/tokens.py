"""What the links of a mail carry: who unsubscribes, and which item of which mail was clicked. Signed, and unreadable.

A token is a text enciphered with a nonce that is the text's own HMAC (a synthetic IV): it names nobody to those who see
the address, cannot be made or changed without the secret, needs no row in the database, and never expires by itself.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from models.errors import InputError

NONCE_BYTES = 12
LONGEST_TOKEN = 4_000  # of a click, with the longest ids that there may be
CLICK_DAYS = 400  # a mail older than that leads to the shop's start page


@dataclass(frozen=True, slots=True)
class Click:
    """One link of one mail; `place` counts the mail's items from 1."""

    campaign_id: str
    edition: str
    customer_id: str
    item_id: str
    slot: str
    place: int
    expires: int


class MailTokens:
    """Makes the tokens of one secret, and reads these and those of the `previous` one."""

    def __init__(self, secret: bytes, previous: bytes | None = None) -> None:
        secrets = (secret,) if previous is None else (secret, previous)
        self._unsubscribe, *self._older_unsubscribe = (_Sealer(one, b"recsvc unsubscribe link") for one in secrets)
        self._click, *self._older_click = (_Sealer(one, b"recsvc click link") for one in secrets)
        self._code = hmac.digest(secret, b"recsvc benefit code", "sha256")

    def unsubscribe(self, customer_id: str) -> str:
        """16 characters and 4 more for each 3 bytes of the id."""
        return self._unsubscribe.seal(customer_id.encode())

    def read_unsubscribe(self, token: str) -> str:
        """The customer's id. Raises InputError for a token that this service has not made."""
        return _opened(token, self._unsubscribe, *self._older_unsubscribe).decode()

    def click(
        self, campaign_id: str, edition: str, customer_id: str, item_id: str, slot: str, place: int, expires: int
    ) -> str:
        """A token for one item's link, counted until the day `expires` (last_click_day)."""
        return self._click.seal(orjson.dumps([campaign_id, edition, customer_id, item_id, slot, place, expires]))

    def read_click(self, token: str) -> Click:
        """Raises InputError for a token that this service has not made; one that is too old is still read."""
        fields = orjson.loads(_opened(token, self._click, *self._older_click))
        return Click(*fields)

    def code(self, benefit_id: str, campaign_id: str, edition: str, customer_id: str) -> str:
        """A voucher code of 10 letters and digits that only this customer has; the same each time."""
        named = orjson.dumps([benefit_id, campaign_id, edition, customer_id])
        return base64.b32encode(hmac.digest(self._code, named, "sha256"))[:10].decode()


def last_click_day(now: datetime) -> int:
    """Until when the clicks of a mail made `now` are counted, in days since 1970."""
    return int((now + timedelta(days=CLICK_DAYS)).timestamp()) // 86_400


def _opened(token: str, *sealers: "_Sealer") -> bytes:
    try:
        if len(token) > LONGEST_TOKEN:
            raise ValueError
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    for sealer in sealers:
        text = sealer.open(raw)
        if text is not None:
            return text
    raise InputError("this link is damaged; it is not one of ours")


class _Sealer:
    def __init__(self, secret: bytes, purpose: bytes) -> None:
        self._sign = hmac.digest(secret, purpose + b", signature", "sha256")
        self._hide = hmac.digest(secret, purpose + b", cipher", "sha256")

    def seal(self, text: bytes) -> str:
        nonce = hmac.digest(self._sign, text, "sha256")[:NONCE_BYTES]
        return base64.urlsafe_b64encode(nonce + self._stream(nonce, text)).rstrip(b"=").decode()

    def open(self, raw: bytes) -> bytes | None:
        """What was sealed; None where this secret has not sealed it."""
        nonce, text = raw[:NONCE_BYTES], self._stream(raw[:NONCE_BYTES], raw[NONCE_BYTES:])
        signed = hmac.digest(self._sign, text, "sha256")[:NONCE_BYTES]
        return text if hmac.compare_digest(signed, nonce) else None

    def _stream(self, nonce: bytes, text: bytes) -> bytes:
        key = hashlib.shake_256(self._hide + nonce).digest(len(text))
        return (int.from_bytes(text, "big") ^ int.from_bytes(key, "big")).to_bytes(len(text), "big")
