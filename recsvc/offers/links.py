"""Links in a mail: http and https only, marked with the campaign, and never with anything about the reader."""

from urllib.parse import quote, urlencode, urlsplit, urlunsplit

PRODUCT_URL_FIELD = "{item_id}"
LONGEST_URL = 2000
_KEPT = "%/:@!$&'()*+,;=~-._?"


def web_url(text: str) -> str:
    """The link in ASCII when it is absolute http(s) without credentials; '' for all else, `javascript:` among it."""
    text = text.strip()
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
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    query = "&".join([*kept, urlencode(parameters)]) if parameters else parts.query
    return urlunsplit(parts._replace(query=query))


def product_link(link: str, item_id: str, product_url: str, shop_url: str) -> str:
    """The item's own link, else the shop's pattern for it, else the shop."""
    return (
        web_url(link) or web_url(product_url.replace(PRODUCT_URL_FIELD, quote(item_id, safe=""))) or web_url(shop_url)
    )
