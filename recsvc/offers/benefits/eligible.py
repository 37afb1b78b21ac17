"""Who may have which benefit, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from recsvc.customers.table import Customer
from recsvc.engine import Engine
from recsvc.offers.benefits.plans import Plan
from recsvc.offers.benefits.profit import Eligible, Ware
from recsvc.offers.benefits.schema import Benefit, BenefitFile, moment
from recsvc.offers.lifecycle import STAGES, Lifecycle
from recsvc.offers.targeting import today_of

LEAST_VALIDITY = timedelta(days=3)  # who reads the mail on the next day must still have time
NOT_RUNNING, TOO_LATE, NO_ITEM = "not running", "ends too soon", "nothing in the mail that it applies to"
SEGMENT, TIER, STAGE, POINTS = "another segment", "another tier", "another lifecycle stage", "not enough points"
FIRST_ORDER, TOO_RECENT, NO_PLAN = "has ordered before", "ordered too recently", "no purchase that a plan fits"
MOST_KEPT = 100_000
TOP_TIER, NO_PROFILE = "no next tier", "no consent to a profile"


@dataclass(frozen=True, slots=True)
class Covered:
    """A purchase that a protection plan fits."""

    plan: Plan
    item_id: str
    title: str


class Rules:
    """The rules of a file of benefits at one moment, with one model."""

    def __init__(self, file: BenefitFile, engine: Engine, *, now: datetime) -> None:
        self._file = file
        self._engine = engine
        self.today = today_of(engine, now)
        self._items = {benefit.id: frozenset(benefit.eligibility.item_ids) for benefit in file.benefits}
        self._closed = {benefit.id: _closed(benefit, now) for benefit in file.benefits}
        self._applying: dict[str, frozenset[str]] = {}

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """Where the customers stand; computed when a benefit first asks."""
        return Lifecycle.of(self._engine.recommender.histories, self.today)

    def eligible(self, benefit: Benefit, customer: Customer, wares: Sequence[Ware]) -> Eligible | str:
        """The benefit with what it applies to, or why this reader cannot have it."""
        reason = self._unfit(benefit, customer)
        if reason is not None:
            return reason
        if benefit.kind == "protection_plan":
            covered = self.covered(benefit, customer)
            return Eligible(benefit, (), covered.plan.commission) if covered is not None else NO_PLAN
        known, name = self._applying, benefit.id
        places = tuple(
            [
                place
                for place, ware in enumerate(wares)
                if name in (known.get(ware.item_id) or self._of_item(ware))
            ]
        )  # fmt: skip
        return Eligible(benefit, places) if places else NO_ITEM

    def covered(self, benefit: Benefit, customer: Customer) -> Covered | None:
        """The dearest of the last purchases that one of the benefit's plans fits, with that plan."""
        if not customer.profiling_ok:
            return None
        plans = self._file.plans[benefit.id]
        window = max(plan.window_days for plan in plans)
        bought = recent_purchases(self._engine, customer.customer_id, self.today, window)
        for price, item_id, title, category, days in sorted(bought, reverse=True):
            for plan in plans:
                if plan.fits(category, price, days):
                    return Covered(plan, item_id, title)
        return None

    def _unfit(self, benefit: Benefit, customer: Customer) -> str | None:
        closed, rules = self._closed[benefit.id], benefit.eligibility
        if closed is not None:
            return closed
        if rules.segments and customer.segment not in rules.segments:
            return SEGMENT
        if rules.tiers and customer.tier not in rules.tiers:
            return TIER
        if (rules.min_points or benefit.kind == "loyalty") and (customer.points or 0) < max(rules.min_points, 1):
            return POINTS
        if benefit.kind == "loyalty" and self._file.loyalty.next_tier(customer.points or 0) is None:
            return TOP_TIER
        return self._unfit_by_purchases(benefit, customer)

    def _unfit_by_purchases(self, benefit: Benefit, customer: Customer) -> str | None:
        rules = benefit.eligibility
        if not (rules.stages or rules.first_order_only or rules.min_days_since_order):
            return None
        if not customer.profiling_ok:
            return NO_PROFILE
        place = self._engine.customers.find(customer.customer_id)
        stage = self.lifecycle.name(place)
        if rules.stages and stage not in rules.stages:
            return STAGE
        if rules.first_order_only and stage != STAGES[0]:
            return FIRST_ORDER
        if place >= 0 and self.today - int(self.lifecycle.last[place]) < rules.min_days_since_order:
            return TOO_RECENT
        return None

    def _of_item(self, ware: Ware) -> frozenset[str]:
        """The benefits that apply to a ware: by item and category alone, so it is worked out once an item."""
        known = self._applying.get(ware.item_id)
        if known is None:
            if len(self._applying) >= MOST_KEPT:
                self._applying.clear()
            known = frozenset(
                benefit.id
                for benefit in self._file.benefits
                if (not self._items[benefit.id] or ware.item_id in self._items[benefit.id])
                and _in_categories(benefit, ware)
            )
            self._applying[ware.item_id] = known
        return known


def recent_purchases(engine: Engine, customer_id: str, today: int, days: int) -> list[tuple[int, str, str, str, int]]:
    """(price in minor units, item, title, category path, days ago) of what a customer bought in the last `days`; the
    price is today's, for the histories have none."""
    place = engine.customers.find(customer_id)
    if place < 0:
        return []
    histories, catalogue = engine.recommender.histories, engine.catalogue
    found = []
    for at in range(int(histories.indptr[place]), int(histories.indptr[place + 1])):
        ago, item = today - int(histories.day[at]), int(histories.item[at])
        price = float(catalogue.numbers["price"][item])
        if 0 <= ago <= days and price == price:
            texts = catalogue.texts
            path = texts["product_type"][item]
            found.append((round(price * 100), catalogue.items[item], texts["title"][item], path, ago))
    return found


def _closed(benefit: Benefit, now: datetime) -> str | None:
    if not benefit.running(now):
        return NOT_RUNNING
    end = moment(benefit.valid_until)
    return TOO_LATE if end is not None and end < now + LEAST_VALIDITY else None


def _in_categories(benefit: Benefit, ware: Ware) -> bool:
    rules = benefit.eligibility
    if any(in_category(name, ware.category) for name in rules.exclude_categories):
        return False
    return not rules.include_categories or any(in_category(name, ware.category) for name in rules.include_categories)


@lru_cache(maxsize=100_000)
def in_category(wanted: str, path: str) -> bool:
    """Whether a category path is or lies below a path, or has it as one of its words; upper and lower case alike."""
    words = tuple(word.strip().lower() for word in path.split(">"))
    target = tuple(word.strip().lower() for word in wanted.split(">"))
    return words[: len(target)] == target or (len(target) == 1 and target[0] in words)
