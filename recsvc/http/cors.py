"""Which sites' pages may ask: an exact list of origins, answered as browsers expect it (Fetch standard, CORS).

No cookie is read on ROUTES, so credentials are never allowed. With one origin on the list each answer names it, which
lets a cache keep one answer for all; with more than one the asking origin is named, and `Vary: Origin` says so.
"""

from collections.abc import Callable, Sequence

from flask import Flask, Request, Response, request
from werkzeug import datastructures

from recsvc.http.quick import Headers

ROUTES = frozenset({"/recommend", "/recommend/batch", "/events"})
PREFLIGHT_SECONDS = "600"
ALLOWED_HEADERS = "Authorization, Content-Type, X-API-Key, X-Request-ID, traceparent"
EXPOSED_HEADERS = "Customer-Token-Status, ETag, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, X-Request-ID"


def allow_origins(app: Flask, origins: Sequence[str]) -> Callable[[Headers, str | None], Headers] | None:
    """Answer preflights, and give every answer of ROUTES its headers; without origins nothing is added.

    Returns what gives an answer to a request of an `Origin` its headers, for answers that Flask does not see.
    """
    if not origins:
        return None
    known = frozenset(origins)
    only = origins[0] if len(known) == 1 else None

    def allowed(headers: Headers, asks: str | None) -> Headers:
        origin = only or asks
        found = datastructures.Headers(headers)
        if only is None:
            vary = found.get("Vary")
            found["Vary"] = f"{vary}, Origin" if vary else "Origin"
        if origin in known:
            found["Access-Control-Allow-Origin"] = origin
            found["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            found["Cross-Origin-Resource-Policy"] = "cross-origin"
        return found.to_wsgi_list()

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not concerns(request) or request.headers.get("Origin") not in known:
            return None  # the plain answer to OPTIONS, which lets no page through
        return Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            },
        )

    @app.after_request
    def allow(response: Response) -> Response:
        if concerns(request):
            response.headers = datastructures.Headers(allowed([*response.headers], request.headers.get("Origin")))
        return response

    return allowed


def concerns(asked: Request) -> bool:
    """Whether pages of other origins may ask here at all."""
    rule = asked.url_rule
    return rule is not None and rule.rule.removeprefix("/v1") in ROUTES
