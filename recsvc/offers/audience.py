"""Who gets a campaign's mail: those on its list, of its languages and tiers, who agreed to mail and have an address."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from models.errors import InputError
from models.strings import hash_id
from recsvc.customers.fields import is_email
from recsvc.customers.files import open_customer_file
from recsvc.customers.table import BLOCK, Customer, all_customers, count_customers, find_customers
from recsvc.i18n import translator
from recsvc.offers.campaign import Campaign

NOT_KNOWN, NOT_READABLE = "not in the customer table", "row of the list not readable"
OTHER_LANGUAGE, OTHER_TIER = "another language", "another tier"
NO_CONSENT, NO_EMAIL = "no consent to e-mail", "no e-mail address"


@dataclass
class Audience:
    """The customers of one export: `size` will be looked at, `left_out` counts by reason who is not written to."""

    database: sa.Engine
    campaign: Campaign
    ids: Path | None
    size: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _first: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None

    @classmethod
    def of(cls, database: sa.Engine, campaign: Campaign, ids: Path | None = None) -> "Audience":
        """`ids` takes the place of the campaign's list. Raises InputError for an empty table or a list without ids."""
        size = count_customers(database)
        if not size:
            raise InputError("the customer table is empty; fill it with `recsvc customers import FILE`")
        audience = cls(database, campaign, ids if ids is not None else campaign.audience_file, size)
        if audience.ids is not None:
            audience._index(audience.ids)
        return audience

    def customers(self) -> Iterator[Customer]:
        """Those who may be written to, each once: in the order of the list, or of the ids where there is no list."""
        for customer in self._listed():
            reason = self.refusal(customer)
            if reason is None:
                yield customer
            else:
                self.left_out[reason] += 1

    def refusal(self, customer: Customer) -> str | None:
        """Why this customer gets nothing, if so."""
        rules = self.campaign.audience
        if rules.languages and translator(customer.locale or self.campaign.head.locale).language not in rules.languages:
            return OTHER_LANGUAGE
        if rules.tier and customer.tier not in rules.tier:
            return OTHER_TIER
        if not customer.email_ok:
            return NO_CONSENT
        if not customer.email or not is_email(customer.email):
            return NO_EMAIL
        return None

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
