"""Who gets a campaign's mail: those on its list whom its rules let in, who agreed to mail and have an address."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from models.errors import InputError
from models.strings import hash_id
from recsvc.customers.consent import EXISTING_CUSTOMER, NO_CONSENT, refusal_to_mail
from recsvc.customers.fields import is_email
from recsvc.customers.files import open_customer_file
from recsvc.customers.suppression import Suppressions
from recsvc.customers.table import BLOCK, Customer, all_customers, count_customers, find_customers
from recsvc.i18n import translator
from recsvc.offers.campaign import Campaign
from recsvc.offers.holdout import GlobalHoldout, held_out, read_global_holdout
from recsvc.offers.ledger import FREE_TO_EXPORT, Recent, recent_mails
from recsvc.offers.similar_goods import SimilarGoods
from recsvc.offers.targeting import Targeting

__all__ = ["NO_CONSENT", "Audience"]
NOT_KNOWN, NOT_READABLE = "not in the customer table", "row of the list not readable"
OTHER_LANGUAGE, OTHER_TIER, OTHER_SEGMENT = "another language", "another tier", "another segment"
NO_EMAIL, TOO_MANY_MAILS, MAILED, HELD_OUT = "no e-mail address", "enough mails already", "mailed already", "held out"
HELD_OUT_GLOBALLY = "held out of every campaign"
NO_PURCHASE = "no consent, and no purchase known either"
NEVER = Recent()


@dataclass
class Audience:
    """The customers of one campaign: `size` will be looked at, `left_out` counts by reason who is not written to.

    `held_out` collects those who would be written to, were they not held out, until somebody writes them down and
    empties it.
    """

    database: sa.Engine
    campaign: Campaign
    targeting: Targeting
    suppressions: Suppressions
    similar: SimilarGoods
    now: datetime
    free: tuple[str, ...] = FREE_TO_EXPORT  # states of this edition's mail from which one may go on
    ids: Path | None = None
    size: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    held_out: list[Customer] = field(default_factory=list)
    _kept_from_all: GlobalHoldout | None = None
    _first: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None

    def open(self, ids: Path | None = None) -> "Audience":
        """Count who will be looked at; `ids` takes the place of the campaign's list.

        Raises InputError for an empty table or a list without ids.
        """
        self.size = count_customers(self.database)
        if not self.size:
            raise InputError("the customer table is empty; fill it with `recsvc customers import FILE`")
        self.ids = ids if ids is not None else self.campaign.audience_file
        if self.ids is not None:
            self._index(self.ids)
        return self

    def customers(self) -> Iterator[Customer]:
        """Those who may be written to, each once: in the order of the list, or of the ids where there is no list."""
        for block in self.blocks():
            yield from self.fit(block)

    def blocks(self) -> Iterator[list[Customer]]:
        """All who are looked at, BLOCK at a time, in the same order."""
        listed = iter(self._listed())
        while block := list(islice(listed, BLOCK)):
            yield block

    def fit(self, block: Sequence[Customer]) -> Iterator[Customer]:
        """Those of up to BLOCK customers who may be written to, with what their last mails showed."""
        recent, suppressed = self._looked_up(block)
        for customer in block:
            known = recent.get(customer.customer_id, NEVER)
            reason = self._refusal(customer, known, suppressed)
            if reason is not None:
                self.left_out[reason] += 1
            elif known.items:
                yield replace(customer, seen=known.items)
            else:
                yield customer

    def refusal(self, customer: Customer) -> str | None:
        """Why this customer gets nothing, if so; the holdout is a reason too."""
        recent, suppressed = self._looked_up([customer])
        held = len(self.held_out)
        reason = self._refusal(customer, recent.get(customer.customer_id, NEVER), suppressed)
        del self.held_out[held:]
        return reason

    def _looked_up(self, block: Sequence[Customer]) -> tuple[dict[str, Recent], set[str]]:
        with self.database.connect() as connection:
            recent = recent_mails(connection, self.campaign, [one.customer_id for one in block], now=self.now)
        return recent, self.suppressions.among(customer.email for customer in block if customer.email)

    def _refusal(self, customer: Customer, recent: Recent, suppressed: set[str]) -> str | None:
        rules = self.campaign.audience
        if rules.languages and translator(customer.locale or self.campaign.head.locale).language not in rules.languages:
            return OTHER_LANGUAGE
        if rules.tier and customer.tier not in rules.tier:
            return OTHER_TIER
        if rules.segment and customer.segment not in rules.segment:
            return OTHER_SEGMENT
        reason = refusal_to_mail(customer, suppressed=bool(customer.email) and customer.email in suppressed)
        if reason is not None:
            return reason
        if not customer.email or not is_email(customer.email):
            return NO_EMAIL
        if customer.email_basis == EXISTING_CUSTOMER and not self.similar.bought(customer.customer_id):
            return NO_PURCHASE
        reason = self.targeting.refusal(customer.customer_id, profiling_ok=customer.profiling_ok)
        if reason is not None:
            return reason
        if self.campaign.limits.most_mails and recent.mails >= self.campaign.limits.most_mails:
            return TOO_MANY_MAILS
        if recent.state is not None and recent.state not in self.free:
            return MAILED
        return self._held_out(customer, recent)

    def _held_out(self, customer: Customer, recent: Recent) -> str | None:
        """The last question: who is held out would get a mail if nobody were held out."""
        reason, holdout = None, self.campaign.holdout
        if self._global.holds(customer.customer_id):
            reason = HELD_OUT_GLOBALLY
        elif held_out(holdout.share, holdout.salt, self.campaign.id, customer.customer_id):
            reason = HELD_OUT
        if reason is not None:
            self.held_out.append(replace(customer, seen=recent.items))
        return reason

    @property
    def _global(self) -> GlobalHoldout:
        if self._kept_from_all is None:
            with self.database.connect() as connection:
                self._kept_from_all = read_global_holdout(connection)
        return self._kept_from_all

    def _index(self, path: Path) -> None:
        """Mark the first row of each id; eight bytes an id, whatever its length."""
        hashes = array("Q", (hash_id(customer_id) for customer_id in self._read(path)))
        if not hashes:
            raise InputError(f"{path} names no customer")
        _, first = np.unique(np.frombuffer(hashes, np.uint64), return_index=True)
        self._first = np.zeros(len(hashes), np.bool_)
        self._first[first] = True
        self.size = len(first)
        self.left_out.clear()  # of the rows counted here, which are read once more

    def _listed(self) -> Iterable[Customer]:
        if self.ids is None or self._first is None:
            yield from all_customers(self.database)
            return
        once = (name for name, first in zip(self._read(self.ids), self._first, strict=False) if first)
        while block := list(islice(once, BLOCK)):
            found = find_customers(self.database, block)
            if len(found) < len(block):
                self.left_out[NOT_KNOWN] += len(block) - len(found)
            yield from (found[name] for name in block if name in found)

    def _read(self, path: Path) -> Iterator[str]:
        with open_customer_file(path, ("customer_id",)) as file:
            for row in file.rows:
                if row.problem is None and row.cells[0] not in ("", None):
                    yield str(row.cells[0])
                else:
                    self.left_out[NOT_READABLE] += 1
