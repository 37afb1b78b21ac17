"""Gives each offer of a campaign the benefit that is expected to earn most, within caps and budgets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan

import sqlalchemy as sa

from models.errors import SettingsError
from recsvc.customers.table import Customer
from recsvc.engine import Engine
from recsvc.i18n import translator
from recsvc.offers.benefits.eligible import Rules
from recsvc.offers.benefits.profit import Eligible, Valued, Ware, valued
from recsvc.offers.benefits.reserve import Given, Wish, reserve_within
from recsvc.offers.benefits.schema import BenefitFile, load_benefits
from recsvc.offers.benefits.words import benefit_conditions, benefit_text, last_day
from recsvc.offers.campaign import Campaign
from recsvc.offers.offer import Offer, OfferBenefit
from recsvc.offers.tokens import MailTokens
from recsvc.state import writing
from recsvc.state.database import PATIENT

DOES_NOT_PAY = "would cost more than it brings"
FALLBACK = "fallback"
MOST_KEPT = 100_000


class BenefitChooser:
    """The benefits of one campaign at one moment. Raises SettingsError for a file that does not fit the campaign."""

    def __init__(self, campaign: Campaign, engine: Engine, tokens: MailTokens, *, now: datetime) -> None:
        choice = campaign.benefit
        self.campaign, self._engine, self._tokens, self.now = campaign, engine, tokens, now
        self.file = benefits_of(campaign)
        self.rules = Rules(self.file, engine, now=now)
        self._fallback = self.file.choose((choice.fallback,), "fallback in [benefit]")[0] if choice.fallback else None
        self._chosen = [
            benefit
            for benefit in self.file.choose(choice.choose, "choose in [benefit]")
            if choice.choose or benefit is not self._fallback
        ]
        self._wares: dict[str, tuple[str, float, float]] = {}

    def give(self, pairs: Sequence[tuple[Customer, Offer]], database: sa.Engine | None) -> list[Offer]:
        """The offers with their benefits; reserved in the database, or without one as if nothing had been given yet."""
        wishes = self.wishes(pairs)
        if database is None:
            return wishes.granted(wishes.first())
        with writing(database, patience=PATIENT) as connection:
            given = wishes.reserve(connection)
        return wishes.granted(given)

    def wishes(self, pairs: Sequence[tuple[Customer, Offer]]) -> "Wishes":
        """What each of these readers could get, before anything is given."""
        wishes, reasons = [], []
        for customer, offer in pairs:
            choices, why_not = self.wish(customer, offer)
            wishes.append(Wish(customer_id=customer.customer_id, choices=choices))
            reasons.append(why_not)
        return Wishes(self, pairs, wishes, reasons)

    def wish(self, customer: Customer, offer: Offer) -> tuple[list[Valued], dict[str, str]]:
        """What this reader could get, the best first, the fallback last; and why not what they cannot."""
        wares = self.wares(offer)
        fit: list[Eligible] = []
        why_not: dict[str, str] = {}
        for benefit in self._chosen:
            found = self.rules.eligible(benefit, customer, wares)
            if isinstance(found, str):
                why_not[benefit.id] = found
            else:
                fit.append(found)
        sets = valued(fit, wares, self.file.loyalty, most=self.campaign.benefit.most)
        choices = [one for one in sets if one.profit > self.campaign.benefit.threshold_minor]
        for one in sets:
            if one.profit <= self.campaign.benefit.threshold_minor and len(one.ids) == 1:
                why_not[one.ids[0]] = f"{DOES_NOT_PAY} ({one.profit / 100:+.2f})"
        if self._fallback is not None:
            last = self.rules.eligible(self._fallback, customer, wares)
            if isinstance(last, str):
                why_not[self._fallback.id] = last
            elif (self._fallback.id,) not in [one.ids for one in choices]:
                choices += valued([last], wares, self.file.loyalty, most=1)
        return choices, why_not

    def wares(self, offer: Offer) -> list[Ware]:
        """The items of a mail that have a price, each with its margin and the chance that it is bought."""
        base = self.file.shop.base_probability
        found = []
        for slot in offer.slots:
            for item in slot.items:
                if item.amount is not None:
                    category, price, margin = self._wares.get(item.item_id) or self._ware(item.item_id, item.amount)
                    chance = item.chance
                    found.append(Ware(item.item_id, category, price, margin, chance if chance == chance else base))
        return found

    def _ware(self, item_id: str, amount: float) -> tuple[str, float, float]:
        """Category, price and margin; the price of an item is the same for everybody."""
        catalogue, place = self._engine.catalogue, self._engine.catalogue.items.find(item_id)
        cost, price = float(catalogue.numbers["cost_of_goods_sold"][place]), amount * 100
        margin = price * self.file.shop.margin if isnan(cost) else price - cost * 100
        if len(self._wares) >= MOST_KEPT:
            self._wares.clear()
        known = self._wares[item_id] = (catalogue.texts["product_type"][place], price, margin)
        return known

    def with_benefits(self, customer: Customer, offer: Offer, given: Given, why_not: dict[str, str]) -> Offer:
        """An offer with what its reader was given, or with why there is nothing."""
        if given.choice is None:
            return replace(offer, no_benefit="; ".join(f"{name}: {reason}" for name, reason in why_not.items()))
        return replace(offer, benefits=tuple(self._worded(customer, offer, given.choice, one.benefit.id) for one in
                                             given.choice.benefits))  # fmt: skip

    def _worded(self, customer: Customer, offer: Offer, choice: Valued, benefit_id: str) -> OfferBenefit:
        benefit = next(one.benefit for one in choice.benefits if one.benefit.id == benefit_id)
        words = translator(offer.locale)
        currency = benefit.currency or next((item.currency for item in offer.items if item.currency), "")
        covered = self.rules.covered(benefit, customer) if benefit.kind == "protection_plan" else None
        head = self.campaign.head
        code = benefit.code
        if benefit.code_mode == "unique_per_customer":
            code = self._tokens.code(benefit.id, head.id, head.edition, customer.customer_id)
        is_fallback = benefit is self._fallback and choice.profit <= self.campaign.benefit.threshold_minor
        return OfferBenefit(
            benefit_id=benefit.id,
            kind=benefit.kind,
            text=benefit_text(benefit, customer, self.file.loyalty, covered, words, currency),
            conditions=benefit_conditions(benefit, words, currency),
            conditions_url=covered.plan.terms_url if covered else benefit.conditions_url,
            until=last_day(benefit, words),
            code=code,
            why=f"{FALLBACK}: " * is_fallback + f"expected profit {choice.profit / 100:+.2f} {currency}".rstrip(),
        )


@dataclass(frozen=True)
class Wishes:
    """What several readers could get; `reasons` say why not what they cannot."""

    chooser: BenefitChooser
    pairs: Sequence[tuple[Customer, Offer]]
    wishes: list[Wish]
    reasons: list[dict[str, str]]

    def first(self) -> list[Given]:
        """Everybody's first choice, as if there were no caps."""
        return [Given(next(iter(wish.choices), None)) for wish in self.wishes]

    def reserve(self, connection: sa.Connection) -> list[Given]:
        """What caps and budgets leave, written down in the connection's transaction (recsvc.state.writing)."""
        head = self.chooser.campaign.head
        return reserve_within(
            connection, self.wishes, campaign_id=head.id, edition=head.edition, now=self.chooser.now
        )  # fmt: skip

    def granted(self, given: Sequence[Given]) -> list[Offer]:
        """The offers with what their readers were given."""
        return [
            self.chooser.with_benefits(customer, offer, got, {**why_not, **got.refused})
            for (customer, offer), got, why_not in zip(self.pairs, given, self.reasons, strict=True)
        ]


def benefits_of(campaign: Campaign) -> BenefitFile:
    """The campaign's benefits file, and its plans. Raises SettingsError."""
    path = campaign.folder / campaign.benefit.file
    if not path.is_file():
        raise SettingsError(f"file in [benefit] is {campaign.benefit.file!r}; there is no file {path}")
    file = load_benefits(path)
    file.choose(campaign.benefit.choose, "choose in [benefit]")
    if campaign.benefit.fallback:
        file.choose((campaign.benefit.fallback,), "fallback in [benefit]")
    return file
