"""`/openapi.json`, and `/docs` for people: one page, made of the document alone."""

import base64
import hashlib

import orjson
from flask import Blueprint, Response, request
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from recsvc.http.document import build_document
from recsvc.http.reading import operations_of, schemas_of
from recsvc.http.service import Service


def blueprint(_: Service) -> Blueprint:
    """The routes; the document is built once, here."""
    routes = Blueprint("contract", __name__)
    document = build_document()
    as_json = orjson.dumps(document)
    templates = Environment(loader=PackageLoader("recsvc.http"), autoescape=select_autoescape(default=True))
    templates.filters["coded"] = coded
    style = templates.get_template("docs.css").render()
    # The page has one inline style and nothing else that a browser would load or run.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = templates.get_template("docs.html")
    schemas = schemas_of(document)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(as_json, 200, [("Cache-Control", "no-cache")], content_type="application/json")

    @routes.get("/docs")
    def docs() -> Response:
        operations = operations_of(document, request.host_url.rstrip("/"))
        html = page.render(info=document["info"], operations=operations, schemas=schemas, style=Markup(style))  # noqa: S704
        headers = [("Content-Security-Policy", policy), ("Cache-Control", "no-store")]
        return Response(html, 200, headers, content_type="text/html; charset=utf-8")

    return routes


def coded(text: str) -> Markup:
    """The text as HTML, with what stands between backticks as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
