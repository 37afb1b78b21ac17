"""Send a campaign: offers are made in one thread, handed over in several."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from models.errors import RefusedError
from recsvc.offers.audience import Audience
from recsvc.offers.blocks import NO_ITEMS
from recsvc.offers.export import counted
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run
from recsvc.offers.sending.book import SendingBook, sole_sender
from recsvc.offers.sending.message import Message, MessageBuilder
from recsvc.offers.sending.server import Connection, Outcome, ServerSettings, Withdrawn

ATTEMPTS = 3
PAUSES = (0.5, 2.0)  # seconds before a mail that broke off is begun again


@dataclass(kw_only=True)
class SendSummary:
    """`outcomes` by state: sent, deferred (run again), refused, unsure; in a dry run `ready` is what would be sent."""

    campaign: str
    model_version: str
    dry_run: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    benefits: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    with_fallback: int = 0
    bytes: int = 0

    def count(self, offer: Offer) -> None:
        """One more offer made."""
        self.with_fallback += any(slot.fallback for slot in offer.slots)
        self.benefits.update(benefit.benefit_id for benefit in offer.benefits)

    def as_json(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "campaign": self.campaign,
            "model_version": self.model_version,
            "dry_run": self.dry_run,
            **dict(self.outcomes),
            "left_out": dict(self.left_out.most_common()),
            "benefits": dict(self.benefits.most_common()),
            "with_fallback": self.with_fallback,
            "problems": self.problems,
        }


@dataclass(kw_only=True)
class SendOptions:
    """`rate` mails a second over all `connections`; 0 is as fast as the server takes them."""

    dry_run: bool = True
    rate: float = 10.0
    connections: int = 2
    retry_unsure: bool = False


def send_campaign(
    run: Run,
    audience: Audience,
    server: ServerSettings | None,
    store: Path,
    *,
    options: SendOptions,
    clock: Callable[[], datetime],
    advance: Callable[[int], None] = lambda _: None,
) -> SendSummary:
    """Send what is not sent yet; begun again after anything, it goes on where it was.

    Raises RefusedError outside the campaign's schedule, while another sender is at it, when readers could not
    unsubscribe with one click, and when the server cannot be reached: then nothing is lost and it may be run again.
    """
    summary = SendSummary(
        campaign=run.campaign.id, model_version=run.engine.version, dry_run=options.dry_run, left_out=audience.left_out
    )
    builder = MessageBuilder(run.campaign, run.secret, now=run.now)
    if options.dry_run:
        for block in run.offers(counted(audience, advance), reserve=False):
            for _, offer in block:
                if offer.items:
                    summary.bytes += len(builder.build(offer).raw)
                    summary.outcomes["ready"] += 1
                    summary.count(offer)
                else:
                    summary.left_out[NO_ITEMS] += 1
        return summary
    _refuse_to_begin(run, clock())
    assert server is not None
    with sole_sender(store, run.campaign):
        book = SendingBook(run.database, run.campaign, run.suppressions)
        summary.outcomes["unsure"] += book.settle(clock())
        if options.retry_unsure:
            book.reopen_unsure(clock())
            summary.outcomes["unsure"] = 0
        _Sender(run, book, builder, server, options, summary, clock).send(audience, advance)
    summary.outcomes += Counter()  # without zeros
    return summary


def _refuse_to_begin(run: Run, now: datetime) -> None:
    closed = run.campaign.schedule.closed(now)
    if closed is not None:
        raise RefusedError(f"nothing may be sent now: {closed}")
    if not run.campaign.sender.service_url.startswith("https://"):
        raise RefusedError(
            "service_url in [mail] must be an https:// address where readers reach `recsvc serve`: without one-click "
            "unsubscription the large mailboxes take no mail (RFC 8058)"
        )


class _Sender:
    """The threads of one sending."""

    def __init__(
        self, run: Run, book: SendingBook, builder: MessageBuilder, server: ServerSettings, options: SendOptions,
        summary: SendSummary, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._run, self._book, self._builder, self._server = run, book, builder, server
        self._options, self._summary, self._clock = options, summary, clock
        self._waiting: queue.Queue[Message | None] = queue.Queue(maxsize=2 * options.connections)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failure: BaseException | None = None

    def send(self, audience: Audience, advance: Callable[[int], None]) -> None:
        threads = [
            threading.Thread(target=self._work, name=f"recsvc-smtp-{number}", daemon=True)
            for number in range(self._options.connections)
        ]
        for thread in threads:
            thread.start()
        try:
            self._produce(audience, advance)
        finally:
            for _ in threads:
                self._put(None)
            for thread in threads:
                thread.join()
        if self._failure is not None:
            raise self._failure

    def _produce(self, audience: Audience, advance: Callable[[int], None]) -> None:
        run, pace = self._run, _Pace(self._options.rate)
        for block in run.offers(counted(audience, advance), reserve=True):
            offers = [offer for _, offer in block if offer.items]
            if len(offers) < len(block):
                self._summary.left_out[NO_ITEMS] += len(block) - len(offers)
            self._book.claim(offers, run.would_get(audience.held_out), run.engine.version, self._clock())
            audience.held_out.clear()
            for offer in offers:
                closed = run.campaign.schedule.closed(self._clock())
                if closed is not None:
                    raise RefusedError(f"stopped: {closed}; what is left is sent when it is run again")
                if self._stop.is_set():
                    return
                self._summary.count(offer)
                pace.wait(self._stop)
                self._put(self._builder.build(offer))
        self._book.claim([], run.would_get(audience.held_out), run.engine.version, self._clock())

    def _put(self, message: Message | None) -> None:
        while not (self._stop.is_set() and message is not None):
            try:
                self._waiting.put(message, timeout=0.2)
                return
            except queue.Full:
                if self._stop.is_set():
                    return

    def _work(self) -> None:
        connection = Connection(self._server)
        try:
            while not self._stop.is_set():
                try:
                    message = self._waiting.get(timeout=0.2)
                except queue.Empty:
                    continue
                if message is None:
                    return
                self._send(connection, message)
        except BaseException as error:  # noqa: BLE001 - told by the thread that began
            with self._lock:
                self._failure = self._failure or error
            self._stop.set()
        finally:
            connection.close()

    def _send(self, connection: Connection, message: Message) -> None:
        for attempt in range(ATTEMPTS):
            try:
                outcome = connection.hand_over(
                    message, lambda: self._book.begin(message.customer_id, message.recipient, self._clock())
                )
            except Withdrawn as withdrawn:
                with self._lock:
                    self._summary.left_out[str(withdrawn)] += 1
                return
            if outcome.state != "lost":
                break
            self._book.end(message.customer_id, outcome, self._clock())
            if attempt < len(PAUSES):
                self._stop.wait(PAUSES[attempt])
        if outcome.state == "lost":
            outcome = Outcome("deferred", f"broke off {ATTEMPTS} times: {outcome.detail}")
        self._book.end(message.customer_id, outcome, self._clock())
        with self._lock:
            self._summary.outcomes[outcome.state] += 1
            self._summary.bytes += len(message.raw)
            if outcome.state != "sent" and outcome.detail not in self._summary.problems[:20]:
                self._summary.problems.append(outcome.detail)


class _Pace:
    """Lets so many through a second, evenly."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate > 0 else 0.0
        self._next = time.monotonic()

    def wait(self, stop: threading.Event) -> None:
        now = time.monotonic()
        if self._gap and self._next > now:
            stop.wait(self._next - now)
        self._next = max(self._next, now) + self._gap
