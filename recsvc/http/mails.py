"""What mails need of the service: `/offers/<customer_id>`, one reader's offer, and `/c/<token>`, a click in a mail."""

import logging
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa
from flask import Blueprint, Response, request

from models.errors import InputError
from recsvc.http.access import require
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.i18n import LANGUAGES
from recsvc.keys import Scope

if TYPE_CHECKING:
    from recsvc.http.mail_runs import Mails

log = logging.getLogger(__name__)
FORMATS = ("json", "html", "text")
FIELDS = ("campaign", "format", "locale")
# A mail has its styles inline; it may run nothing and send nothing.
MAIL_POLICY = "default-src 'none'; img-src https: http:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def blueprint(service: Service) -> Blueprint:
    """The routes."""
    routes = Blueprint("mails", __name__)

    @cache
    def mails() -> "Mails":
        # What makes offers is loaded when it is first asked for: a worker that starts has no time for it.
        from recsvc.http.mail_runs import Mails

        return Mails(service)

    @routes.get("/offers/<path:customer_id>")
    def offer_of(customer_id: str) -> Response:
        require(Scope.SERVER, request, service)
        name, form, locale = _asked()
        campaign = mails().folder.find(name)
        if campaign is None:
            raise _problem(HTTPStatus.NOT_FOUND, "campaign", "is none of the store's campaigns")
        if locale is not None and locale not in campaign.texts:
            raise _problem(HTTPStatus.BAD_REQUEST, "locale", f"is none of {', '.join(campaign.texts)}")
        try:
            offer, mail = mails().offer(campaign, service.live.current(), customer_id, locale)
        except sa.exc.SQLAlchemyError:
            log.exception("an offer needs the database")
            detail = "who may be written to cannot be checked while the database is down"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from None
        headers = [("Cache-Control", "private, no-store")]
        if form == "json":
            from recsvc.offers.plain_files import as_json

            body = orjson.dumps({key: value for key, value in as_json(offer).items() if key != "email"})
            return Response(body, 200, headers, content_type="application/json")
        if form == "text":
            return Response(mail.text, 200, headers, content_type="text/plain; charset=utf-8")
        headers.append(("Content-Security-Policy", MAIL_POLICY))
        return Response(mail.html, 200, headers, content_type="text/html; charset=utf-8")

    @routes.get("/c/<token>")
    def click(token: str) -> Response:
        try:
            read = mails().tokens.read_click(token)
        except InputError as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
        target = mails().target_of(read, service.live.current())
        if target is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "what this link led to is no longer there")
        if request.method == "GET" and read.expires * 86_400 > service.clock().timestamp():
            mails().record(read)
        headers = [("Location", target), ("Cache-Control", "no-store"), ("X-Robots-Tag", "noindex")]
        return Response("", HTTPStatus.SEE_OTHER, headers)

    return routes


def _asked() -> tuple[str, str, str | None]:
    for name in request.args:
        if name not in FIELDS:
            raise _problem(HTTPStatus.BAD_REQUEST, name[:100], f"is unknown; known are {', '.join(FIELDS)}")
    campaign, form = request.args.get("campaign", ""), request.args.get("format", "json")
    locale = request.args.get("locale")
    if not campaign:
        raise _problem(HTTPStatus.BAD_REQUEST, "campaign", "is missing")
    if form not in FORMATS:
        raise _problem(HTTPStatus.BAD_REQUEST, "format", f"is none of {', '.join(FORMATS)}")
    if locale is not None and locale not in LANGUAGES:
        raise _problem(HTTPStatus.BAD_REQUEST, "locale", f"is none of {', '.join(LANGUAGES)}")
    return campaign, form, locale


def _problem(status: HTTPStatus, field: str, detail: str) -> ProblemError:
    return ProblemError(status, f"{field} {detail}", errors=[{"parameter": field, "detail": f"{field} {detail}"}])
