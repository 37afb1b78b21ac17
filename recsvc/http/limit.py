"""A rate limit as a setting: '1200/minute'."""

from limits import RateLimitItem, parse

from models.errors import SettingsError

PUBLIC, SERVER = "RECSVC_RATE_LIMIT", "RECSVC_RATE_LIMIT_SERVER"


def parse_limit(text: str | None, name: str) -> RateLimitItem | None:
    """The limit as `limits` reads it; None and 'off' are no limit. Raises SettingsError that names the setting."""
    if text is None or text.strip().lower() in ("", "off"):
        return None
    try:
        limit = parse(text)
    except ValueError:
        raise SettingsError(f"{name} is {text[:40]!r}; expected a rate such as 1200/minute, or off") from None
    if limit.amount < 1:
        raise SettingsError(f"{name} is {text[:40]!r}; the number must be 1 or more, or off")
    return limit
