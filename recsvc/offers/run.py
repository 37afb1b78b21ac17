"""One campaign about to be worked on: its parts put together once, for preview, export, sending and HTTP."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from models.bundle import Bundle
from models.errors import InputError
from models.remote_registry import open_registry
from recsvc.customers.suppression import Suppressions
from recsvc.customers.table import Customer
from recsvc.engine import Engine
from recsvc.http.signing import read_previous_secret, read_secret
from recsvc.offers.audience import Audience
from recsvc.offers.benefits.chooser import BenefitChooser
from recsvc.offers.campaign import Campaign, load_campaign
from recsvc.offers.ledger import FREE_TO_EXPORT
from recsvc.offers.offer import Offer
from recsvc.offers.prices import Claims, record_prices
from recsvc.offers.selection import OfferMaker
from recsvc.offers.similar_goods import SimilarGoods
from recsvc.offers.targeting import Targeting
from recsvc.offers.tokens import MailTokens
from recsvc.state import connect, open_database

BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class Run:
    """A campaign, the model, the database and the moment; `release` gives the memory back that holds what was read of
    the model."""

    campaign: Campaign
    engine: Engine
    database: sa.Engine
    secret: bytes
    now: datetime
    maker: OfferMaker
    targeting: Targeting
    suppressions: Suppressions
    tokens: MailTokens
    similar: SimilarGoods
    chooser: BenefitChooser | None
    release: Callable[[], None] = lambda: None

    @classmethod
    def of(
        cls, campaign: Campaign, engine: Engine, database: sa.Engine, secret: bytes, *, now: datetime,
        locale: str | None = None, recording: bool = True, previous_secret: bytes | None = None,
    ) -> "Run":  # fmt: skip
        """`locale` writes to everybody in that language; with `recording`, today's prices enter the history;
        addresses that were suppressed under the `previous_secret` stay so.

        Raises InputError or SettingsError for a campaign that this model or these customers cannot fill.
        """
        if locale is not None and locale not in campaign.texts:
            raise InputError(f"campaign {campaign.id} has no [mail.{locale}]; it speaks {', '.join(campaign.texts)}")
        tokens = MailTokens(secret)
        similar = SimilarGoods(engine)
        if recording:
            record_prices(engine, database, now)
        maker = OfferMaker(
            campaign, engine, now=now, locale=locale, tokens=tokens, claims=Claims(engine, database, now),
            similar=similar,
        )  # fmt: skip
        return cls(
            campaign=campaign,
            engine=engine,
            database=database,
            secret=secret,
            now=now,
            maker=maker,
            targeting=Targeting(campaign.audience, engine, now=now),
            suppressions=Suppressions(database, secret, previous_secret),
            tokens=tokens,
            similar=similar,
            chooser=BenefitChooser(campaign, engine, tokens, now=now) if campaign.benefit.file else None,
        )

    def offers(self, customers: Iterable[Customer], *, reserve: bool) -> Iterator[list[tuple[Customer, Offer]]]:
        """Blocks of readers with their offers and benefits; with `reserve` caps are kept and what is given counts."""
        paired = self.maker.paired(customers)
        while block := list(islice(paired, BLOCK)):
            # Who is shown nothing gets no mail, and so no benefit.
            filled = [pair for pair in block if pair[1].items]
            if self.chooser is not None and filled:
                given = iter(self.chooser.give(filled, self.database if reserve else None))
                block = [(customer, next(given) if offer.items else offer) for customer, offer in block]
            yield block

    def would_get(self, held_out: Iterable[Customer]) -> list[str]:
        """Those of the held out for whom there is something to show: like who is mailed, the others count nowhere."""
        return [customer.customer_id for customer, offer in self.maker.paired(held_out) if offer.items]

    def audience(self, ids: Path | None = None, *, free: tuple[str, ...] = FREE_TO_EXPORT) -> Audience:
        """Those to write to; see Audience.open."""
        return self._audience(free).open(ids)

    def refusal_audience(self) -> Audience:
        """To ask about single customers, or blocks of them."""
        return self._audience(FREE_TO_EXPORT)

    def _audience(self, free: tuple[str, ...]) -> Audience:
        return Audience(self.database, self.campaign, self.targeting, self.suppressions, self.similar, self.now, free)


def open_run(path: Path, store: Path, *, locale: str | None = None) -> Run:
    """A campaign file with the published model and the database that the environment names, for a command that goes
    through all customers. Raises RecsvcError for what is missing or wrong."""
    bundle = open_registry(store).open(verify=False)
    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    return _run_of(load_campaign(path), bundle, database, store, now=datetime.now(UTC), locale=locale, recording=True)


def run_of_version(campaign: Campaign, store: Path, version: str, *, now: datetime, locale: str | None) -> Run:
    """The same run in another process, whose first one has brought database and prices up to date."""
    bundle = open_registry(store).open(version, verify=False)
    database = connect(os.environ.get("RECSVC_DATABASE_URL"), store)
    return _run_of(campaign, bundle, database, store, now=now, locale=locale, recording=False)


def _run_of(
    campaign: Campaign, bundle: Bundle, database: sa.Engine, store: Path, *, now: datetime, locale: str | None,
    recording: bool,
) -> Run:  # fmt: skip
    secret = read_secret(os.environ.get("RECSVC_SECRET"), store)
    previous = read_previous_secret(os.environ.get("RECSVC_SECRET_PREVIOUS"))
    engine = Engine.from_bundle(bundle, in_bulk=True)
    run = Run.of(
        campaign, engine, database, secret, now=now, locale=locale, recording=recording, previous_secret=previous
    )  # fmt: skip
    return replace(run, release=bundle.release)
