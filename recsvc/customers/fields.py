"""What a customer's attribute must look like; one parser a column of the customer file."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from models.flags import FLAG_WORDS
from models.strings import LONGEST_ID
from recsvc.plain import one_line

LONGEST_NAME, LONGEST_TIER, LONGEST_EMAIL = 100, 64, 254
MOST_ID_BYTES = 640  # so that the link to unsubscribe fits into a line of a mail's head, which ends at 998 characters
MOST_POINTS = 2**31 - 1
# The first character is a letter, a digit or '_': others are rare there, and in a table cell they begin a formula.
_EMAIL = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{0,63}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59})"
)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


class FieldError(ValueError):
    """Why a value cannot be used; names the column but never the value, which may be personal data."""


def is_email(text: str) -> bool:
    """Whether mail can be sent to this: one address, no name, no comment, no line break."""
    return len(text) <= LONGEST_EMAIL and text.find("@") <= 64 and _EMAIL.fullmatch(text) is not None


def parse_customer_id(value: object) -> str:
    """Required, and kept as it is: it must be the very text that the purchases use."""
    customer_id = _text(value, "customer_id")
    if not customer_id:
        raise FieldError("customer_id is missing")
    if len(customer_id) > LONGEST_ID:
        raise FieldError(f"customer_id is longer than {LONGEST_ID} characters")
    if len(customer_id.encode("utf-8", "surrogatepass")) > MOST_ID_BYTES:
        raise FieldError(f"customer_id is longer than {MOST_ID_BYTES} bytes in UTF-8")
    if "\0" in customer_id:
        raise FieldError("customer_id holds a NUL character")
    return customer_id


def parse_email(value: object) -> str | None:
    email = _text(value, "email").strip()
    if email and not is_email(email):
        raise FieldError("email is not an e-mail address")
    return email or None


def parse_first_name(value: object) -> str | None:
    return _short_text(value, "first_name", LONGEST_NAME)


def parse_tier(value: object) -> str | None:
    return _short_text(value, "tier", LONGEST_TIER)


def parse_locale(value: object) -> str | None:
    locale = _text(value, "locale").strip()
    if locale and not _LOCALE.fullmatch(locale):
        raise FieldError("locale is not like 'de' or 'de-AT'")
    return locale.replace("_", "-") or None


def parse_points(value: object) -> int | None:
    """A whole number; Parquet files give it as 120.0 where others of the column are missing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        points = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        points = math.nan
    if not (0 <= points <= MOST_POINTS and points == int(points)):
        raise FieldError("points is not a whole number from 0 to 2147483647")
    return int(points)


def parse_email_basis(value: object) -> str | None:
    """consent, or existing_customer: an address got with a sale, which may be written to about similar goods."""
    basis = _text(value, "email_basis").strip().lower()
    if basis not in ("", "consent", "existing_customer"):
        raise FieldError("email_basis is neither consent nor existing_customer")
    return basis or None


def parse_consent_at(value: object) -> datetime | None:
    """When the customer agreed, with date and time; naive time is UTC."""
    if isinstance(value, datetime):
        moment = value
    else:
        text = _text(value, "consent_at").strip()
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise FieldError("consent_at is not a time such as 2026-03-01T09:03:11Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_flag(value: object, column: str) -> bool:
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    text = str(value)
    flag = FLAG_WORDS.get(text)
    if flag is None:
        flag = FLAG_WORDS.get(text.strip().lower())
    if flag is None:
        raise FieldError(f"{column} is neither yes nor no (true/false, 1/0, ja/nein)")
    return flag


def _text(value: object, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise FieldError(f"{column} is not text")


def _short_text(value: object, column: str, longest: int) -> str | None:
    text = one_line(_text(value, column))
    if len(text) > longest:
        raise FieldError(f"{column} is longer than {longest} characters")
    return text or None


PARSERS: Mapping[str, Callable[[object], object]] = {
    "customer_id": parse_customer_id,
    "email": parse_email,
    "first_name": parse_first_name,
    "locale": parse_locale,
    "email_ok": lambda value: _parse_flag(value, "email_ok"),
    "profiling_ok": lambda value: _parse_flag(value, "profiling_ok"),
    "tracking_ok": lambda value: _parse_flag(value, "tracking_ok"),
    "tier": parse_tier,
    "points": parse_points,
    "segment": lambda value: _short_text(value, "segment", LONGEST_TIER),
    "email_basis": parse_email_basis,
    "consent_at": parse_consent_at,
}
