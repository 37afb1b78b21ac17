"""What mails need of the service: `/offers/<customer_id>`, one reader's offer, and `/c/<token>`, a click in a mail."""

import logging
import threading
import time
from http import HTTPStatus

import orjson
import sqlalchemy as sa
from flask import Blueprint, Response, request

from models.errors import InputError
from recsvc.customers.table import find_customers
from recsvc.engine import Engine
from recsvc.http.access import require
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.i18n import LANGUAGES
from recsvc.keys import Scope
from recsvc.offers.campaign import Campaign
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.offer import Offer
from recsvc.offers.plain_files import as_json
from recsvc.offers.run import Run
from recsvc.offers.targets import CampaignFolder, Targets
from recsvc.offers.tokens import Click, MailTokens
from recsvc.state import writing
from recsvc.state.mailing import mail_clicks
from recsvc.state.schema import customers

log = logging.getLogger(__name__)
FORMATS = ("json", "html", "text")
FIELDS = ("campaign", "format", "locale")
RUN_SECONDS = 60.0
# A mail has its styles inline; it may run nothing and send nothing.
MAIL_POLICY = "default-src 'none'; img-src https: http:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def blueprint(service: Service) -> Blueprint:
    """The routes."""
    routes = Blueprint("mails", __name__)
    settings = service.settings
    secret, previous = read_secret(settings.secret, settings.store), read_previous_secret(settings.previous_secret)
    tokens, folder = MailTokens(secret, previous), CampaignFolder(settings.store)
    runs = _Runs(service, secret, previous)

    @routes.get("/offers/<path:customer_id>")
    def offer_of(customer_id: str) -> Response:
        require(Scope.SERVER, request, service)
        name, form, locale = _asked()
        campaign = folder.find(name)
        if campaign is None:
            raise _problem(HTTPStatus.NOT_FOUND, "campaign", "is none of the store's campaigns")
        if locale is not None and locale not in campaign.texts:
            raise _problem(HTTPStatus.BAD_REQUEST, "locale", f"is none of {', '.join(campaign.texts)}")
        try:
            offer, mail = runs.offer(campaign, service.live.current(), customer_id, locale)
        except sa.exc.SQLAlchemyError:
            log.exception("an offer needs the database")
            detail = "who may be written to cannot be checked while the database is down"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"}) from None
        headers = [("Cache-Control", "private, no-store")]
        if form == "json":
            body = orjson.dumps({key: value for key, value in as_json(offer).items() if key != "email"})
            return Response(body, 200, headers, content_type="application/json")
        if form == "text":
            return Response(mail.text, 200, headers, content_type="text/plain; charset=utf-8")
        headers.append(("Content-Security-Policy", MAIL_POLICY))
        return Response(mail.html, 200, headers, content_type="text/html; charset=utf-8")

    @routes.get("/c/<token>")
    def click(token: str) -> Response:
        try:
            read = tokens.read_click(token)
        except InputError as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
        target = _target(read, folder, service.live.current())
        if target is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "what this link led to is no longer there")
        if request.method == "GET" and read.expires * 86_400 > service.clock().timestamp():
            _record(service, read)
        headers = [("Location", target), ("Cache-Control", "no-store"), ("X-Robots-Tag", "noindex")]
        return Response("", HTTPStatus.SEE_OTHER, headers)

    return routes


class _Runs:
    """Campaigns put together with the model, kept for a minute: stages and price claims are not made each time."""

    def __init__(self, service: Service, secret: bytes, previous: bytes | None) -> None:
        self._service, self._secret, self._previous = service, secret, previous
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str | None], tuple[float, Campaign, Engine, Run]] = {}

    def offer(self, campaign: Campaign, engine: Engine, customer_id: str, locale: str | None) -> tuple[Offer, Mail]:
        """What the customer would get now. Raises ProblemError (404) for one who gets none."""
        run = self._run(campaign, engine, locale)
        known = find_customers(run.database, [customer_id]).get(customer_id)
        reason = "not in the customer table" if known is None else run.refusal_audience().refusal(known)
        if known is None or reason is not None:
            detail = f"this customer gets no mail of campaign {campaign.id}: {reason}"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        (reader,) = run.refusal_audience().fit([known])
        ((_, offer),) = next(run.offers([reader], reserve=False))
        if not offer.items:
            detail = f"this customer gets no mail of campaign {campaign.id}: no items"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        return offer, MailRenderer(campaign, today=run.now.date()).render(offer)

    def _run(self, campaign: Campaign, engine: Engine, locale: str | None) -> Run:
        key, now = (campaign.id, locale), time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < RUN_SECONDS and kept[1] is campaign and kept[2] is engine:
            return kept[3]
        with self._lock:
            run = Run.of(
                campaign, engine, self._service.database, self._secret, now=self._service.clock(), locale=locale,
                recording=False, previous_secret=self._previous,
            )  # fmt: skip
            self._kept[key] = (now, campaign, engine, run)
        return run


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


def _target(click: Click, folder: CampaignFolder, engine: Engine) -> str | None:
    """The item's page, looked up here: a link carries no address, so it can lead nowhere else."""
    campaign = folder.find(click.campaign_id)
    if campaign is None:
        return None
    place = engine.catalogue.items.find(click.item_id)
    link = engine.catalogue.texts["link"][place] if place >= 0 else ""
    return Targets(campaign).of(click.slot, click.item_id, link)


def _record(service: Service, click: Click) -> None:
    """Write the click down, if its reader still agrees to that; without a database the link leads on all the same."""
    agreed = sa.select(customers.c.tracking_ok).where(customers.c.customer_id == click.customer_id)
    row = {
        "campaign_id": click.campaign_id, "edition": click.edition, "customer_id": click.customer_id,
        "item_id": click.item_id, "place": click.place, "at": service.clock(),
    }  # fmt: skip
    try:
        with writing(service.database) as connection:
            if connection.scalar(agreed):
                connection.execute(sa.insert(mail_clicks), row)
    except sa.exc.SQLAlchemyError:
        log.warning("a click could not be written down")
