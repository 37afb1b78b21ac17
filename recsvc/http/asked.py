"""One request as all that answers it see it: its id, and the headers that its answer gets besides its own."""

import re
import secrets
from functools import cached_property
from time import perf_counter
from typing import Any

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
ASKED = "recsvc.asked"


class Asked:
    """`headers` are for the answer; `route` is the rule that the request matched."""

    def __init__(self, environ: dict[str, Any]) -> None:
        given = environ.get("HTTP_X_REQUEST_ID")
        self.request_id = given if given and REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self.headers: dict[str, str] = {}
        self.route = "none"
        self.started = perf_counter()
        self._traceparent: str | None = environ.get("HTTP_TRACEPARENT")

    @cached_property
    def trace_id(self) -> str:
        """The trace that a W3C `traceparent` header names; a new one where there is none or it is not valid."""
        given = self._traceparent
        found = TRACEPARENT.fullmatch(given) if given and not given.startswith("ff") else None
        return found[1] if found else secrets.token_hex(16)


def asked_in(environ: dict[str, Any]) -> Asked:
    """What is known of the request with this environment."""
    asked = environ.get(ASKED)
    if asked is None:
        asked = environ[ASKED] = Asked(environ)
    assert isinstance(asked, Asked)
    return asked
