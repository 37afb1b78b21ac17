"""The book of mails while they are sent: what was meant, before; what came of it, after.

claimed   → meant to be sent, nothing has left
sending   → about to be ended; committed before the line that ends it leaves
sent, refused, deferred, unsure → what the server answered, or that it did not

A mail found `sending` when nobody sends was in flight when its sender died. Nearly always the server has it: the line
that ends it follows the commit within microseconds, and the system delivers what a killed process has written. So it
is not sent again, but called unsure and told.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from models.errors import RefusedError
from recsvc.customers.consent import refusal_to_mail
from recsvc.customers.suppression import Suppressions
from recsvc.customers.table import find_among
from recsvc.offers.benefits.reserve import release
from recsvc.offers.campaign import Campaign
from recsvc.offers.ledger import holdout_rows, mail_row, write_rows
from recsvc.offers.offer import Offer
from recsvc.offers.sending.server import Outcome, Withdrawn
from recsvc.state import writing
from recsvc.state.database import PATIENT
from recsvc.state.mailing import mails

DIED = "its sender stopped before the server answered"
TAKEN, NOT_KNOWN = "taken by another sender", "not in the customer table any more"


class SendingBook:
    """The rows of one campaign's edition; safe for several threads and processes."""

    def __init__(self, database: sa.Engine, campaign: Campaign, suppressions: Suppressions) -> None:
        self._database = database
        self._campaign = campaign
        self._suppressions = suppressions
        self._edition = (mails.c.campaign_id == campaign.id) & (mails.c.edition == campaign.head.edition)

    def settle(self, now: datetime) -> int:
        """Call unsure what a dead sender left in flight; how many. Only for who holds the campaign's lock."""
        with writing(self._database, patience=PATIENT) as connection:
            in_flight = sa.update(mails).where(self._edition, mails.c.state == "sending")
            return connection.execute(in_flight.values(state="unsure", detail=DIED, updated_at=now)).rowcount

    def reopen_unsure(self, now: datetime) -> int:
        """Let what is unsure be sent again, which may reach somebody twice; how many."""
        with writing(self._database, patience=PATIENT) as connection:
            unsure = sa.update(mails).where(self._edition, mails.c.state == "unsure")
            return connection.execute(unsure.values(state="claimed", updated_at=now)).rowcount

    def claim(self, offers: Sequence[Offer], held_out: Sequence[str], version: str, now: datetime) -> None:
        """Write down what is about to be sent, and who gets nothing."""
        rows = [mail_row(self._campaign, offer, "claimed", now) for offer in offers]
        with writing(self._database, patience=PATIENT) as connection:
            write_rows(connection, [*rows, *holdout_rows(self._campaign, held_out, version, now)])

    def begin(self, customer_id: str, address: str, now: datetime) -> None:
        """The last look before a mail is ended. Raises Withdrawn where it must not be, or another sender has it."""
        with writing(self._database, patience=PATIENT) as connection:
            reason = self._refusal(connection, customer_id, address)
            if reason is not None:
                self._forget(connection, customer_id)
            else:
                free = sa.update(mails).where(self._of(customer_id), mails.c.state.in_(("claimed", "deferred")))
                if connection.execute(free.values(state="sending", updated_at=now)).rowcount != 1:
                    reason = TAKEN
        if reason is not None:
            raise Withdrawn(reason)

    def end(self, customer_id: str, outcome: Outcome, now: datetime) -> None:
        """What came of it; a refused mail gives its benefits back."""
        state = "claimed" if outcome.state == "lost" else outcome.state
        with writing(self._database, patience=PATIENT) as connection:
            row = sa.update(mails).where(self._of(customer_id))
            connection.execute(row.values(state=state, detail=outcome.detail, updated_at=now))
            if state == "refused":
                self._release(connection, customer_id)

    def _refusal(self, connection: sa.Connection, customer_id: str, address: str) -> str | None:
        known = find_among(connection, [customer_id]).get(customer_id)
        if known is None:
            return NOT_KNOWN
        suppressed = bool(known.email and self._suppressions.among([known.email, address], connection))
        return refusal_to_mail(known, suppressed=suppressed)

    def _forget(self, connection: sa.Connection, customer_id: str) -> None:
        free = mails.c.state.in_(("claimed", "deferred"))
        if connection.execute(sa.delete(mails).where(self._of(customer_id), free)).rowcount:
            self._release(connection, customer_id)

    def _release(self, connection: sa.Connection, customer_id: str) -> None:
        head = self._campaign.head
        release(connection, campaign_id=head.id, edition=head.edition, customer_id=customer_id)

    def _of(self, customer_id: str) -> sa.ColumnElement[bool]:
        return self._edition & (mails.c.customer_id == customer_id)


@contextmanager
def sole_sender(store: Path, campaign: Campaign) -> Iterator[None]:
    """One sender a campaign and store. Raises RefusedError while another one is at it."""
    store.mkdir(parents=True, exist_ok=True)
    path = store / f"sending-{campaign.id}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"campaign {campaign.id} is being sent already; wait for it to end") from None
        yield
    finally:
        os.close(descriptor)
