"""`/recsvc.js` and `/recsvc.css`: what a shop's pages load."""

import hashlib
from collections.abc import Callable
from importlib.resources import files

from flask import Blueprint, Response, request

from recsvc.http.service import Service

FILES = {"recsvc.js": "text/javascript; charset=utf-8", "recsvc.css": "text/css; charset=utf-8"}
KEPT = "public, max-age=3600, s-maxage=3600, stale-while-revalidate=86400, stale-if-error=604800"


def blueprint(_: Service) -> Blueprint:
    """The routes; the files are read once, here."""
    routes = Blueprint("script", __name__)
    for name, media_type in FILES.items():
        routes.add_url_rule(f"/{name}", name.replace(".", "-"), _sender(name, media_type))
    return routes


def _sender(name: str, media_type: str) -> Callable[[], Response]:
    body = (files("recsvc.http") / "static" / name).read_bytes()
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = [
        ("Cache-Control", KEPT),
        ("ETag", f'"{digest}"'),
        # Any page may load it, with `integrity` too; there is nothing of anybody in it.
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    ]

    def send() -> Response:
        if "If-None-Match" in request.headers and request.if_none_match.contains_weak(digest):
            return Response(status=304, headers=headers)
        return Response(body, 200, headers, content_type=media_type)

    return send
