"""What one worker knows of live events: who has any, kept up to date beside the requests; theirs are read when asked
for.
"""

import hashlib
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from models.errors import RecsvcError
from recsvc.engine import Engine, LiveEngine
from recsvc.engine.happenings import Happenings
from recsvc.events.event import Event
from recsvc.events.histories import Happened, Seen, happenings
from recsvc.events.settings import EventSettings
from recsvc.events.store import append
from recsvc.events.subjects import Subjects, load_subjects, read_changes, read_events_of
from recsvc.state.database import unreachable
from recsvc.state.migrate import migrate

log = logging.getLogger(__name__)
CHECK_EVERY = 0.25
PATIENCE = 0.25  # seconds that a request waits for its customer's events
HANGS_AFTER = 1.0
KEPT_SECONDS = 60.0
MOST_KEPT = 10_000
MOST_LINKS = 20_000
MOST_WAITING = 1_000
Subject = tuple[bool, str]  # whether a customer's, else a session's; and which


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    rows: tuple[Happened, ...]


class LiveEvents:
    """Answers `of(...)`: what a customer or session did since the training, at most CHECK_EVERY old.

    A thread asks the database for new events; a request asks only for one who has some, and for these at most once a
    minute while nothing new comes. While the database is down, `problem` says so and lists come from the bundle alone.
    """

    def __init__(
        self, database: sa.Engine, engines: LiveEngine, settings: EventSettings, clock: Callable[[], datetime]
    ) -> None:
        self.problem: str | None = None
        self._database, self._engines, self._settings, self._clock = database, engines, settings, clock
        self._subjects: Subjects | None = None
        self._loaded_for: str | None = None
        self._kept: OrderedDict[Subject, _Kept] = OrderedDict()
        self._changes = 0
        self._lock = threading.Lock()
        self._migrated = False
        self._thread: threading.Thread | None = None
        self._wake, self._ended, self._started_check = threading.Event(), threading.Event(), time.monotonic()
        self._checking = False
        self._reader = ThreadPoolExecutor(1, "recsvc-events-read")
        self._reading: Future[tuple[Happened, ...]] | None = None
        self._linked: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._links: queue.Queue[tuple[str, str]] = queue.Queue(MOST_WAITING)

    def start(self) -> None:
        """Follow new events in a thread until `stop()`; without it `refresh()` has to be called."""
        self._thread = threading.Thread(target=self._follow, name="recsvc-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the threads."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._reader.shutdown(wait=False, cancel_futures=True)

    def notice(self) -> None:
        """Something was written here just now: do not wait for the next turn."""
        if self._thread is None:
            self.refresh()
        else:
            self._wake.set()

    @property
    def available(self) -> bool:
        """Whether answers take account of live events just now."""
        return self.problem is None and self._subjects is not None and not self.hangs

    @property
    def hangs(self) -> bool:
        """Whether the database has said nothing for a while: whoever asks it now waits."""
        return self._checking and time.monotonic() - self._started_check > HANGS_AFTER

    def of(self, customer_id: str | None, session_id: str | None, engine: Engine) -> Happenings | None:
        """What they did that `engine` does not know; None for nothing, and while the database is down."""
        if self._thread is None and self._subjects is None:
            self.refresh()
        subjects = self._subjects
        if subjects is None or not self.available:
            return None
        found: list[Happened] = []
        if customer_id is not None and subjects.hold(True, customer_id):
            found += self._events_of((True, customer_id))
        if session_id is not None and subjects.hold(False, session_id):
            of_session = self._events_of((False, session_id))
            # Of a browser that several customers use, each gets what is theirs.
            found += [one for one in of_session if customer_id is None or one.customer_id in (None, customer_id)]
        if customer_id is not None and session_id is not None:
            self._link(session_id, customer_id)
        if not found:
            return None
        happened = happenings(found, Seen.by(engine.manifest), self._settings, self._clock())
        return None if happened.is_empty else happened

    def refresh(self) -> None:
        """Read what is new; for a model that was published meanwhile, everything that it does not know."""
        self._checking, self._started_check = True, time.monotonic()
        try:
            if not self._migrated:
                migrate(self._database)
                self._migrated = True
            self._write_links()
            engine = self._engines.current() if self._engines.loaded else None
            version = None if engine is None else engine.version
            if self._subjects is None or version != self._loaded_for:
                seen = None if engine is None else Seen.by(engine.manifest)
                self._subjects = load_subjects(self._database, seen, self._settings, self._clock())
                self._loaded_for = version
                self._forget(None)
            else:
                self._take_changes(self._subjects)
            if self.problem is not None:
                log.info("live events back")
            self.problem = None
        except (sa.exc.SQLAlchemyError, OSError, RecsvcError) as error:
            problem = str(error if isinstance(error, RecsvcError) else unreachable(self._database, error))
            if self.problem is None:
                log.warning("live events unavailable", extra={"problem": problem})
            self.problem = problem
        finally:
            self._checking = False

    def _follow(self) -> None:
        while not self._ended.is_set():
            self.refresh()
            self._wake.wait(CHECK_EVERY)
            self._wake.clear()

    def _take_changes(self, subjects: Subjects) -> None:
        changed = read_changes(self._database, subjects)
        if changed:
            self._forget(changed)

    def _forget(self, changed: set[Subject] | None) -> None:
        with self._lock:
            self._changes += 1
            if changed is None:
                self._kept.clear()
            else:
                for subject in changed:
                    self._kept.pop(subject, None)

    def _events_of(self, subject: Subject) -> tuple[Happened, ...]:
        with self._lock:
            kept, changes = self._kept.get(subject), self._changes
            if kept is not None and kept.until > time.monotonic():
                self._kept.move_to_end(subject)
                return kept.rows
        rows = self._read(subject)
        if rows is None:
            return ()
        with self._lock:
            if changes == self._changes:  # else something new may have come while it was read
                self._kept[subject] = _Kept(time.monotonic() + KEPT_SECONDS, rows)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return rows

    def _read(self, subject: Subject) -> tuple[Happened, ...] | None:
        """In a thread of its own, so that a database that hangs costs one request a moment and the others nothing."""
        if self._reading is not None and not self._reading.done():
            return None
        since = self._clock()
        self._reading = self._reader.submit(read_events_of, self._database, *subject, self._settings, since)
        try:
            return self._reading.result(PATIENCE)
        except TooLate:
            self.problem = "the database does not answer"
        except (sa.exc.SQLAlchemyError, OSError) as error:
            self.problem = str(unreachable(self._database, error))
        log.warning("live events unavailable", extra={"problem": self.problem})
        return None

    def _link(self, session_id: str, customer_id: str) -> None:
        """Tie the session to the customer, once, without letting the request wait for it."""
        link = session_id, customer_id
        with self._lock:
            if link in self._linked or "\0" in session_id + customer_id:
                return
            self._linked[link] = None
            if len(self._linked) > MOST_LINKS:
                self._linked.popitem(last=False)
        try:
            self._links.put_nowait(link)
        except queue.Full:
            self._linked.pop(link, None)
        self._wake.set()

    def _write_links(self) -> None:
        """Store as logins what requests said of sessions and customers."""
        links: list[tuple[str, str]] = []
        while len(links) < MOST_WAITING and not self._links.empty():
            links.append(self._links.get_nowait())
        if not links:
            return
        now = self._clock()
        batch = [
            Event(
                type="login", event_id=f"auto-{now:%Y%m%d}-{hash_of(link)}", happened_at=now,
                session_id=link[0], customer_id=link[1],
            )
            for link in links
        ]  # fmt: skip
        try:
            append(self._database, batch, scope="server", now=now)
        except (sa.exc.SQLAlchemyError, OSError):
            for link in links:
                self._linked.pop(link, None)
            raise


def hash_of(link: tuple[str, str]) -> str:
    """A short name of a session and a customer."""
    return hashlib.sha256(repr(link).encode("utf-8", "surrogatepass")).hexdigest()[:32]
