"""The book of mails: who was offered what in which campaign, and how far each mail got."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer
from recsvc.state.mailing import mails

# What a customer got or may have got.
REACHED = ("exported", "sending", "sent", "unsure")
NOTHING: frozenset[str] = frozenset()
# From what an export or a sender may go on: nothing has left the house, or another tool has it.
FREE_TO_SEND = ("holdout", "claimed", "deferred")
FREE_TO_EXPORT = (*FREE_TO_SEND, "exported")


@dataclass(frozen=True, slots=True)
class Recent:
    """Of one customer: how many mails came in the campaign's window, and the items of the last ones."""

    mails: int = 0
    items: frozenset[str] = NOTHING
    state: str | None = None  # of this edition's mail


def recent_mails(
    connection: sa.Connection, campaign: Campaign, ids: Sequence[str], *, now: datetime
) -> dict[str, Recent]:  # fmt: skip
    """What the campaign's limits need to know of at most 1,000 customers; its own edition does not count."""
    limits, since = campaign.limits, campaign.limits.since(now)
    same = sa.and_(mails.c.campaign_id == campaign.id, mails.c.edition == campaign.head.edition)
    wanted = same
    if limits.not_in_last_mails:
        wanted = sa.or_(same, mails.c.state.in_(REACHED))
    elif limits.most_mails:
        wanted = sa.or_(same, sa.and_(mails.c.state.in_(REACHED), mails.c.created_at > since))
    columns = (mails.c.customer_id, mails.c["items"], mails.c.created_at, mails.c.state, same.label("same"))
    query = sa.select(*columns).where(mails.c.customer_id.in_(ids), wanted)
    counts: dict[str, _Counted] = {}
    for customer_id, items, at, state, is_same in connection.execute(query.order_by(mails.c.created_at.desc())):
        counted = counts.setdefault(customer_id, _Counted())
        if is_same:
            counted.state = state
            continue
        counted.mails += at > since
        if counted.seen < limits.not_in_last_mails:
            counted.seen += 1
            counted.items.update(orjson.loads(items))
    return {
        customer_id: Recent(counted.mails, frozenset(counted.items), counted.state)
        for customer_id, counted in counts.items()
    }


@dataclass
class _Counted:
    mails: int = 0
    seen: int = 0
    items: set[str] = field(default_factory=set)
    state: str | None = None


def mail_row(campaign: Campaign, offer: Offer, state: str, now: datetime) -> dict[str, Any]:
    """What the book says of an offer."""
    return {
        "campaign_id": campaign.id,
        "edition": campaign.head.edition,
        "customer_id": offer.customer_id,
        "state": state,
        "items": orjson.dumps([item.item_id for item in offer.items]).decode(),
        "benefits": orjson.dumps([benefit.benefit_id for benefit in offer.benefits]).decode(),
        "model_version": offer.model_version,
        "detail": None,
        "created_at": now,
        "updated_at": now,
    }


def holdout_rows(campaign: Campaign, ids: Iterable[str], model_version: str, now: datetime) -> list[dict[str, Any]]:
    """What the book says of those who get nothing, so that they can be compared."""
    common = {
        "campaign_id": campaign.id, "edition": campaign.head.edition, "state": "holdout", "items": "[]",
        "benefits": "[]", "model_version": model_version, "detail": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return [{**common, "customer_id": customer_id} for customer_id in ids]


def write_rows(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Enter rows; one that is there already takes the new values, unless its mail was sent from here."""
    if not rows:
        return
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(mails)
    changing = ("state", "items", "benefits", "model_version", "updated_at")
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["campaign_id", "edition", "customer_id"],
            set_={name: insert.excluded[name] for name in changing},
            # Not by in_(): its list of values cannot be repeated for many rows.
            where=sa.or_(*(mails.c.state == sa.literal_column(f"'{state}'") for state in FREE_TO_EXPORT)),
        ),
        rows,
    )


def finish_export(connection: sa.Connection, campaign: Campaign, now: datetime) -> None:
    """The files are there: what was being prepared is exported now."""
    connection.execute(
        sa.update(mails)
        .where(
            mails.c.campaign_id == campaign.id,
            mails.c.edition == campaign.head.edition,
            mails.c.state == "claimed",
        )
        .values(state="exported", updated_at=now)
    )
