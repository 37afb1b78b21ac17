"""`/openapi.json`, and `/docs` for people: one page, made of the document alone."""

import base64
import hashlib
from functools import cache

import orjson
from flask import Blueprint, Response, request
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from recsvc.http.reading import operations_of, schemas_of
from recsvc.http.service import Service


def blueprint(_: Service) -> Blueprint:
    """The routes; the document is built once, when it is first asked for: a worker that starts has no time for it."""
    routes = Blueprint("contract", __name__)
    made = cache(Contract)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(made().as_json, 200, [("Cache-Control", "no-cache")], content_type="application/json")

    @routes.get("/docs")
    def docs() -> Response:
        contract = made()
        headers = [("Content-Security-Policy", contract.policy), ("Cache-Control", "no-store")]
        html = contract.page_at(request.host_url.rstrip("/"))
        return Response(html, 200, headers, content_type="text/html; charset=utf-8")

    return routes


class Contract:
    """The document, and what its page is made of."""

    def __init__(self) -> None:
        from recsvc.http.document import build_document

        self._document = build_document()
        self.as_json = orjson.dumps(self._document)
        templates = Environment(loader=PackageLoader("recsvc.http"), autoescape=select_autoescape(default=True))
        templates.filters["coded"] = coded
        self._style = templates.get_template("docs.css").render()
        self._page = templates.get_template("docs.html")
        # The page has one inline style and nothing else that a browser would load or run.
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'"
        )

    def page_at(self, address: str) -> str:
        """The page, with lines to try that ask there."""
        return self._page.render(
            info=self._document["info"],
            operations=operations_of(self._document, address),
            schemas=schemas_of(self._document),
            style=Markup(self._style),  # noqa: S704
        )


def coded(text: str) -> Markup:
    """The text as HTML, with what stands between backticks as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))
