"""Which items a customer is offered: the engine's lists, slot by slot, no item twice."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from math import nan

from models.scenarios import RANKED_BY
from recsvc.customers.consent import EXISTING_CUSTOMER
from recsvc.customers.table import Customer
from recsvc.engine import Answer, AnsweredItem, Engine, Query
from recsvc.i18n import format_price, translator
from recsvc.offers.campaign import Campaign, Slot
from recsvc.offers.links import web_url
from recsvc.offers.offer import Offer, OfferItem, OfferSlot
from recsvc.offers.prices import Claims
from recsvc.offers.similar_goods import SimilarGoods
from recsvc.offers.targets import Targets
from recsvc.offers.tokens import MailTokens
from recsvc.offers.unit_price import unit_price
from recsvc.offers.wording import default_greeting, default_heading, fill
from recsvc.plain import one_line

# Their headings say something about each item that is not true of a filler, so they stay short instead.
UNFILLED = ("again", "complements", "similar")
# What these show depends on the last order.
OF_LAST_ORDER = ("complements", "similar")
MOST_LAST_BOUGHT = 20
MOST_ASKED = 100  # where only similar goods may be shown, most of a list falls away
NO_ITEMS: tuple[str, ...] = ()


class OfferMaker:
    """Makes the offers of one campaign from one engine at one moment; `locale` writes to everybody in that one.

    `tokens` makes each reader's own links; without them the mail is only to be looked at. Without `claims` no reduction
    is announced; `similar` says what may be offered to those who never agreed but bought.
    """

    def __init__(
        self, campaign: Campaign, engine: Engine, *, now: datetime, locale: str | None = None,
        tokens: MailTokens | None = None, claims: Claims | None = None, similar: SimilarGoods | None = None,
    ) -> None:  # fmt: skip
        self.campaign = campaign
        self.engine = engine
        self.now = now
        self.locale = locale
        self._tokens = tokens if campaign.sender.service_url else None
        self._claims = claims
        self._similar = similar
        self._service = campaign.sender.service_url.rstrip("/")
        # Of these lists the scores are probabilities of a purchase.
        rankers = engine.recommender.rankers
        self._calibrated = {scenario for scenario, ranker in RANKED_BY.items() if ranker in rankers}
        self._targets = Targets(campaign)

    def offers(self, customers: Iterable[Customer]) -> Iterator[Offer]:
        """One offer a customer, in order; one without any items where no slot could be filled."""
        return (offer for _, offer in self.paired(customers))

    def paired(self, customers: Iterable[Customer]) -> Iterator[tuple[Customer, Offer]]:
        """The same, each with its reader."""
        waiting: deque[Customer] = deque()

        def queries() -> Iterator[Query]:
            for customer in customers:
                waiting.append(customer)
                yield from self._queries(customer)

        answers = self.engine.recommend_many(queries(), now=self.now)
        while of_one := list(islice(answers, len(self.campaign.slots))):
            customer = waiting.popleft()
            yield customer, self._offer(customer, of_one)

    def _queries(self, customer: Customer) -> Iterator[Query]:
        locale = self.locale_of(customer)
        distinct = self.campaign.limits.distinct
        seen = tuple(sorted(customer.seen))
        asked = 0
        for slot in self.campaign.slots:
            # Earlier slots may have taken as many as they hold; asked for so many more, this one is full all the same.
            asked = asked + slot.n if distinct else slot.n
            n = MOST_ASKED if customer.email_basis == EXISTING_CUSTOMER else asked
            personal: str | None = customer.customer_id
            scenario, items = slot.scenario, NO_ITEMS
            if not customer.profiling_ok:
                personal, scenario = None, "popular"
            elif scenario in OF_LAST_ORDER:
                items = self.engine.last_bought(customer.customer_id)[:MOST_LAST_BOUGHT]
            yield Query(
                customer_id=personal, items=items, scenario=scenario, n=n, locale=locale, exclude=seen,
                filter=slot.condition, diversity=slot.diversity,
            )  # fmt: skip

    def locale_of(self, customer: Customer) -> str:
        """What this customer is written in."""
        return self.campaign.locale_for(self.locale or customer.locale)

    def _offer(self, customer: Customer, answers: Sequence[Answer]) -> Offer:
        """One reader's offer from the lists of its slots, in their order."""
        locale = self.locale_of(customer)
        words = translator(locale)
        taken: set[str] = set()
        slots: list[OfferSlot] = []
        if customer.email_basis == EXISTING_CUSTOMER and self._similar is not None:
            answers = [self._similar.only(customer.customer_id, answer) for answer in answers]
        for slot, answer in zip(self.campaign.slots, answers, strict=True):
            if not self.campaign.limits.distinct:
                taken = set()
            chosen = self._choose(slot, answer, taken, personal=customer.profiling_ok)
            calibrated = customer.profiling_ok and slot.scenario in self._calibrated
            items = tuple(
                self._item(slot, item, locale, item.score if calibrated and item.source != answer.fallback else nan)
                for item in chosen
            )
            if customer.profiling_ok:
                heading = slot.heading_in(words.language) or default_heading(slot.scenario, words)
                scenario, fallback = slot.scenario, answer.fallback if items else None
            else:
                # What the campaign calls the slot may speak of the reader's taste; this is everybody's.
                heading = "" if any(earlier.items for earlier in slots) else default_heading("popular", words)
                scenario, fallback = "popular", None
            slots.append(OfferSlot(name=slot.name, scenario=scenario, heading=heading, fallback=fallback, items=items))
        if customer.tracking_ok and self._tokens is not None:
            slots = self._with_clicks(customer.customer_id, slots)
        texts = self.campaign.texts[words.language]
        first = next((slot.items[0].title for slot in slots if slot.items), "")
        usual, usual_without_name = default_greeting(words)
        greeting = texts.greeting or usual
        without_name = texts.greeting_without_name or (
            greeting if "{first_name}" not in greeting else usual_without_name
        )
        return Offer(
            campaign_id=self.campaign.id,
            customer_id=customer.customer_id,
            email=customer.email,
            first_name=one_line(customer.first_name or "") or None,
            locale=words.locale.replace("_", "-"),
            language=words.language,
            model_version=answers[0].model_version,
            personal=customer.profiling_ok,
            subject=fill(texts.subject, texts.subject_without_name, first_name=customer.first_name, item=first),
            preheader=fill(texts.preheader, texts.preheader_without_name, first_name=customer.first_name, item=first),
            greeting=fill(greeting, without_name, first_name=customer.first_name, item=first),
            intro=fill(texts.intro, texts.intro_without_name, first_name=customer.first_name, item=first),
            slots=tuple(slots),
            unsubscribe_url=self._unsubscribe_url(customer.customer_id),
            agreed=customer.email_basis != EXISTING_CUSTOMER,
        )

    def _with_clicks(self, customer_id: str, slots: list[OfferSlot]) -> list[OfferSlot]:
        """The same with links that lead over the service, for a reader who agreed that clicks are counted."""
        assert self._tokens is not None
        head, place, counted = self.campaign.head, 0, []
        for slot in slots:
            items = []
            for item in slot.items:
                place += 1
                token = self._tokens.click(head.id, head.edition, customer_id, item.item_id, slot.name, place, self.now)
                items.append(replace(item, link=f"{self._service}/c/{token}"))
            counted.append(replace(slot, items=tuple(items)))
        return counted

    def _unsubscribe_url(self, customer_id: str) -> str:
        """The reader's own link, which one click obeys; without a service the shop's page."""
        if self._tokens is None:
            return self.campaign.sender.unsubscribe_url or self.campaign.sender.shop_url
        return f"{self._service}/u/{self._tokens.unsubscribe(customer_id)}"

    def _choose(self, slot: Slot, answer: Answer, taken: set[str], *, personal: bool) -> list[AnsweredItem]:
        """The first n of an answer that no earlier slot has; adds them, and what they are variants of, to `taken`."""
        if slot.scenario in UNFILLED and not personal:
            return []
        chosen = []
        for item in answer.items:
            if slot.scenario in UNFILLED and answer.fallback is not None and item.source == answer.fallback:
                continue
            names = {f"item {item.product.item_id}"}
            if item.product.item_group_id:
                names.add(f"group {item.product.item_group_id}")
            if names & taken:
                continue
            taken |= names
            chosen.append(item)
            if len(chosen) == slot.n:
                break
        return chosen

    def _item(self, slot: Slot, item: AnsweredItem, locale: str, chance: float) -> OfferItem:
        product = item.product
        amount = product.price if product.sale_price is None else product.sale_price
        claim = self._claims.of(product.item_id) if self._claims is not None and amount is not None else None
        measure = product.unit_pricing_measure
        return OfferItem(
            item_id=product.item_id,
            title=one_line(product.title),
            price="" if amount is None else format_price(amount, product.currency, locale),
            amount=amount,
            currency=product.currency,
            image=web_url(product.image_link) if product.image_link else "",
            link=self._targets.of(slot.name, product.item_id, product.link),
            category=one_line(product.product_type.rpartition(">")[2]),
            reason=item.reason,
            source=item.source,
            lowest="" if claim is None else format_price(claim.lowest, product.currency, locale),
            percent=0 if claim is None else claim.percent,
            unit_price=unit_price(amount, product.currency, measure, locale) if amount and measure else "",
            chance=chance,
        )
