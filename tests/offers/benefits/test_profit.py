"""The benefit that is chosen is the most profitable of all that may be given: checked by hand and by brute force."""

import random
from itertools import chain, combinations

import pytest

from recsvc.offers.benefits.profit import Eligible, Ware, unit_cost, valued
from recsvc.offers.benefits.schema import Benefit, Cost, Kind, Loyalty, Stack

LOYALTY = Loyalty(point_value_minor=1, breakage=0.25)
URL = "https://shop.example/conditions"


def benefit(name: str, kind: Kind = "percent", value: int = 1000, **more: object) -> Benefit:
    values = {"conditions_url": URL, "currency": "EUR" if kind == "amount" else "", **more}
    return Benefit(id=name, kind=kind, value=value, **values)  # type: ignore[arg-type]


def test_by_hand() -> None:
    # One item of 20.00 with 8.00 margin, bought with 10 %: without a benefit 0.80. 10 % off, bought half as often
    # again: 0.15 × 8.00 = 1.20, less 0.15 × 2.00 = 0.30: 0.90, so the benefit earns 0.10.
    wares = [Ware("a", "", 2000, 800, 0.1)]
    (only,) = valued([Eligible(benefit("b", uplift=0.5), (0,))], wares, LOYALTY, most=1)
    assert only.profit == pytest.approx(10)
    assert only.costs == (200,)


@pytest.mark.parametrize(
    ("one", "spent", "cost"),
    [
        (benefit("b"), 3000, 300),
        (benefit("b", min_basket_minor=5000), 3000, 500),
        (benefit("b", max_discount_minor=200), 3000, 200),
        (benefit("b", "amount", 500), 3000, 500),
        (benefit("b", "points", 200), 3000, 150),
        (benefit("b", "free_shipping", 0, cost=Cost(expected_unit_minor=490)), 3000, 490),
        (benefit("b", "gift", 0, cost=Cost(expected_unit_minor=120), funding="partner"), 3000, 0),
    ],
)
def test_what_a_redeemed_benefit_costs(one: Benefit, spent: float, cost: float) -> None:
    assert unit_cost(one, spent, LOYALTY) == cost


def test_a_benefit_without_uplift_only_costs() -> None:
    (only,) = valued([Eligible(benefit("b"), (0,))], [Ware("a", "", 2000, 800, 0.1)], LOYALTY, most=1)
    assert only.profit == pytest.approx(-20)


def test_a_plan_earns_its_commission_as_often_as_it_is_taken() -> None:
    plan = benefit("p", "protection_plan", 0, plans="plans.csv", uplift=0.02)
    (only,) = valued([Eligible(plan, (), commission=500)], [], LOYALTY, most=1)
    assert only.profit == pytest.approx(10)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (Stack(exclusive=True), Stack(exclusive=False), False),
        (Stack(exclusive=False, group="x"), Stack(exclusive=False, group="x"), False),
        (Stack(exclusive=False, group="x"), Stack(exclusive=False, group="y"), True),
        (Stack(exclusive=False), Stack(exclusive=False), True),
        (Stack(combines_with=("b",)), Stack(combines_with=("a",)), True),
        (Stack(combines_with=("b",)), Stack(), False),
    ],
)
def test_stacking(first: Stack, second: Stack, together: bool) -> None:
    both = [Eligible(benefit("a", stack=first), (0,)), Eligible(benefit("b", stack=second), (0,))]
    sets = valued(both, [Ware("a", "", 2000, 800, 0.1)], LOYALTY, most=2)
    assert (("a", "b") in [one.ids for one in sets]) is together


def brute_force(eligible: list[Eligible], wares: list[Ware], most: int) -> tuple[float, set[tuple[str, ...]]]:
    """The best profit over all allowed sets, written anew and plainly, and the sets that reach it."""

    def allowed(chosen: tuple[Eligible, ...]) -> bool:
        for x, y in combinations([one.benefit for one in chosen], 2):
            named = y.id in x.stack.combines_with and x.id in y.stack.combines_with
            if not named and (x.stack.exclusive or y.stack.exclusive or (x.stack.group == y.stack.group != "")):
                return False
        return True

    def earns(chosen: tuple[Eligible, ...]) -> float:
        chance = {}
        for place, ware in enumerate(wares):
            lift = sum(one.benefit.uplift for one in chosen if place in one.wares)
            chance[place] = min(1.0, ware.chance * (1 + lift))
        total = sum(chance[place] * ware.margin for place, ware in enumerate(wares))
        for one in chosen:
            missed = 1.0
            for place in one.wares:
                missed *= 1 - chance[place]
            spent = sum(chance[place] * wares[place].price for place in one.wares)
            used = 1 - missed
            cost = unit_cost(one.benefit, spent / used if used else 0.0, LOYALTY)
            total -= used * cost + one.benefit.cost.fixed_minor
        return total

    sets = [s for s in chain.from_iterable(combinations(eligible, n) for n in range(1, most + 1)) if allowed(s)]
    profits = {tuple(one.benefit.id for one in chosen): earns(chosen) - earns(()) for chosen in sets}
    best = max(profits.values())
    return best, {ids for ids, profit in profits.items() if profit > best - 1e-6}


@pytest.mark.parametrize("customer", range(50))
def test_brute_force_agrees_for_fifty_customers(customer: int) -> None:
    rng = random.Random(customer)
    wares = [
        Ware(f"i{place}", "", price := rng.randint(100, 9000), price * rng.uniform(0.1, 0.6), rng.uniform(0.001, 0.4))
        for place in range(rng.randint(1, 8))
    ]
    stacks = [Stack(exclusive=rng.random() < 0.4, group=rng.choice(["", "x", "y"])) for _ in range(6)]
    carriage, present = Cost(expected_unit_minor=490), Cost(expected_unit_minor=150, fixed_minor=5)
    benefits = [
        benefit("percent", value=rng.choice([500, 1000, 2000]), uplift=rng.random(), stack=stacks[0]),
        benefit("capped", max_discount_minor=300, uplift=rng.random(), stack=stacks[1], min_basket_minor=4000),
        benefit("amount", "amount", rng.randint(100, 900), uplift=rng.random(), stack=stacks[2]),
        benefit("points", "points", rng.randint(50, 900), uplift=rng.random() / 3, stack=stacks[3]),
        benefit("delivery", "free_shipping", 0, uplift=rng.random(), cost=carriage, stack=stacks[4]),
        benefit("gift", "gift", 0, uplift=rng.random(), cost=present, stack=stacks[5]),
    ]
    places = range(len(wares))
    eligible = [Eligible(one, tuple(sorted(rng.sample(places, rng.randint(1, len(wares)))))) for one in benefits]
    for most in (1, 2, 3):
        best = valued(eligible, wares, LOYALTY, most=most)[0]
        profit, winners = brute_force(eligible, wares, most)
        assert best.profit == pytest.approx(profit)
        assert best.ids in winners
