"""What a service is told when it starts."""

import ipaddress
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from models.errors import SettingsError
from recsvc.events.settings import EventSettings

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

# Where workers leave their counts for each other; prometheus-client reads it when it is imported.
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
PUBLIC_LIMIT = "1200/minute"  # of one address: an office behind one, or twenty requests a second


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How one service runs; the same for all its workers, and picklable, so that each of them gets it.

    `pages` names functions, as 'module:function', that add their own routes to the Flask application: the demo's shop
    window. `secret` signs recommendation ids; without one a file in the store holds it; links of the
    `previous_secret` still work. `origins` are the sites whose
    pages may ask; `public_limit` and `server_limit` are how often a key of that scope may, and `proxies` is how many
    proxies of the shop's stand in front (`recsvc.http.quota`). Told to stop, the service is not
    ready for `leave_seconds` before it does.
    """

    store: Path
    database_url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    access_log: bool = False
    pages: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    public_limit: str | None = PUBLIC_LIMIT
    server_limit: str | None = None
    proxies: int | None = None
    leave_seconds: float = 0.0
    config: Path | None = None
    events: EventSettings = field(default_factory=EventSettings)

    @cached_property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where to point a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def parse_origins(text: str) -> tuple[str, ...]:
    """'https://shop.example, https://www.shop.example' as browsers send them in `Origin`.

    Raises SettingsError for what no browser would send: a path, a final slash, a wildcard.
    """
    origins = tuple(part for part in text.replace(",", " ").split() if part)
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"RECSVC_ORIGINS has {origin[:80]!r}; expected an origin such as https://shop.example, lower case and"
                " without a path or final slash"
            )
    return origins


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own; a name that only DNS could tell is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
