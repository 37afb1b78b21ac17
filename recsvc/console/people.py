"""One customer as the pages show them: what the tables say, what the model learned, what they did since."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from recsvc.customers.consent import consent_log, refusal_to_mail
from recsvc.customers.suppression import Suppressions
from recsvc.customers.table import Customer, find_customers
from recsvc.engine import Engine, Past
from recsvc.i18n import Translator
from recsvc.offers.lifecycle import Lifecycle
from recsvc.state.live_events import events
from recsvc.state.mailing import mails

log = logging.getLogger(__name__)
SHOWN_ORDERS, SHOWN_EVENTS, SHOWN_MAILS = 5, 12, 10


@dataclass(frozen=True)
class Happening:
    """A live event: its type, when, and the items it names."""

    kind: str
    at: datetime
    items: tuple[str, ...]


@dataclass(frozen=True)
class Sent:
    """A row of the book of mails."""

    campaign: str
    edition: str
    state: str
    at: datetime
    items: int


@dataclass(frozen=True)
class Tables:
    """What the database knows; `known` is None for who is not in the customer table, `refusal` why they may not be
    written to."""

    known: Customer | None = None
    refusal: str | None = None
    consents: Sequence[dict[str, Any]] = ()
    events: Sequence[Happening] = ()
    mails: Sequence[Sent] = ()


@dataclass(frozen=True)
class Learned:
    """What the model knows: lifecycle `stage`, usual days between orders, and the past."""

    stage: str
    rhythm: float
    past: Past


@dataclass(frozen=True)
class Person:
    """All of it; `learned` is None for who bought nothing before the training, `tables` while the database is down."""

    customer_id: str
    learned: Learned | None
    tables: Tables | None = field(default_factory=Tables)


def person_of(
    customer_id: str, database: sa.Engine, suppressions: Callable[[], Suppressions], engine: Engine,
    lifecycle: Callable[[], Lifecycle],
) -> Person:  # fmt: skip
    """Everything that is known of a customer."""
    learned = None
    place = engine.customers.find(customer_id)
    if place >= 0:
        stages = lifecycle()
        past = engine.past(customer_id, orders=SHOWN_ORDERS)
        learned = Learned(stages.name(place), round(float(stages.rhythm[place]), 1), past)
    try:
        tables = _tables(customer_id, database, suppressions)
    except sa.exc.SQLAlchemyError:
        log.exception("console: a customer without the database")
        tables = None
    return Person(customer_id, learned, tables)


def _tables(customer_id: str, database: sa.Engine, suppressions: Callable[[], Suppressions]) -> Tables:
    known = find_customers(database, [customer_id]).get(customer_id)
    refusal = None
    if known is not None:
        suppressed = bool(known.email) and suppressions().reason(known.email or "") is not None
        refusal = refusal_to_mail(known, suppressed=suppressed)
    own = sa.select(events.c.type, events.c.happened_at, events.c["items"]).where(events.c.customer_id == customer_id)
    book = sa.select(mails).where(mails.c.customer_id == customer_id).order_by(mails.c.created_at.desc())
    with database.connect() as connection:
        lately = connection.execute(own.order_by(events.c.happened_at.desc()).limit(SHOWN_EVENTS)).all()
        sent = connection.execute(book.limit(SHOWN_MAILS)).mappings().all()
    return Tables(
        known=known,
        refusal=refusal,
        consents=consent_log(database, [customer_id]),
        events=[
            Happening(kind, at, tuple(item["item_id"] for item in orjson.loads(items))) for kind, at, items in lately
        ],
        mails=[
            Sent(row["campaign_id"], row["edition"], row["state"], row["updated_at"], len(orjson.loads(row["items"])))
            for row in sent
        ],
    )


def masked(email: str) -> str:
    """'i…@example.org': enough to know it by, not to write to it."""
    name, _, host = email.rpartition("@")
    return f"{name[:1]}…@{host}"


def stage_words(stage: str, words: Translator) -> str:
    """A lifecycle stage in the reader's language."""
    _ = words.gettext
    return {
        "prospect": _("prospect"),
        "new": _("new"),
        "active": _("active"),
        "loyal": _("loyal"),
        "at_risk": _("at risk"),
        "lapsed": _("lapsed"),
    }[stage]
