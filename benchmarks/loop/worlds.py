"""One shop in several worlds that differ in nothing but who makes the lists.

Three whole worlds, not three arms of one experiment: arms would share one model, which would learn from what the other
arms sold, and would compare different customers. Here each customer lives in every world with the same luck, so that
the difference is the lists' alone, week after week, with all that retraining makes of it. What `recsvc kpis` finds of
it in an experiment, where nobody lives twice, a fourth world shows (`BOTH`).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.loop.lists import Counts
from benchmarks.loop.people import LOOK, Bought, Ints, People
from benchmarks.loop.service import Listed, Reader, Service, recsvc, running, train
from benchmarks.loop.shop import Shop, draw_shop, write_customers, write_products, write_purchases
from benchmarks.loop.shop import ShopSettings as Settings
from recsvc.client import Event
from recsvc.offers.holdout import held_out

N_LIST, N_MAIL, HOLDOUT = 10, 4, 0.2
WEEK = 7
WINDOW_DAYS = 56  # everything that anybody does after the first list or mail counts
# What a small shop's weekly training need not spend: windows beyond two, and a ranker of carts that no list here uses.
CONFIG = f"""[ranker]
windows = 2
[complements]
carts = 0
[measure]
window_days = {WINDOW_DAYS}

[placements.start]
scenario = "popular"
n = {N_LIST}

[placements.start-recsvc]
scenario = "home"
n = {N_LIST}
"""
EXPERIMENT = """
[experiments.start]
placement = "start"
arms.popular = {share = 0.5}
arms.recsvc = {share = 0.5, placement = "start-recsvc"}
"""


@dataclass(frozen=True)
class Maker:
    """Who makes the lists of a world: recsvc, by what it is `asked` and the scenario of its mails; or, where it is not
    asked, the `counted` purchases up to yesterday, which no weekly training delays."""

    name: str
    asked: dict[str, Any] | None = None
    mailed: str = ""
    counted: Callable[[Counts, Ints, int], Ints] = Counts.own_lists
    config: str = CONFIG


RECSVC = Maker("recsvc", {"scenario": "home", "n": N_LIST}, "home")
POPULAR = Maker("popular", counted=Counts.popular_lists)
OWN = Maker("own purchases")
BOTH = Maker("experiment", {"placement": "start"}, "popular", config=CONFIG + EXPERIMENT)


@dataclass(frozen=True, eq=False)
class Past:
    """The shop on the day before the first list of recsvc: its history as files, and a model trained on it."""

    shop: Shop
    people: People
    counts: Counts
    folder: Path
    first_day: int
    weeks: int
    end: datetime
    orders: int = 0
    revenue: float = 0.0

    def moment(self, day: int, customer: int = 0) -> datetime:
        """When a customer comes on a day: always at the same hour."""
        start = self.end - timedelta(days=self.first_day + self.weeks * WEEK)
        return start + timedelta(days=day, hours=8 + customer % 12, minutes=customer % 60)


@dataclass(eq=False)
class Told:
    """What a world earned. `margin` and `revenue` a customer, `listed` of them from lists; `weekly` margin a week;
    `figures` are those of `recsvc kpis`, where recsvc was there to say, and `books` are orders
    and revenue of all weeks, as the shop itself counts them."""

    name: str
    margin: NDArray[np.float64]
    revenue: NDArray[np.float64]
    weekly: NDArray[np.float64]
    orders: int = 0
    lines: int = 0
    listed: int = 0
    lists: int = 0
    clicks: int = 0
    mails: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    books: tuple[int, float] = (0, 0.0)


def live_through_the_past(settings: Settings, folder: Path, *, history_weeks: int, weeks: int) -> Past:
    """The weeks before, in which everybody saw what is popular; then the first training. Simulated time ends so long
    ago that the figures' windows are over."""
    shop = draw_shop(settings)
    people, counts = People(shop), Counts(shop)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    past = Past(shop, people, counts, folder, history_weeks * WEEK, weeks, today - timedelta(days=WINDOW_DAYS))
    lines: list[tuple[int, int, str, str]] = []
    for day in range(past.first_day):
        who = people.visitors(day)
        bought, _ = visit(people, who, counts.popular_lists(who, N_LIST), day)
        for customer, item in zip(bought.customer.tolist(), bought.item.tolist(), strict=True):
            lines.append((customer, item, f"order-{day}-{customer}", past.moment(day, customer).isoformat()))
        people.end_day(day, bought)
        counts.end_day(bought)
    write_purchases(shop, lines, folder / "purchases.csv")
    write_products(shop, folder / "products.csv")
    write_customers(shop, folder / "customers.csv")
    orders = len({order for _, _, order, _ in lines})
    past = replace(
        past, orders=orders, revenue=float(sum(round(float(shop.price[item]), 2) for _, item, _, _ in lines))
    )
    (folder / "recsvc.toml").write_text(CONFIG, encoding="utf-8")
    train(folder / "store", folder, live=False)
    recsvc("customers", "import", folder / "customers.csv", "--store", folder / "store", "--quiet")
    return past


def visit(
    people: People, who: Ints, lists: Ints, day: int, mailed: Ints | None = None
) -> tuple[Bought, list[tuple[int, int]]]:  # fmt: skip
    """Everybody reads their list and shops: lines bought, and clicks as (row of `who`, item).

    `mailed` are the items of mails that brought a visitor, −1 for nothing, a row each.
    """
    shop = people.shop
    scores = people.utility(who, day) + people.mood(day)[who]
    taken = np.zeros((len(who), shop.settings.categories), np.bool_)
    from_mail = [] if mailed is None else people.look(scores, mailed, np.zeros(mailed.shape, np.float32), taken).bought
    shown = people.look(scores, lists, people.luck(day, LOOK, lists.shape[1])[who], taken)
    alone = people.shop_on(who, day, scores, taken)
    rows = [*from_mail, *shown.bought, *alone]
    pairs = np.array(rows, np.int64).reshape(-1, 2)
    listed = np.arange(len(rows)) < len(rows) - len(alone)
    return Bought(who[pairs[:, 0]], pairs[:, 1], listed), shown.clicked


def live(past: Past, maker: Maker, say: Callable[[str], None] = lambda _: None) -> Told:
    """All weeks in the world of one maker."""
    folder = past.folder / maker.name.replace(" ", "-")
    folder.mkdir()
    for name in ("purchases.csv", "products.csv"):
        (folder / name).symlink_to(past.folder / name)
    (folder / "recsvc.toml").write_text(maker.config, encoding="utf-8")
    opened = nullcontext() if maker.asked is None else running(past.folder / "store", folder / "store", folder)
    with opened as service:
        world = World(past, maker, service)
        for week in range(past.weeks):
            if service is not None and week:
                service.retrain()
            world.live_a_week(week)
            say(f"{maker.name}: week {week + 1}, margin {world.told.weekly[week]:,.0f}")
    if service is not None:
        # Of all that ever happened, the history too.
        world.told.figures = service.kpis((datetime.now(UTC) - past.moment(0)).days + 1)
        world.told.books = past.orders + world.told.orders, past.revenue + float(world.told.revenue.sum())
    return world.told


class World:
    """One maker's world on its way."""

    def __init__(self, past: Past, maker: Maker, service: Service | None) -> None:
        self.past, self.maker, self.service = past, maker, service
        self.people, self.counts = past.people.copy(), past.counts.copy()
        size = len(past.shop.visits)
        self.told = Told(maker.name, np.zeros(size), np.zeros(size), np.zeros(past.weeks))
        self._item = {past.shop.item_id(item): item for item in range(len(past.shop.category))}
        self._customer = {past.shop.customer_id(customer): customer for customer in range(size)}

    def live_a_week(self, week: int) -> None:
        """The mail on the first day, then seven days of visits."""
        first = self.past.first_day + week * WEEK
        clicks = self._mail(week, first)
        for day in range(first, first + WEEK):
            self._live_a_day(week, day, clicks if day == first else {})

    def _mail(self, week: int, day: int) -> dict[int, list[int]]:
        """Write to everybody but the held out; customer → items clicked."""
        edition = f"week-{week + 1}"
        if self.service is None:
            readers = self._counted_mails()
        else:
            readers = self.service.mail(edition, self.maker.mailed, n=N_MAIL, holdout=HOLDOUT)
        self.told.mails += len(readers)
        who = np.array([self._customer[reader.customer_id] for reader in readers], np.int64)
        lists = self._as_lists([reader.items for reader in readers], N_MAIL)
        _, clicked = self.people.open_mails(who, lists, day)
        by_customer: dict[int, list[int]] = {}
        rows = {int(customer): row for row, customer in enumerate(who.tolist())}
        for customer, item in clicked:
            by_customer.setdefault(customer, []).append(item)
            if self.service is not None:
                reader = readers[rows[customer]]
                self.service.follow(reader.links[reader.items.index(self.past.shop.item_id(item))])
        if self.service is not None:
            self.service.date_mails(edition, self.past.moment(day) - timedelta(hours=2))
        return by_customer

    def _counted_mails(self) -> list[Reader]:
        ids = [name for name in self._customer if not held_out(HOLDOUT, "", "weekly", name)]
        lists = self.maker.counted(self.counts, np.array([self._customer[name] for name in ids]), N_MAIL)
        return [
            Reader(name, [self.past.shop.item_id(item) for item in items], [])
            for name, items in zip(ids, lists.tolist(), strict=True)
        ]

    def _live_a_day(self, week: int, day: int, clicks: dict[int, list[int]]) -> None:
        shop, told = self.past.shop, self.told
        who = np.union1d(self.people.visitors(day), np.array(list(clicks), np.int64)).astype(np.int64)
        mailed = np.full((len(who), N_MAIL), -1, np.int64)
        for row, customer in enumerate(who.tolist()):
            items = clicks.get(customer, [])
            mailed[row, : len(items)] = items
        ids = [shop.customer_id(customer) for customer in who.tolist()]
        listed: list[Listed] = []
        if self.service is None:
            lists = self.maker.counted(self.counts, who, N_LIST)
        else:
            listed = self.service.lists(ids, self.maker.asked or {})
            lists = self._as_lists([one.items for one in listed], N_LIST)
        bought, clicked = visit(self.people, who, lists, day, mailed)
        if self.service is not None:
            self.service.tell(list(self._events(day, who, listed, clicked, bought)))
        self.people.end_day(day, bought)
        self.counts.end_day(bought)
        np.add.at(told.margin, bought.customer, shop.margin[bought.item])
        np.add.at(told.revenue, bought.customer, np.round(shop.price[bought.item].astype(np.float64), 2))
        told.weekly[week] += float(shop.margin[bought.item].sum())
        told.orders += len(np.unique(bought.customer))
        told.lines += len(bought.item)
        told.listed += int(bought.listed.sum())
        told.lists += len(who)
        told.clicks += len({row for row, _ in clicked})

    def _events(
        self, day: int, who: Ints, listed: Sequence[Listed], clicked: Iterable[tuple[int, int]], bought: Bought
    ) -> Iterable[Event]:
        shop, moment = self.past.shop, self.past.moment

        def event(kind: Any, customer: int, seconds: int, **more: Any) -> Event:
            at = moment(day, customer) + timedelta(seconds=seconds)
            name = f"{kind}-{day}-{customer}-{seconds}"
            known = {"type": kind, "event_id": name, "customer_id": shop.customer_id(customer)}
            return cast(Event, {**known, "timestamp": at.isoformat(), **more})

        for row, customer in enumerate(who.tolist()):
            if listed[row].items:
                yield event("impression", customer, 0, recommendation_id=listed[row].recommendation_id)
        for number, (row, item) in enumerate(clicked):
            shown = listed[row].recommendation_id
            one = event("click", int(who[row]), 10, recommendation_id=shown, items=[shop.item_id(item)])
            yield {**one, "event_id": f"click-{day}-{number}"}
        baskets: dict[int, list[int]] = {}
        for customer, item in zip(bought.customer.tolist(), bought.item.tolist(), strict=True):
            baskets.setdefault(customer, []).append(item)
        for customer, items in baskets.items():
            lines = [{"item_id": shop.item_id(item), "price": round(float(shop.price[item]), 2)} for item in items]
            yield event("purchase", customer, 60, order_id=f"order-{day}-{customer}", items=lines, currency="EUR")

    def _as_lists(self, ids: Sequence[Sequence[str]], n: int) -> Ints:
        """Item ids as rows of numbers; −1 where a list is shorter."""
        lists = np.full((len(ids), n), -1, np.int64)
        for row, items in enumerate(ids):
            lists[row, : len(items)] = [self._item[item] for item in items[:n]]
        return lists
