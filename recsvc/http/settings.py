"""What a service is told when it starts."""

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

# Where workers leave their counts for each other; prometheus-client reads it when it is imported.
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """How one service runs; the same for all its workers, and picklable, so that each of them gets it.

    `pages` names functions, as 'module:function', that add their own routes to the Flask application: the demo's shop
    window. `secret` signs recommendation ids; without one a file in the store holds it.
    """

    store: Path
    database_url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    access_log: bool = False
    pages: tuple[str, ...] = ()

    @cached_property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where to point a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own; a name that only DNS could tell is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
