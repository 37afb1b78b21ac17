"""Which items a customer is offered: the engine's lists, slot by slot, no item twice."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from math import nan

from models.scenarios import RANKED_BY
from recsvc.customers.consent import EXISTING_CUSTOMER
from recsvc.customers.table import Customer
from recsvc.engine import Answer, AnsweredItem, Engine, Query
from recsvc.i18n import translator
from recsvc.offers.campaign import Campaign, Slot
from recsvc.offers.offer import Offer, OfferSlot
from recsvc.offers.prices import Claims
from recsvc.offers.showing import ShownItems
from recsvc.offers.similar_goods import SimilarGoods
from recsvc.offers.targets import Targets
from recsvc.offers.tokens import MailTokens, last_click_day
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
        self._similar = similar
        self._click_day = last_click_day(now)
        self._service = campaign.sender.service_url.rstrip("/")
        # Of these lists the scores are probabilities of a purchase.
        rankers = engine.recommender.rankers
        self._calibrated = {scenario for scenario, ranker in RANKED_BY.items() if ranker in rankers}
        self._shown = ShownItems(Targets(campaign), claims)

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
        taken: set[str | tuple[str]] = set()
        slots: list[OfferSlot] = []
        counted, shown = customer.tracking_ok and self._tokens is not None, 0
        if customer.email_basis == EXISTING_CUSTOMER and self._similar is not None:
            answers = [self._similar.only(customer.customer_id, answer) for answer in answers]
        for slot, answer in zip(self.campaign.slots, answers, strict=True):
            if not self.campaign.limits.distinct:
                taken = set()
            chosen = self._choose(slot, answer, taken, personal=customer.profiling_ok)
            calibrated = customer.profiling_ok and slot.scenario in self._calibrated
            items = tuple(
                self._shown.make(
                    item, slot.name, locale,
                    chance=item.score if calibrated and item.source != answer.fallback else nan,
                    link=self._click(customer.customer_id, item, slot.name, place) if counted else None,
                )
                for place, item in enumerate(chosen, shown + 1)
            )  # fmt: skip
            shown += len(items)
            if customer.profiling_ok:
                heading = slot.heading_in(words.language) or default_heading(slot.scenario, words)
                scenario, fallback = slot.scenario, answer.fallback if items else None
            else:
                # What the campaign calls the slot may speak of the reader's taste; this is everybody's.
                heading = "" if any(earlier.items for earlier in slots) else default_heading("popular", words)
                scenario, fallback = "popular", None
            slots.append(OfferSlot(name=slot.name, scenario=scenario, heading=heading, fallback=fallback, items=items))
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

    def _click(self, customer_id: str, item: AnsweredItem, slot: str, place: int) -> str:
        """A link over the service, for a reader who agreed that clicks are counted; `place` from 1."""
        assert self._tokens is not None
        head = self.campaign.head
        token = self._tokens.click(
            head.id, head.edition, customer_id, item.product.item_id, slot, place, self._click_day
        )
        return f"{self._service}/c/{token}"

    def _unsubscribe_url(self, customer_id: str) -> str:
        """The reader's own link, which one click obeys; without a service the shop's page."""
        if self._tokens is None:
            return self.campaign.sender.unsubscribe_url or self.campaign.sender.shop_url
        return f"{self._service}/u/{self._tokens.unsubscribe(customer_id)}"

    def _choose(
        self, slot: Slot, answer: Answer, taken: set[str | tuple[str]], *, personal: bool
    ) -> list[AnsweredItem]:
        """The first n of an answer that no earlier slot has; adds them, and their groups as tuples, to `taken`."""
        if slot.scenario in UNFILLED and not personal:
            return []
        chosen = []
        for item in answer.items:
            if slot.scenario in UNFILLED and answer.fallback is not None and item.source == answer.fallback:
                continue
            product = item.product
            group = (product.item_group_id,) if product.item_group_id else product.item_id
            if product.item_id in taken or group in taken:
                continue
            taken.add(product.item_id)
            taken.add(group)
            chosen.append(item)
            if len(chosen) == slot.n:
                break
        return chosen
