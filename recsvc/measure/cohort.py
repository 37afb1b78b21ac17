"""Who was assigned to what, and when: the audience of a campaign, the visitors of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from recsvc.measure.names import Book
from recsvc.measure.purchases import BLOCK, seconds
from recsvc.measure.touches import Touches
from recsvc.offers.holdout import GlobalHoldout
from recsvc.state.live_events import events
from recsvc.state.mailing import benefit_uses, consents, mail_clicks, mails
from recsvc.state.schema import customers

CONTROL = "control"
GLOBAL = "all campaigns"
MAILED = "mailed"
# What the law's word `delivered` comes down to: what a customer got or may have got.
DELIVERED = ("exported", "sending", "sent", "unsure")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Equal-length arrays, one entry a subject: the arm (an index into `arms`), when it was assigned (seconds since
    1970) and until when outcomes count, and the segment (an index into `segments`, the first of which is '').

    `crossed` subjects met two arms and count for the first.
    """

    name: str
    arms: tuple[str, ...]
    subject: NDArray[np.int64]
    arm: NDArray[np.int64]
    since: NDArray[np.float64]
    until: NDArray[np.float64]
    segment: NDArray[np.int64]
    segments: tuple[str, ...] = ("",)
    crossed: int = 0

    def size(self, arm: int) -> int:
        return int((self.arm == arm).sum())


@dataclass(frozen=True, eq=False)
class Mailing:
    """A campaign's cohort, how often each of its mails was delivered, clicked by its reader and unsubscribed after, and
    what each subject's benefits cost when they are redeemed, in currency units."""

    cohort: Cohort
    editions: tuple[str, ...]
    models: tuple[str, ...]
    delivered: int
    clickers: int
    unsubscribed: tuple[int, ...]  # by arm
    benefit_cost: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def campaigns_of(connection: sa.Connection) -> list[str]:
    """The campaigns of the book of mails, the newest first."""
    query = sa.select(mails.c.campaign_id).group_by(mails.c.campaign_id)
    return list(connection.scalars(query.order_by(sa.func.max(mails.c.created_at).desc(), mails.c.campaign_id)))


def read_mailing(
    connection: sa.Connection, campaign: str, book: Book, never: Sequence[GlobalHoldout] = (), *, window: float
) -> Mailing | None:  # fmt: skip
    """The campaign as it was mailed, all its editions; a customer's outcomes count from the first of their mails until
    `window` seconds after the last one. Who was held out of one edition and mailed in another counts as mailed.

    Those whom a holdout of `never` keeps from every campaign are not its control: they are left out. None where nobody
    is left.
    """
    columns = (
        mails.c.customer_id,
        sa.func.max(sa.case((mails.c.state == "holdout", 0), else_=1)),
        sa.func.min(seconds(mails.c.created_at, connection)),
        sa.func.max(seconds(mails.c.created_at, connection)),
        sa.func.sum(sa.case((mails.c.state.in_(DELIVERED), 1), else_=0)),
        sa.func.max(customers.c.segment),
    )
    joined = mails.outerjoin(customers, customers.c.customer_id == mails.c.customer_id)
    query = sa.select(*columns).select_from(joined).where(mails.c.campaign_id == campaign)
    found = _executed(connection, query.group_by(mails.c.customer_id).order_by(mails.c.customer_id))
    rows = [row for row in found if row[1] or not any(one.holds(row[0]) for one in never)]
    if not rows:
        return None
    segments = ("", *sorted({row[5] for row in rows if row[5]}))
    places = {name: place for place, name in enumerate(segments)}
    cohort = Cohort(
        campaign,
        (CONTROL, MAILED),
        np.array([book.subject(row[0], None) for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.float64) + window,
        np.array([places[row[5] or ""] for row in rows], np.int64),
        segments,
    )
    place = {int(subject): n for n, subject in enumerate(cohort.subject)}
    return Mailing(
        cohort,
        _distinct(connection, mails.c.edition, campaign),
        _distinct(connection, mails.c.model_version, campaign),
        int(sum(row[4] for row in rows)),
        connection.scalar(
            sa.select(sa.func.count(sa.distinct(mail_clicks.c.customer_id))).where(
                mail_clicks.c.campaign_id == campaign
            )
        )
        or 0,
        _unsubscribed(connection, campaign, cohort, book, place),
        _benefit_costs(connection, campaign, book, place),
    )


def read_global(connection: sa.Connection, book: Book, never: GlobalHoldout, *, window: float) -> Cohort | None:
    """Everybody whom any campaign reached or would have reached since the global holdout was decided, from then on; who
    is in it is the control. None where it holds nobody, or nobody was assigned."""
    if not never.share:
        return None
    at = seconds(mails.c.created_at, connection)
    query = sa.select(mails.c.customer_id, sa.func.min(at), sa.func.max(at)).where(mails.c.created_at >= never.since)
    rows = _executed(connection, query.group_by(mails.c.customer_id).order_by(mails.c.customer_id))
    if not rows:
        return None
    return Cohort(
        GLOBAL,
        (CONTROL, MAILED),
        np.array([book.subject(row[0], None) for row in rows], np.int64),
        np.array([not never.holds(row[0]) for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float64) + window,
        np.zeros(len(rows), np.int64),
    )


def _executed(connection: sa.Connection, query: sa.Select[Any]) -> Sequence[Any]:
    return connection.execution_options(yield_per=BLOCK).execute(query).all()


def _distinct(connection: sa.Connection, column: sa.Column[str], campaign: str) -> tuple[str, ...]:
    query = sa.select(column).where(mails.c.campaign_id == campaign).group_by(column)
    return tuple(connection.scalars(query.order_by(sa.func.min(mails.c.created_at), column)))


def _unsubscribed(
    connection: sa.Connection, campaign: str, cohort: Cohort, book: Book, place: dict[int, int]
) -> tuple[int, ...]:
    """By arm, who objected to mail while the campaign's outcomes counted."""
    objected = consents.c.purpose == "email", consents.c.granted.is_(False)
    of_campaign = sa.select(mails.c.customer_id).where(mails.c.campaign_id == campaign)
    query = sa.select(consents.c.customer_id, seconds(consents.c.at, connection)).where(
        *objected, consents.c.customer_id.in_(of_campaign)
    )
    gone = np.zeros(len(cohort.subject), np.bool_)
    for customer_id, at in connection.execute(query):
        n = place.get(book.subject(customer_id, None))
        if n is not None:
            gone[n] |= bool(cohort.since[n] <= at < cohort.until[n])
    return tuple(int(gone[cohort.arm == arm].sum()) for arm in range(len(cohort.arms)))


def _benefit_costs(
    connection: sa.Connection, campaign: str, book: Book, place: dict[int, int]
) -> NDArray[np.float64]:  # fmt: skip
    costs = np.zeros(len(place))
    query = sa.select(benefit_uses.c.customer_id, sa.func.sum(benefit_uses.c.cost_minor)).where(
        benefit_uses.c.campaign_id == campaign
    )
    for customer_id, minor in connection.execute(query.group_by(benefit_uses.c.customer_id)):
        n = place.get(book.subject(customer_id, None))
        if n is not None:
            costs[n] = float(minor) / 100
    return costs


def visitors_of(
    touches: Touches, experiment: str, *, window: float, control: str = CONTROL, segments: dict[int, str] | None = None
) -> Cohort | None:
    """Everybody who saw a list of the experiment, from their first one on; None when nobody did.

    `segments` names subjects' segments. The arm `control` comes first, the others by name.
    """
    arms = {arm for label in touches.labels for name, arm in label.arms if name == experiment}
    first = [control] if control in arms else []
    ordered = (*first, *sorted(arms - {control}))
    arm_of = {(experiment, arm): number for number, arm in enumerate(ordered)}
    of_label = np.array([next((arm_of[arm] for arm in label.arms if arm in arm_of), -1) for label in touches.labels])
    met = np.flatnonzero(of_label[touches.met_label] >= 0) if len(of_label) else np.zeros(0, np.int64)
    if not len(met):
        return None
    subject, of_visit, at = touches.met_subject[met], of_label[touches.met_label[met]], touches.met_at[met]
    sort = np.lexsort((of_visit, at, subject))
    subjects, begin = np.unique(subject[sort], return_index=True)
    of_visit, since = of_visit[sort], at[sort][begin]
    crossed = int((np.maximum.reduceat(of_visit, begin) != np.minimum.reduceat(of_visit, begin)).sum())
    named = segments or {}
    names = ("", *sorted({name for number in subjects.tolist() if (name := named.get(number))}))
    places = {name: place for place, name in enumerate(names)}
    return Cohort(
        experiment,
        ordered,
        subjects,
        of_visit[begin],
        since,
        since + window,
        np.array([places[named.get(number, "")] for number in subjects.tolist()], np.int64),
        names,
        crossed,
    )


def segments_of(connection: sa.Connection, book: Book) -> dict[int, str]:
    """Subject → segment, for the customers that something is known of."""
    query = sa.select(customers.c.customer_id, customers.c.segment).where(customers.c.segment.is_not(None))
    found = {}
    for customer_id, segment in connection.execution_options(yield_per=BLOCK).execute(query):
        number = book.subjects.find(customer_id)
        if number >= 0:
            found[number] = segment
    return found


def has_lists(connection: sa.Connection) -> bool:
    """Whether any impression or click was ever told."""
    query = sa.select(events.c.seq).where(events.c.type.in_(("impression", "click"))).limit(1)
    return connection.scalar(query) is not None
