"""Offers of one customer and clicks in mails, for the routes of `recsvc.http.mails`, which load this when asked."""

import logging
import threading
import time
from http import HTTPStatus

import sqlalchemy as sa

from recsvc.customers.table import find_customers
from recsvc.engine import Engine
from recsvc.http.problems import ProblemError
from recsvc.http.service import Service
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.offers.campaign import Campaign
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run
from recsvc.offers.targets import CampaignFolder, Targets
from recsvc.offers.tokens import Click, MailTokens
from recsvc.state import writing
from recsvc.state.mailing import mail_clicks
from recsvc.state.schema import customers

log = logging.getLogger(__name__)
RUN_SECONDS = 60.0


class Mails:
    """Campaigns put together with the model, kept for a minute: stages and price claims are not made each time."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        self._secret = read_secret(settings.secret, settings.store)
        self._previous = read_previous_secret(settings.previous_secret)
        self.tokens, self.folder = MailTokens(self._secret, self._previous), CampaignFolder(settings.store)
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

    def target_of(self, click: Click, engine: Engine) -> str | None:
        """The item's page, looked up here: a link carries no address, so it can lead nowhere else."""
        campaign = self.folder.find(click.campaign_id)
        if campaign is None:
            return None
        place = engine.catalogue.items.find(click.item_id)
        link = engine.catalogue.texts["link"][place] if place >= 0 else ""
        return Targets(campaign).of(click.slot, click.item_id, link)

    def record(self, click: Click) -> None:
        """Write the click down, if its reader still agrees to that; without a database the link leads on all the
        same."""
        agreed = sa.select(customers.c.tracking_ok).where(customers.c.customer_id == click.customer_id)
        row = {
            "campaign_id": click.campaign_id, "edition": click.edition, "customer_id": click.customer_id,
            "item_id": click.item_id, "place": click.place, "at": self._service.clock(),
        }  # fmt: skip
        try:
            with writing(self._service.database) as connection:
                if connection.scalar(agreed):
                    connection.execute(sa.insert(mail_clicks), row)
        except sa.exc.SQLAlchemyError:
            log.warning("a click could not be written down")
