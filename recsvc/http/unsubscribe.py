"""`/u/<token>`: the way out of our mails. RFC 8058: a mailbox posts, and that is all; people are asked first, because
scanners open every link of a mail."""

import base64
import hashlib
import logging
from http import HTTPStatus

import sqlalchemy as sa
from flask import Blueprint, Response, request
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from models.errors import InputError
from recsvc.customers.consent import object_to_mail
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.i18n import LANGUAGES, Translator, translator
from recsvc.offers.tokens import MailTokens

log = logging.getLogger(__name__)
SOURCE = "unsubscribe link"


def blueprint(service: Service) -> Blueprint:
    """The routes; they need no key, no cookie and no model, and may be asked any number of times."""
    routes = Blueprint("unsubscribe", __name__)
    settings = service.settings
    tokens = MailTokens(read_secret(settings.secret, settings.store), read_previous_secret(settings.previous_secret))
    templates = Environment(loader=PackageLoader("recsvc.http"), autoescape=select_autoescape(default=True))
    page = templates.get_template("unsubscribe.html")
    style = templates.get_template("unsubscribe.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

    def show(state: str, words: Translator, status: HTTPStatus = HTTPStatus.OK) -> Response:
        html = page.render(state=state, lang=words.language, _=words.gettext, style=Markup(style))  # noqa: S704
        headers = [
            ("Content-Security-Policy", policy),
            ("Cache-Control", "no-store"),
            ("X-Robots-Tag", "noindex"),
            ("Vary", "Accept-Language"),
        ]
        return Response(html, status, headers, content_type="text/html; charset=utf-8")

    @routes.get("/u/<token>")
    def ask(token: str) -> Response:
        words = _words()
        try:
            tokens.read_unsubscribe(token)
        except InputError:
            return show("damaged", words, HTTPStatus.NOT_FOUND)
        return show("ask", words)

    @routes.post("/u/<token>")
    def unsubscribe(token: str) -> Response:
        words = _words()
        try:
            customer_id = tokens.read_unsubscribe(token)
        except InputError:
            return show("damaged", words, HTTPStatus.NOT_FOUND)
        try:
            object_to_mail(service.database, customer_id, source=SOURCE, now=service.clock())
        except sa.exc.SQLAlchemyError:
            # Not done is not said to be done: a mailbox asks again.
            log.exception("an objection could not be recorded")
            detail = "the objection could not be recorded; please try again"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "60"}) from None
        return show("done", words)

    return routes


def _words() -> Translator:
    return translator(request.accept_languages.best_match(LANGUAGES) or "de")
