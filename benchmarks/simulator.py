"""A simulated shop with a known true uplift: are the intervals and verdicts of recsvc.measure right?

    python -m benchmarks.simulator [--runs 400] [--customers 12000] [--days 28]

Customers differ in how often they order (gamma), in what an order is worth (lognormal) and by weekday. A campaign makes
those who are mailed order more often by the true uplift; a share of all is held out. Each run draws a shop anew,
looks at the running campaign every day as a curious manager does, and judges it when its window is over.
"""

import argparse
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsvc.measure.comparing import Shares, Verdict, compare_amounts, compare_shares
from recsvc.measure.interval import Interval

BEFORE_DAYS = 90
WEEK = np.array([0.8, 0.8, 0.9, 0.9, 1.2, 1.5, 0.9])


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true: `uplift` of the rate of orders, a customer's orders a day (gamma with `shape` and `orders_a_day` on
    average), and what an order is worth (log-normal over customers and over orders)."""

    customers: int = 12_000
    days: int = 28
    holdout: float = 0.3
    uplift: float = 0.0
    orders_a_day: float = 0.02
    shape: float = 0.8
    worth: float = 30.0
    spread_of_customers: float = 0.5
    spread_of_orders: float = 0.6

    def conversion(self, factor: float) -> float:
        """The true share of customers with an order in the window: of a gamma mixture of Poisson processes."""
        scale = self.orders_a_day / self.shape * factor
        return float(1 - (1 + scale * WEEK[np.arange(self.days) % 7].sum()) ** -self.shape)

    def revenue(self, factor: float) -> float:
        """The true revenue of one customer in the window."""
        middle = self.worth * np.exp((self.spread_of_customers**2 + self.spread_of_orders**2) / 2)
        return float(self.orders_a_day * factor * WEEK[np.arange(self.days) % 7].sum() * middle)


@dataclass(frozen=True, eq=False)
class Campaign:
    """One shop drawn: who was mailed, and by day (rows) what each customer had bought so far."""

    mailed: NDArray[np.bool_]
    bought: NDArray[np.bool_]
    revenue: NDArray[np.float64]
    earlier: NDArray[np.float64]


def draw(world: World, rng: np.random.Generator) -> Campaign:
    """A shop, its campaign and what came of it."""
    mailed = rng.random(world.customers) >= world.holdout
    rate = rng.gamma(world.shape, world.orders_a_day / world.shape, world.customers)
    worth = world.worth * rng.lognormal(0.0, world.spread_of_customers, world.customers)
    week = WEEK[np.arange(world.days) % 7]
    orders = rng.poisson(week[:, None] * rate * np.where(mailed, 1 + world.uplift, 1.0))
    spent = np.zeros(orders.shape)
    spent[orders > 0] = _spent(orders[orders > 0], np.broadcast_to(worth, orders.shape)[orders > 0], world, rng)
    before = rng.poisson(rate * BEFORE_DAYS)
    earlier = np.zeros(world.customers)
    earlier[before > 0] = _spent(before[before > 0], worth[before > 0], world, rng)
    return Campaign(mailed, orders.cumsum(axis=0) > 0, spent.cumsum(axis=0), earlier)


def _spent(
    orders: NDArray[np.int64], worth: NDArray[np.float64], world: World, rng: np.random.Generator
) -> NDArray[np.float64]:  # fmt: skip
    """The sum of so many orders of a customer, each worth something else."""
    each = rng.lognormal(0.0, world.spread_of_orders, int(orders.sum()))
    starts = np.concatenate(([0], orders.cumsum()[:-1]))
    return np.asarray(np.add.reduceat(each, starts) * worth, np.float64)


@dataclass
class Tally:
    """Over all runs: how often each interval held the truth, and how often a verdict was said at any look."""

    runs: int = 0
    held: Counter[str] = field(default_factory=Counter)
    said_at_the_end: Counter[Verdict] = field(default_factory=Counter)
    said_at_any_look: Counter[Verdict] = field(default_factory=Counter)

    def share(self, counts: int) -> float:
        return counts / self.runs


def simulate(world: World, runs: int, seed: int) -> Tally:
    """Draw and judge so many campaigns."""
    rng, tally = np.random.default_rng(seed), Tally()
    difference = world.conversion(1 + world.uplift) - world.conversion(1.0)
    more = world.revenue(1 + world.uplift) - world.revenue(1.0)
    for _ in range(runs):
        campaign = draw(world, rng)
        mailed, held = campaign.mailed, ~campaign.mailed
        tally.runs += 1
        said: set[Verdict] = set()
        always = True
        for day in range(world.days - 1):
            shares = _shares(campaign, day, running=True)
            said.add(shares.verdict)
            elapsed = World(**{**world.__dict__, "days": day + 1})
            true = elapsed.conversion(1 + world.uplift) - elapsed.conversion(1.0)
            always &= shares.verdict is Verdict.NOT_ENOUGH or _holds(shares.difference, true)
        shares = _shares(campaign, world.days - 1, running=False)
        amounts = compare_amounts(
            campaign.revenue[-1][mailed], campaign.revenue[-1][held],
            before=(campaign.earlier[mailed], campaign.earlier[held]), buyers=int(campaign.bought[-1].sum()),
            running=False,
        )  # fmt: skip
        tally.said_at_the_end[shares.verdict] += 1
        tally.said_at_any_look.update(said | {shares.verdict})
        tally.held["conversion"] += _holds(shares.difference, difference)
        tally.held["revenue"] += _holds(amounts.difference, more)
        tally.held["relative revenue"] += _holds(amounts.relative, world.uplift)
        tally.held["every day at once"] += always
    return tally


def _shares(campaign: Campaign, day: int, *, running: bool) -> Shares:
    mailed, bought = campaign.mailed, campaign.bought[day]
    one, zero = int(bought[mailed].sum()), int(bought[~mailed].sum())
    return compare_shares(one, int(mailed.sum()), zero, int((~mailed).sum()), running=running)


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--customers", type=int, default=12_000)
    parser.add_argument("--days", type=int, default=28)
    given = parser.parse_args()
    for uplift, seed in ((0.1, 1), (0.0, 2)):
        world = World(customers=given.customers, days=given.days, uplift=uplift)
        tally = simulate(world, given.runs, seed)
        print(f"true uplift {uplift:.0%}, {tally.runs} campaigns of {world.customers:,} customers")
        for name, count in tally.held.items():
            print(f"  the interval of {name} holds the truth in {tally.share(count):.1%}")
        for name, counts in (("at the end", tally.said_at_the_end), ("at any daily look", tally.said_at_any_look)):
            told = ", ".join(f"{verdict} {tally.share(counts[verdict]):.1%}" for verdict in Verdict)
            print(f"  said {name}: {told}")


if __name__ == "__main__":
    main()
