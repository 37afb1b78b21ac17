"""Links in a mail: http and https only, marked with the campaign, and never with anything about the reader."""

import re
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

PRODUCT_URL_FIELD = "{item_id}"
LONGEST_URL = 2000
_KEPT = "%/:@!$&'()*+,;=~-._?"
# Most links are already as they should be; looked at so, they cost a tenth of taking them apart.
_PLAIN = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*/[A-Za-z0-9%/:@!$&'()*+,;=~._-]*(?:\?[A-Za-z0-9%/:@!$&'()*+,;=~._-]+)?"
)


def web_url(text: str) -> str:
    """The link in ASCII when it is absolute http(s) without credentials; '' for all else, `javascript:` among it."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return text if len(text) <= LONGEST_URL else ""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port is not None else ""
        ascii_host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return ""
    if any(character in ascii_host for character in "\"'<>\\ `{}|^%"):
        return ""
    address = f"[{ascii_host}]{port}" if ":" in ascii_host else ascii_host + port
    path, query, fragment = (quote(part, safe=_KEPT) for part in (parts.path, parts.query, parts.fragment))
    url = urlunsplit((parts.scheme, address, path, query, fragment))
    return url if len(url) <= LONGEST_URL else ""


def with_parameters(url: str, parameters: dict[str, str]) -> str:
    """The link with the parameters added; where it has one of that name, the new value takes its place."""
    if parameters and "?" not in url and "#" not in url:
        return f"{url}?{_encoded(tuple(parameters.items()))}"
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    query = "&".join([*kept, _encoded(tuple(parameters.items()))]) if parameters else parts.query
    return urlunsplit(parts._replace(query=query))


@lru_cache(maxsize=1_000)
def _encoded(parameters: tuple[tuple[str, str], ...]) -> str:
    return urlencode(parameters)


def product_link(link: str, item_id: str, product_url: str, shop_url: str) -> str:
    """The item's own link, else the shop's pattern for it, else the shop."""
    return (
        web_url(link) or web_url(product_url.replace(PRODUCT_URL_FIELD, quote(item_id, safe=""))) or web_url(shop_url)
    )
