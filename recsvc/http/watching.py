"""What every answer has, whatever gave it: an id, security headers, its place in the metrics and, if wanted, the log.

It stands around the application, not inside: on lists of plain headers this costs a fifth of what it costs on Flask's.
"""

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from flask import Flask, g, request

from recsvc.http.asked import Asked, asked_in
from recsvc.http.logs import current_request
from recsvc.http.metrics import Metrics
from recsvc.http.quick import Headers, Quick

access_log = logging.getLogger("recsvc.http.access")

# For all that is no page: nothing may be loaded, and nobody may put it into a frame. A page sets its own.
NO_CONTENT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Where an answer does not say something else itself.
SECURITY_HEADERS = {
    name.lower(): (name, value)
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Content-Security-Policy", NO_CONTENT_POLICY),
    )
}
SECURITY_NAMES = frozenset(SECURITY_HEADERS)

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Watched:
    """A WSGI application around another one, and around what `quick` answers in its place."""

    def __init__(self, app: WsgiApp, quick: Quick, metrics: Metrics, *, log: bool) -> None:
        self._app, self._quick, self._metrics, self._log = app, quick, metrics, log

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = asked_in(environ)
        current_request.set(asked)

        def start(status: str, headers: Headers, *more: Any) -> Any:
            return start_response(status, self._finished(asked, environ, status, headers), *more)

        try:
            reply = self._quick.answer(environ, asked)
            if reply is None:
                return self._app(environ, start)
            start(reply.status, reply.headers)
            return (reply.body,)
        finally:
            current_request.set(None)

    def _finished(self, asked: Asked, environ: dict[str, Any], status: str, headers: Headers) -> Headers:
        own = {name.lower() for name, _ in headers}
        if own.isdisjoint(SECURITY_NAMES):
            headers = [*headers, *SECURITY_HEADERS.values(), ("X-Request-ID", asked.request_id)]
        else:
            more = [header for name, header in SECURITY_HEADERS.items() if name not in own]
            headers = [*headers, *more, ("X-Request-ID", asked.request_id)]
        if asked.headers:
            headers += [header for header in asked.headers.items() if header[0].lower() not in own]
        code, seconds = int(status[:3]), perf_counter() - asked.started
        self._metrics.count_request(asked.route, code, seconds)
        if self._log:
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


def name_requests(app: Flask) -> None:
    """Let `g` know the request's id, and the metrics the rule that it matched."""

    @app.before_request
    def begin() -> None:
        asked = asked_in(request.environ)
        g.request_id = asked.request_id
        rule = request.url_rule
        if rule is not None:
            asked.route = rule.rule


def watch_requests(app: Flask, quick: Quick, metrics: Metrics, *, log: bool) -> None:
    """Put `Watched` around the app."""
    name_requests(app)
    app.wsgi_app = Watched(app.wsgi_app, quick, metrics, log=log)  # type: ignore[method-assign]
