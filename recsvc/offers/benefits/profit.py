"""What a benefit is expected to earn with one reader: purchase probability times margin, minus what it costs.

With p_i the probability that the reader buys item i of the mail, m_i its margin and B the benefits given, a purchase
becomes likelier, p_i' = min(1, p_i (1 + sum of the uplifts of those in B that apply to i)), and
    profit(B) = Σ p_i' m_i − Σ_b (R_b · cost_b + fixed_b),   R_b = 1 − Π (1 − p_i') over the items that b applies to.
The profit of a benefit is profit(B) − profit(nothing). All amounts are in minor units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from recsvc.offers.benefits.schema import WHOLE, Benefit, Loyalty


class Ware(NamedTuple):
    """One item of a mail: what it costs the reader, what of it stays with the shop, and how likely it is bought."""

    item_id: str
    category: str
    price: float
    margin: float
    chance: float


@dataclass(frozen=True, slots=True)
class Eligible:
    """A benefit that this reader may have: the places of the wares it applies to; `commission` of a protection plan."""

    benefit: Benefit
    wares: tuple[int, ...]
    commission: float = 0.0


@dataclass(frozen=True, slots=True)
class Valued:
    """Benefits that may be given together, what they earn more than none, and what each costs when redeemed."""

    benefits: tuple[Eligible, ...]
    profit: float
    costs: tuple[int, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple([one.benefit.id for one in self.benefits])


def valued(eligible: Sequence[Eligible], wares: Sequence[Ware], loyalty: Loyalty, *, most: int) -> list[Valued]:
    """Every set of up to `most` benefits that may be given together, the most profitable first.

    Of equal profit the one of higher priority, then the smaller, then the first by id.
    """
    nothing = sum([ware.chance * ware.margin for ware in wares])
    found = []
    for size in range(1, most + 1):
        for chosen in combinations(eligible, size):
            if size == 1 or _go_together(chosen):
                profit, costs = _profit(chosen, wares, loyalty)
                found.append(Valued(chosen, profit - nothing, costs))
    return sorted(found, key=_order) if len(found) > 1 else found


def _order(one: Valued) -> tuple[float, int, int, tuple[str, ...]]:
    ids = one.ids
    return -round(one.profit, 6), -sum([each.benefit.stack.priority for each in one.benefits]), len(ids), ids


def _profit(
    chosen: Sequence[Eligible], wares: Sequence[Ware], loyalty: Loyalty
) -> tuple[float, tuple[int, ...]]:  # fmt: skip
    chances = [ware.chance for ware in wares]
    for one in chosen:
        if one.benefit.kind != "protection_plan":
            for place in one.wares:
                chances[place] += wares[place].chance * one.benefit.uplift
    chances = [min(chance, 1.0) for chance in chances]
    profit = sum([chance * ware.margin for chance, ware in zip(chances, wares, strict=True)])
    costs = []
    for one in chosen:
        benefit = one.benefit
        if benefit.kind == "protection_plan":
            # Nobody buys more for it; `uplift` is the share of readers who take the plan.
            profit += benefit.uplift * one.commission - benefit.cost.fixed_minor
            costs.append(benefit.cost.fixed_minor)
            continue
        none_bought, spent = 1.0, 0.0
        for place in one.wares:
            none_bought *= 1 - chances[place]
            spent += chances[place] * wares[place].price
        redeemed = 1 - none_bought
        unit = unit_cost(benefit, spent / redeemed if redeemed else 0.0, loyalty)
        profit -= redeemed * unit + benefit.cost.fixed_minor
        costs.append(int(-(-unit // 1)) + benefit.cost.fixed_minor)
    return profit, tuple(costs)


def unit_cost(benefit: Benefit, spent: float, loyalty: Loyalty) -> float:
    """What the shop pays when the benefit is redeemed with a purchase of `spent`; a basket below the least is raised to
    it, for only then it is redeemed."""
    if benefit.funding == "partner":
        return 0.0
    if benefit.kind == "percent":
        discount = max(spent, benefit.min_basket_minor) * benefit.value / WHOLE
        return min(discount, benefit.max_discount_minor) if benefit.max_discount_minor else discount
    if benefit.kind == "amount":
        return float(benefit.value)
    if benefit.kind == "points":
        return benefit.value * loyalty.point_value_minor * (1 - loyalty.breakage)
    return float(benefit.cost.expected_unit_minor)


def _go_together(chosen: Sequence[Eligible]) -> bool:
    for one, other in combinations(chosen, 2):
        first, second = one.benefit, other.benefit
        if first.id in second.stack.combines_with and second.id in first.stack.combines_with:
            continue
        if first.stack.exclusive or second.stack.exclusive:
            return False
        if first.stack.group and first.stack.group == second.stack.group:
            return False
    return True
