"""A limit to how long a request waits for the database: one that hangs must not take the worker with it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_UNTIL: ContextVar[float | None] = ContextVar("recsvc_database_until", default=None)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Statements in the block fail with OperationalError, and their connection is given up, when so many seconds are
    over.

    Holds for PostgreSQL; SQLite has its own limit to how long it waits for a lock.
    """
    token = _UNTIL.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left() -> float | None:
    """Seconds that are left of the limit, below 0 once it is over; None where there is none."""
    until = _UNTIL.get()
    return None if until is None else until - time.monotonic()
