"""Who has live events: eight bytes each, so that a worker can know them all; and the events of one of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray

from models.strings import hash_id
from recsvc.events.histories import Happened, Seen, read_items
from recsvc.events.settings import EventSettings
from recsvc.state.live_events import events

BLOCK = 10_000
MOST_NEW = 50_000
MOST_EVENTS = 1_000
# Impressions and logins say nothing of taste; they must not send a customer off the quick path.
SAYING = ("view", "click", "add_to_cart", "remove_from_cart", "purchase", "return")


@dataclass
class Known:
    """A set of ids by their hashes: `base` sorted uint64, `new` those that came since."""

    base: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    new: set[int] = field(default_factory=set)

    def add(self, name: str) -> None:
        """Once there are many new ones, they join the base."""
        self.new.add(hash_id(name))
        if len(self.new) > MOST_NEW:
            self.base = np.union1d(self.base, np.fromiter(self.new, np.uint64, len(self.new)))
            self.new = set()

    def __contains__(self, name: str) -> bool:
        if not self.new and not len(self.base):
            return False
        hashed = hash_id(name)
        if hashed in self.new:
            return True
        place = int(np.searchsorted(self.base, np.uint64(hashed)))
        return place < len(self.base) and int(self.base[place]) == hashed


@dataclass
class Subjects:
    """Customers and sessions with events that the model does not know, as of event number `seq`."""

    customers: Known
    sessions: Known
    seq: int

    def hold(self, of_customers: bool, name: str) -> bool:
        return name in (self.customers if of_customers else self.sessions)


def load_subjects(engine: sa.Engine, seen: Seen | None, settings: EventSettings, now: datetime) -> Subjects:
    """Everybody with events after the training, and with a visit that still counts."""
    lasting = events.c.happened_at >= now - timedelta(minutes=max(settings.session_minutes, settings.rest_hours * 60))
    if seen is not None:
        unseen = events.c.happened_at >= seen.last_midnight if seen.seq is None else events.c.seq > seen.seq
        lasting = sa.or_(lasting, unseen)
    saying = events.c.type.in_(SAYING)
    known = []
    with engine.connect() as connection:
        seq = connection.scalar(sa.select(sa.func.max(events.c.seq))) or 0
        for column in (events.c.customer_id, events.c.session_id):
            query = sa.select(column).distinct().where(column.is_not(None), lasting, saying)
            found = connection.execution_options(yield_per=BLOCK).scalars(query)
            known.append(Known(np.unique(np.fromiter(map(hash_id, found), np.uint64))))
    return Subjects(known[0], known[1], seq)


def read_changes(engine: sa.Engine, subjects: Subjects) -> set[tuple[bool, str]]:
    """Take new events into `subjects`; returns whose they are. A login changes what its customer did."""
    changed: set[tuple[bool, str]] = set()
    columns = events.c.seq, events.c.type, events.c.customer_id, events.c.session_id
    while True:
        query = sa.select(*columns).where(events.c.seq > subjects.seq).order_by(events.c.seq).limit(BLOCK)
        with engine.connect() as connection:
            rows = connection.execute(query).all()
        for _, kind, customer_id, session_id in rows:
            if kind in SAYING or kind == "login":
                if customer_id is not None:
                    subjects.customers.add(customer_id)
                    changed.add((True, customer_id))
                if session_id is not None and kind != "login":
                    subjects.sessions.add(session_id)
                    changed.add((False, session_id))
        if rows:
            subjects.seq = int(rows[-1].seq)
        if len(rows) < BLOCK:
            return changed


def read_events_of(
    engine: sa.Engine, of_customers: bool, name: str, settings: EventSettings, now: datetime
) -> tuple[Happened, ...]:
    """One customer's or session's latest events; of visits only those that still count."""
    column = events.c.customer_id if of_customers else events.c.session_id
    visit = events.c.happened_at >= now - timedelta(minutes=settings.session_minutes)
    query = (
        sa.select(
            events.c.seq,
            events.c.type,
            events.c.happened_at,
            events.c.order_id,
            events.c["items"],
            events.c.customer_id,
        )
        .where(column == name, events.c.type.in_(SAYING), sa.or_(visit, events.c.type.in_(("purchase", "return"))))
        .order_by(events.c.seq.desc())
        .limit(MOST_EVENTS)
    )
    with engine.connect() as connection:
        return tuple(
            Happened(seq, kind, happened_at.timestamp(), order_id, read_items(orjson.loads(items)), customer_id)
            for seq, kind, happened_at, order_id, items, customer_id in connection.execute(query)
        )
