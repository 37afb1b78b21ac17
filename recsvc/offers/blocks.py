"""The offers of an export, block by block: what each process makes, and the book of mails that all of them write."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from recsvc.customers.table import Customer
from recsvc.offers.benefits.chooser import Wishes
from recsvc.offers.ledger import holdout_rows, mail_row, write_rows
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run
from recsvc.offers.sending.message import MessageBuilder
from recsvc.offers.writing import entry_makers
from recsvc.state import writing
from recsvc.state.database import PATIENT

NO_ITEMS = "no items"
RELEASE_EVERY = 20  # blocks
Turn = Callable[[int], AbstractContextManager[None]]


@dataclass(kw_only=True)
class Tally:
    """`with_fallback` offers have a slot that was filled, wholly or in part, by something else than its scenario;
    `not_personal` went to customers who want no profile."""

    written: int = 0
    with_fallback: int = 0
    not_personal: int = 0
    items: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    benefits: Counter[str] = field(default_factory=Counter)
    no_benefit: Counter[str] = field(default_factory=Counter)

    def count(self, offer: Offer) -> None:
        """One more offer."""
        self.written += 1
        self.items += len(offer.items)
        self.not_personal += not offer.personal
        self.with_fallback += any(slot.fallback for slot in offer.slots)
        self.benefits.update(benefit.benefit_id for benefit in offer.benefits)
        if offer.no_benefit:
            self.benefits["none"] += 1
            # Without the amounts, which are each reader's own: memory must not grow with the audience.
            self.no_benefit.update(reason.partition(" (")[0] for reason in offer.no_benefit.split("; "))

    def add(self, other: "Tally") -> None:
        """All that another tally counted."""
        self.written += other.written
        self.with_fallback += other.with_fallback
        self.not_personal += other.not_personal
        self.items += other.items
        self.left_out.update(other.left_out)
        self.benefits.update(other.benefits)
        self.no_benefit.update(other.no_benefit)


@dataclass(frozen=True)
class Made:
    """What came of a block of `looked_at` customers: for each format what goes into its file, and the counts."""

    looked_at: int
    entries: list[list[Any]]
    tally: Tally


class Blocks:
    """Makes the offers of one export; with `record` they are written down, and what is given counts.

    `turn` lets the blocks into the book one after another, whichever process makes them: who comes first gets what
    caps and budgets leave, in the order of the audience.
    """

    def __init__(
        self, run: Run, formats: tuple[str, ...], *, record: bool, turn: Turn = lambda _: nullcontext()
    ) -> None:  # fmt: skip
        self._run, self._record, self._turn = run, record, turn
        self._audience = run.refusal_audience()
        builder = MessageBuilder(run.campaign, run.secret, now=run.now) if "eml" in formats else None
        self._makers = entry_makers(run.campaign, formats, builder)
        self._made = 0

    def make(self, number: int, block: Sequence[Customer]) -> Made:
        """The offers to those of a block, the `number`th of the audience from 0, who may be written to."""
        try:
            pairs, absent = self._pairs(block)
        except Exception as error:
            # In turn, too: the blocks before this one end well, and those behind it learn that it failed.
            with self._turn(number):
                raise error
        filled = [pair for pair in pairs if pair[1].items]  # who is shown nothing gets no mail, and so no benefit
        offers = [offer for _, offer in filled]
        wishes = self._run.chooser.wishes(filled) if self._run.chooser is not None else None
        with self._turn(number):
            if self._record and (filled or absent):
                offers = self._entered(offers, wishes, absent)
            elif wishes is not None:
                offers = wishes.granted(wishes.first())
        tally = Tally(left_out=self._audience.left_out)
        if len(filled) < len(pairs):
            tally.left_out[NO_ITEMS] += len(pairs) - len(filled)
        for offer in offers:
            tally.count(offer)
        self._made += 1
        if self._made % RELEASE_EVERY == 0:
            self._run.release()
        return Made(len(block), [[maker.entry(offer) for offer in offers] for maker in self._makers], tally)

    def _entered(self, offers: list[Offer], wishes: Wishes | None, absent: list[str]) -> list[Offer]:
        """The offers with what caps and budgets leave; they and the holdout are in the book then."""
        run = self._run
        with writing(run.database, patience=PATIENT) as connection:
            if wishes is not None:
                offers = wishes.granted(wishes.reserve(connection))
            rows = [mail_row(run.campaign, offer, "claimed", run.now) for offer in offers]
            write_rows(connection, [*rows, *holdout_rows(run.campaign, absent, run.engine.version, run.now)])
        return offers

    def _pairs(self, block: Sequence[Customer]) -> tuple[list[tuple[Customer, Offer]], list[str]]:
        """Those who may be written to with their offers, and the ids of those held out."""
        audience = self._audience
        audience.left_out = Counter()
        pairs = list(self._run.maker.paired(audience.fit(block)))
        absent = self._run.would_get(audience.held_out) if self._record else []
        audience.held_out.clear()
        return pairs, absent
