"""How customers behave: who comes, what of a list they look at, click and buy, what they buy without any list.

A choice depends on true utility alone: style, quality, price, season, habit, whether the category is due, and a mood
that is drawn for each customer, item and day. Nothing here knows who made a list. All chance is drawn for everybody
each day, by seed, day and purpose, so that the same customer has the same luck in every world.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.loop.shop import Floats, Shop

Ints = NDArray[np.int64]
CLICK, BUY = 3.0, 4.0  # what utility and mood must reach: the outside option
OVERLOOK = 0.12  # the place p of a list, from 0, is looked at with chance 1 / (1 + 0.12 p)
DUE_WEIGHT, MOST_OVERDUE, NOT_USED = 2.5, 1.5, -4.0
WANT, SATISFIED, SATISFIED_DAYS = -2.0, 1.5, 14.0
HABIT, HAS_ONE, HAS_ONE_DAYS = 0.5, 3.0, 180.0
REMEMBERS, ELSEWHERE = 0.5, 0.03  # chance a visit that something due comes to mind; a day, that it is bought elsewhere
DUE_FROM = 0.8  # of the category's gap
WANTS_A_VISIT = 0.03
OPENS = 0.3
LONG_AGO = -10_000.0
VISIT, LOOK, MOOD, MIND, FIND, LEAK, OPEN, LOOK_AT_MAIL = range(8)


@dataclass(frozen=True, eq=False)
class Bought:
    """Lines of one day, equal-length arrays: `listed` where a list or mail led to it."""

    customer: Ints
    item: Ints
    listed: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shown:
    """What became of lists: clicked and bought items as (row of the lists, item)."""

    clicked: list[tuple[int, int]]
    bought: list[tuple[int, int]]


class People:
    """The customers of one world from day to day. Days count from 0; `last_item` and `last_category` remember."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        customers, categories = shop.taste.shape
        rng = np.random.default_rng((shop.settings.seed, 1))
        # Everybody begins in the middle of something.
        gap = np.where(np.isfinite(shop.gap), shop.gap, 30.0)
        self.last_category = (-gap * rng.random((customers, categories))).astype(np.float32)
        self.last_item = np.full(shop.fit.shape, LONG_AGO, np.float32)
        self._of_category = [np.flatnonzero(shop.category == number) for number in range(categories)]

    def copy(self) -> "People":
        """The same customers on their way into another world."""
        other = People(self.shop)
        other.last_category, other.last_item = self.last_category.copy(), self.last_item.copy()
        return other

    def luck(self, day: int, purpose: int, columns: int = 0) -> Floats:
        """Uniform numbers, the same in every world; a row a customer."""
        rng = np.random.default_rng((self.shop.settings.seed, 2, day, purpose))
        size = len(self.shop.visits)
        return rng.random((size, columns) if columns else size, dtype=np.float32)

    def mood(self, day: int) -> Floats:
        """Logistic noise of each customer and item."""
        luck = np.clip(self.luck(day, MOOD, len(self.shop.category)), 1e-6, 1 - 1e-6)
        return np.asarray(np.log(luck / (1 - luck)), np.float32)

    def visitors(self, day: int) -> Ints:
        """Who comes on their own."""
        return np.flatnonzero(self.luck(day, VISIT) < self.shop.visits)

    def utility(self, who: Ints, day: int) -> Floats:
        """Of every item for these customers today, without mood."""
        shop = self.shop
        elapsed = day - self.last_category[who]
        used = np.isfinite(shop.gap[who])
        due = DUE_WEIGHT * (np.minimum(elapsed / np.where(used, shop.gap[who], 1.0), MOST_OVERDUE) - 1.0)
        wanted = WANT + shop.taste[who] - SATISFIED * np.exp(-elapsed / SATISFIED_DAYS)
        wants = np.arange(shop.settings.categories) >= shop.settings.consumables
        need = np.where(wants, wanted, np.where(used, due, NOT_USED)) + shop.season(day)
        since = day - self.last_item[who]
        has_one = np.where(wants[shop.category], HAS_ONE * np.exp(-since / HAS_ONE_DAYS), 0.0)
        habit = np.where(self.last_item[who] > LONG_AGO, HABIT, 0.0)
        return np.asarray(shop.fit[who] + need[:, shop.category] + habit - has_one, np.float32)

    def look(self, scores: Floats, lists: Ints, luck: Floats, taken: NDArray[np.bool_]) -> Shown:
        """Read lists (rows as in `scores`; −1 where a list is shorter); `taken` marks categories bought by row."""
        rows, shown = np.arange(len(lists)), Shown([], [])
        for place in range(lists.shape[1]):
            item = lists[:, place]
            seen = (item >= 0) & (luck[:, place] < 1 / (1 + OVERLOOK * place))
            score = scores[rows, item]
            clicked = seen & (score > CLICK)
            bought = clicked & (score > BUY) & ~taken[rows, self.shop.category[item]]
            taken[rows[bought], self.shop.category[item[bought]]] = True
            shown.clicked.extend(zip(rows[clicked].tolist(), item[clicked].tolist(), strict=True))
            shown.bought.extend(zip(rows[bought].tolist(), item[bought].tolist(), strict=True))
        return shown

    def shop_on(self, who: Ints, day: int, scores: Floats, taken: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """What these visitors buy on their own after the list, as (row, item): what is due and comes to mind, and what
        is wanted, of the items that they know or come upon."""
        shop, found = self.shop, list[tuple[int, int]]()
        mind = self.luck(day, MIND, shop.settings.categories)[who]
        come_upon = self.luck(day, FIND, len(shop.category))[who] < shop.prominence
        considered = come_upon | (self.last_item[who] > LONG_AGO)
        season = np.exp(shop.season(day))
        for category, items in enumerate(self._of_category):
            if category < shop.settings.consumables:
                elapsed = day - self.last_category[who, category]
                intends = (elapsed > DUE_FROM * shop.gap[who, category]) & (mind[:, category] < REMEMBERS)
            else:
                chance = WANTS_A_VISIT * np.exp(shop.taste[who, category]) * season[category]
                intends = mind[:, category] < chance
            rows = np.flatnonzero(intends & ~taken[:, category])
            values = np.where(considered[rows][:, items], scores[rows][:, items], -np.inf)
            best = values.argmax(axis=1)
            there = np.isfinite(values[np.arange(len(rows)), best])
            found.extend(zip(rows[there].tolist(), items[best[there]].tolist(), strict=True))
        return found

    def open_mails(self, who: Ints, lists: Ints, day: int) -> tuple[Ints, list[tuple[int, int]]]:
        """Who comes because of a mail, and every click in one, as (customer, item)."""
        opens = np.flatnonzero(self.luck(day, OPEN)[who] < OPENS)
        readers = who[opens]
        scores = self.utility(readers, day) + self.mood(day)[readers]
        luck = self.luck(day, LOOK_AT_MAIL, lists.shape[1])[readers]
        taken = np.ones((len(readers), self.shop.settings.categories), np.bool_)  # in a mail nothing is bought
        clicks = [(int(readers[row]), item) for row, item in self.look(scores, lists[opens], luck, taken).clicked]
        return np.unique(np.array([customer for customer, _ in clicks], np.int64)), clicks

    def end_day(self, day: int, bought: Bought) -> None:
        """Remember what was bought; what was due and forgotten may be bought elsewhere."""
        self.last_item[bought.customer, bought.item] = day
        self.last_category[bought.customer, self.shop.category[bought.item]] = day
        due = day - self.last_category > self.shop.gap
        leaks = due & (self.luck(day, LEAK, self.shop.settings.categories) < ELSEWHERE)
        self.last_category[leaks] = day
