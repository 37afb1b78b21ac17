"""Today: what the service does now, and what wants attention."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from flask import Blueprint, Response

from recsvc.console.alerts import alerts_of, state_of
from recsvc.console.counted import read_counts
from recsvc.console.desk import Desk
from recsvc.events.event import TYPES
from recsvc.http.problems import ProblemError
from recsvc.state.live_events import events

log = logging.getLogger(__name__)
DAYS = 14
KEPT_SECONDS = 60.0  # a busy shop has millions of events in these days


@dataclass(frozen=True)
class EventDays:
    """Events by day (UTC), the last one today: `counts[type]` has a number for each of `days`."""

    days: tuple[date, ...]
    counts: dict[str, tuple[int, ...]]


def add_to(routes: Blueprint, desk: Desk) -> None:
    """The page."""
    service = desk.service
    kept: dict[date, tuple[float, EventDays]] = {}

    def lately() -> EventDays | None:
        today = service.clock().astimezone(UTC).date()
        known = kept.get(today)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = events_by_day(service.database, today)
        except sa.exc.SQLAlchemyError:
            log.exception("console: today without the database")
            return None
        kept.clear()
        kept[today] = time.monotonic() + KEPT_SECONDS, found
        return found

    @routes.get("")
    def today() -> Response:
        try:
            figures = desk.figures()
        except ProblemError:
            figures = None  # which is among the alerts
        ready, counted = state_of(service), read_counts(service.metrics.exposition())
        return desk.page(
            "today.html",
            ready=ready, counted=counted, figures=figures, events=lately(),
            alerts=alerts_of(service, ready, counted, figures, desk.visitor().words),
            currency=figures.currency if figures is not None else "",
        )  # fmt: skip


def events_by_day(database: sa.Engine, today: date) -> EventDays:
    """The events that happened on each of the last DAYS days."""
    days = tuple(today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    midnights = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (*days, today + timedelta(days=1))]
    at = events.c.happened_at
    which = sa.case(*[(at < end, place) for place, end in enumerate(midnights[1:])]).label("which")
    query = (
        sa.select(events.c.type, which, sa.func.count())
        .where(at >= midnights[0], at < midnights[-1])
        .group_by(events.c.type, which)
    )
    table = {kind: [0] * DAYS for kind in TYPES}
    with database.connect() as connection:
        for kind, place, number in connection.execute(query):
            table.setdefault(kind, [0] * DAYS)[place] = number
    return EventDays(days, {kind: tuple(row) for kind, row in table.items() if any(row)})
