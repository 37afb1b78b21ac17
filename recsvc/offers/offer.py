"""What one customer is offered, ready to be written out: every text in the reader's language, every link checked."""

from dataclasses import dataclass
from math import nan
from typing import NamedTuple


class OfferItem(NamedTuple):
    """`price` is as the locale writes it, `amount` the number; '' and None where none is known. `image` may be ''.

    `lowest` is the lowest price of the 30 days before a reduction, as the locale writes it, and `percent` what is off
    it: '' and 0 where no reduction may be claimed. `unit_price` is that of a kilogram or litre. `chance` is the
    calibrated probability that the reader buys it, NaN where the list has none.
    """

    item_id: str
    title: str
    price: str
    amount: float | None
    currency: str
    image: str
    link: str
    category: str
    reason: str
    source: str
    lowest: str = ""
    percent: int = 0
    unit_price: str = ""
    chance: float = nan


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferSlot:
    """One block; `fallback` names what filled it where its scenario could not."""

    name: str
    scenario: str
    heading: str
    fallback: str | None
    items: tuple[OfferItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferBenefit:
    """A benefit in the reader's language; `until` is its last day as the locale writes it, `why` says why it is this
    one and is for the shop's eyes."""

    benefit_id: str
    kind: str
    text: str
    conditions: str
    conditions_url: str
    until: str
    code: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`personal` is False for a customer who does not want a profile: then only what is popular with all is offered."""

    campaign_id: str
    customer_id: str
    email: str | None
    first_name: str | None
    locale: str
    language: str
    model_version: str
    personal: bool
    subject: str
    preheader: str
    greeting: str
    intro: str
    slots: tuple[OfferSlot, ...]
    benefits: tuple[OfferBenefit, ...] = ()
    unsubscribe_url: str = ""
    agreed: bool = True  # to mail; who did not, bought something
    no_benefit: str = ""  # why there is none, where the campaign has some

    @property
    def items(self) -> tuple[OfferItem, ...]:
        return tuple(item for slot in self.slots for item in slot.items)
