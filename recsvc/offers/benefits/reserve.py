"""Giving benefits out so that no cap is ever exceeded, however many exports run at once.

The rows of `benefit_counters` are locked in one order (on SQLite the whole file is), so whoever holds them counts
alone; what is given is written in the same transaction.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from recsvc.offers.benefits.profit import Valued
from recsvc.offers.benefits.schema import Benefit, moment
from recsvc.state import writing
from recsvc.state.database import PATIENT
from recsvc.state.mailing import benefit_counters, benefit_uses

USED_UP, BUDGET_GONE, HAD_IT = "used up", "budget spent", "had it often enough"


@dataclass
class Given:
    """What one customer gets: a set of benefits, or none and why each better one could not be had."""

    choice: Valued | None = None
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One customer's choices, the best first."""

    customer_id: str
    choices: Sequence[Valued]


def reserve(
    database: sa.Engine, wishes: Sequence[Wish], *, campaign_id: str, edition: str, now: datetime
) -> list[Given]:
    """Give each wish its first choice that caps and budgets leave room for; asked again, it gets the same again."""
    with writing(database, patience=PATIENT) as connection:
        return reserve_within(connection, wishes, campaign_id=campaign_id, edition=edition, now=now)


def reserve_within(
    connection: sa.Connection, wishes: Sequence[Wish], *, campaign_id: str, edition: str, now: datetime
) -> list[Given]:
    """The same in a transaction of `writing`."""
    benefits = {one.benefit.id: one.benefit for wish in wishes for choice in wish.choices for one in choice.benefits}
    if not benefits:
        return [Given() for _ in wishes]
    book = _Book.read(connection, benefits, [wish.customer_id for wish in wishes], campaign_id, edition)
    given = [book.give(wish) for wish in wishes]
    book.write(connection, now)
    return given


def release(connection: sa.Connection, *, campaign_id: str, edition: str, customer_id: str) -> None:
    """Take back what was given with a mail that will not be sent."""
    mine = (
        (benefit_uses.c.campaign_id == campaign_id)
        & (benefit_uses.c.edition == edition)
        & (benefit_uses.c.customer_id == customer_id)
    )
    for benefit_id, cost in connection.execute(
        sa.select(benefit_uses.c.benefit_id, benefit_uses.c.cost_minor)
        .where(mine, benefit_uses.c.released_at.is_(None))
        .order_by(benefit_uses.c.benefit_id)
    ).all():
        give_back(connection, benefit_id, cost)
    connection.execute(sa.delete(benefit_uses).where(mine))


def give_back(connection: sa.Connection, benefit_id: str, cost: int, times: int = 1) -> None:
    """Let so many uses, of so much cost in all, be given again."""
    connection.execute(
        sa.update(benefit_counters)
        .where(benefit_counters.c.benefit_id == benefit_id)
        .values(used=benefit_counters.c.used - times, spent_minor=benefit_counters.c.spent_minor - cost)
    )


@dataclass
class _Book:
    """The counts as they are while the lock is held."""

    benefits: Mapping[str, Benefit]
    campaign_id: str
    edition: str
    used: Counter[str]
    spent: Counter[str]
    had: Counter[tuple[str, str]]  # (benefit, customer): times, in other mails
    here: dict[str, dict[str, int]]  # customer: benefit: cost, of this mail
    released: set[tuple[str, str]] = field(default_factory=set)  # (benefit, customer) of this mail, already given back
    new: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[tuple[str, str, int]] = field(default_factory=list)

    @classmethod
    def read(
        cls, connection: sa.Connection, benefits: Mapping[str, Benefit], ids: Sequence[str], campaign: str, edition: str
    ) -> "_Book":
        names = sorted(benefits)
        insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(benefit_counters)
        empty = [{"benefit_id": name, "used": 0, "spent_minor": 0} for name in names]
        connection.execute(insert.on_conflict_do_nothing(), empty)
        counters = sa.select(benefit_counters).where(benefit_counters.c.benefit_id.in_(names))
        used: Counter[str] = Counter()
        spent: Counter[str] = Counter()
        for name, count, cost in connection.execute(counters.order_by(benefit_counters.c.benefit_id).with_for_update()):
            used[name], spent[name] = count, cost
        had: Counter[tuple[str, str]] = Counter()
        here: dict[str, dict[str, int]] = {}
        released: set[tuple[str, str]] = set()
        uses = sa.select(benefit_uses).where(benefit_uses.c.customer_id.in_(ids))
        for row in connection.execute(uses):
            of_this_mail = (row.campaign_id, row.edition) == (campaign, edition)
            if row.released_at is not None:
                if of_this_mail:
                    released.add((row.benefit_id, row.customer_id))
            elif of_this_mail:
                here.setdefault(row.customer_id, {})[row.benefit_id] = row.cost_minor
            elif row.benefit_id in benefits:
                had[row.benefit_id, row.customer_id] += 1
        return cls(benefits, campaign, edition, used, spent, had, here, released)

    def give(self, wish: Wish) -> Given:
        before = self.here.get(wish.customer_id, {})
        given = Given()
        for choice in wish.choices:
            if before.keys() == set(choice.ids):
                given.choice = choice  # as it was promised before
                return given
        self._drop(wish.customer_id, before)
        for choice in wish.choices:
            reasons = {
                name: reason
                for name, cost in zip(choice.ids, choice.costs, strict=True)
                if (reason := self._full(name, cost, wish.customer_id))
            }
            if not reasons:
                given.choice = choice
                self._take(wish.customer_id, choice)
                return given
            given.refused |= reasons
        return given

    def _full(self, name: str, cost: int, customer_id: str) -> str | None:
        benefit = self.benefits[name]
        if benefit.cap_per_customer and self.had[name, customer_id] >= benefit.cap_per_customer:
            return HAD_IT
        if benefit.cap_total and self.used[name] >= benefit.cap_total:
            return USED_UP
        if benefit.budget_minor and self.spent[name] + cost > benefit.budget_minor:
            return BUDGET_GONE
        return None

    def _take(self, customer_id: str, choice: Valued) -> None:
        for name, cost in zip(choice.ids, choice.costs, strict=True):
            self.used[name] += 1
            self.spent[name] += cost
            if (name, customer_id) in self.released:
                self.dropped.append((name, customer_id, 0))  # its row makes room for the new one
            end = moment(self.benefits[name].valid_until)
            self.new.append({"benefit_id": name, "customer_id": customer_id, "cost_minor": cost, "expires_at": end})

    def _drop(self, customer_id: str, before: Mapping[str, int]) -> None:
        for name, cost in before.items():
            if name in self.benefits:
                self.used[name] -= 1
                self.spent[name] -= cost
            self.dropped.append((name, customer_id, cost))

    def write(self, connection: sa.Connection, now: datetime) -> None:
        for name, customer_id, cost in self.dropped:
            if name not in self.benefits:  # of an earlier choice of benefits; its row is not held here
                give_back(connection, name, cost)
            connection.execute(
                sa.delete(benefit_uses).where(
                    benefit_uses.c.benefit_id == name,
                    benefit_uses.c.customer_id == customer_id,
                    benefit_uses.c.campaign_id == self.campaign_id,
                    benefit_uses.c.edition == self.edition,
                )
            )
        if self.new:
            common = {"campaign_id": self.campaign_id, "edition": self.edition, "at": now}
            connection.execute(sa.insert(benefit_uses), [{**row, **common} for row in self.new])
        if self.new or self.dropped:
            for name in sorted(self.used):
                connection.execute(
                    sa.update(benefit_counters)
                    .where(benefit_counters.c.benefit_id == name)
                    .values(used=self.used[name], spent_minor=self.spent[name])
                )
