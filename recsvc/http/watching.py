"""What every answer has, whatever gave it: an id, security headers, its place in the metrics and, if wanted, the log.

It stands around the application, not inside: on lists of plain headers this costs a fifth of what it costs on Flask's.
"""

import logging
import re
import secrets
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, g, request

from recsvc.http.logs import current_request, trace_id_of
from recsvc.http.metrics import Metrics

access_log = logging.getLogger("recsvc.http.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# For all that is no page: nothing may be loaded, and nobody may put it into a frame. A page sets its own.
NO_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Where an answer does not say something else itself.
SECURITY_HEADERS = (
    ("x-content-type-options", ("X-Content-Type-Options", "nosniff")),
    ("referrer-policy", ("Referrer-Policy", "no-referrer")),
    ("cross-origin-resource-policy", ("Cross-Origin-Resource-Policy", "same-origin")),
    ("content-security-policy", ("Content-Security-Policy", NO_CONTENT_POLICY)),
)
ASKED = "recsvc.asked"

StartResponse = Callable[..., Any]


class Asked:
    """One request: its id, the headers that its answer gets besides its own, and the rule that it matched."""

    __slots__ = ("headers", "request_id", "route", "started")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.headers: dict[str, str] = {}
        self.route = "none"
        self.started = perf_counter()


class Watched:
    """A WSGI application around another one."""

    def __init__(self, app: Callable[[dict[str, Any], StartResponse], Iterable[bytes]], metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self.log = False

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID")
        asked = Asked(given if given and REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
        environ[ASKED] = asked
        current_request.set((asked.request_id, trace_id_of(environ.get("HTTP_TRACEPARENT"))))

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, self._finished(asked, environ, status, headers), *more)

        try:
            return self._app(environ, start)
        finally:
            current_request.set(None)

    def _finished(
        self, asked: Asked, environ: dict[str, Any], status: str, headers: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        own = {name.lower() for name, _ in headers}
        headers = [*headers, *(header for name, header in SECURITY_HEADERS if name not in own)]
        headers.append(("X-Request-ID", asked.request_id))
        headers += [header for header in asked.headers.items() if header[0].lower() not in own]
        code, seconds = int(status[:3]), perf_counter() - asked.started
        self._metrics.count_request(asked.route, code, seconds)
        if self.log:
            access_log.info(
                "request",
                extra={
                    "request_id": asked.request_id,
                    "method": environ["REQUEST_METHOD"],
                    "route": asked.route,
                    "code": code,
                    "ms": round(seconds * 1000, 3),
                },
            )
        return headers


def watch_requests(app: Flask, metrics: Metrics, *, log: bool) -> None:
    """Let `g` know the request's id and the headers that its answer is to get, and put `Watched` around the app."""

    @app.before_request
    def begin() -> None:
        asked: Asked = request.environ.get(ASKED) or Asked("")
        g.request_id, g.answer_headers = asked.request_id, asked.headers
        rule = request.url_rule
        if rule is not None:
            asked.route = rule.rule

    watched = Watched(app.wsgi_app, metrics)
    watched.log = log
    app.wsgi_app = watched  # type: ignore[method-assign]
