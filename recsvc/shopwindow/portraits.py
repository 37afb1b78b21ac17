"""Customers worth looking at, each with a few words that let a viewer judge the lists."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.engine import Engine
from recsvc.shopwindow.readable import readable_category
from recsvc.shopwindow.tiles import motif_of

KNOWN = "900"  # whom the documentation's commands ask for
MOST_LOOKED_AT = 3000
SHOWN = 9
WEEKLY = (6.0, 8.5)  # days between orders
REGULAR_ORDERS = 12
LEAST_OF_FAVOURITE = 15
# Nobody's face in a shop window.
UNSHOWN_MOTIFS = frozenset({"flame", "basket", "pill"})


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """One customer's habits. `favourite` is the category bought more than others buy it, `motif` its tile's path;
    `every_days` between orders, None with a single one; days count from 1970-01-01.
    """

    customer_id: str
    orders: int
    items: int
    every_days: float | None
    last_day: int
    favourite: str
    motif: str


@dataclass(frozen=True, eq=False)
class Gallery:
    """The portraits that the start page shows, and the way to anyone else's."""

    shown: tuple[Portrait, ...]
    shelves: "Shelves"

    def portrait(self, engine: Engine, customer_id: str) -> Portrait | None:
        """Any customer's portrait; None for one that the model does not know."""
        customer = engine.customers.find(customer_id)
        if customer < 0:
            return None
        return _portraits(engine, np.array([customer]), self.shelves)[0]


@dataclass(frozen=True, eq=False)
class Shelves:
    """Categories gathered under the names that the shop window gives them.

    `of_item` int32, one an item; `names` and `paths` one a shelf; `share` of all that is bought, float64.
    """

    of_item: NDArray[np.int32]
    names: tuple[str, ...]
    paths: tuple[str, ...]
    share: NDArray[np.float64]


def open_gallery(engine: Engine) -> Gallery:
    """Look at up to MOST_LOOKED_AT customers and choose SHOWN different ones; about 0.2 s for the demo's shop."""
    n_customers = len(engine.customers)
    looked_at = np.unique(np.linspace(0, n_customers - 1, min(n_customers, MOST_LOOKED_AT)).astype(np.int64))
    first = engine.customers.find(KNOWN)
    if first >= 0:
        looked_at = np.union1d(looked_at, [first])
    shelves = _shelves(engine, looked_at)
    return Gallery(_choose(_portraits(engine, looked_at, shelves)), shelves)


def _shelves(engine: Engine, looked_at: NDArray[np.int64]) -> Shelves:
    catalogue = engine.catalogue
    paths = [catalogue.categories[at] for at in range(len(catalogue.categories))]
    numbers: dict[str, int] = {}
    first_path: dict[str, str] = {}
    of_category = np.zeros(len(paths) + 1, np.int32)  # the last one is for items without a category
    for at, path in enumerate([*paths, ""]):
        name = readable_category(path)
        of_category[at] = numbers.setdefault(name, len(numbers))
        first_path.setdefault(name, ">".join(path.split(">")[:2]))
    of_item = of_category[catalogue.category]
    bought = np.bincount(of_item[engine.recommender.histories.rows(looked_at).item], minlength=len(numbers))
    return Shelves(of_item, tuple(numbers), tuple(first_path.values()), bought / max(bought.sum(), 1))


def _portraits(engine: Engine, customers: NDArray[np.int64], shelves: Shelves) -> list[Portrait]:
    history = engine.recommender.histories.rows(customers)
    portraits = []
    for at, customer in enumerate(customers):
        mine = slice(int(history.indptr[at]), int(history.indptr[at + 1]))
        item, day = history.item[mine], history.day[mine]
        if not len(item):
            continue
        orders = len(np.unique(history.order[mine]))
        span = int(day.max()) - int(day.min())
        favourite = _favourite(np.bincount(shelves.of_item[item], minlength=len(shelves.names)), shelves)
        portraits.append(
            Portrait(
                customer_id=engine.customers[int(customer)],
                orders=orders,
                items=len(np.unique(item)),
                every_days=span / (orders - 1) if orders > 1 else None,
                last_day=int(day.max()),
                favourite=shelves.names[favourite],
                motif=shelves.paths[favourite],
            )
        )
    return portraits


def _favourite(bought: NDArray[np.int64], shelves: Shelves) -> int:
    """The shelf bought most beyond what this many purchases of anybody would hold, in standard deviations."""
    expected = shelves.share * bought.sum()
    surprise = np.where(bought >= min(LEAST_OF_FAVOURITE, bought.max()), bought - expected, -np.inf)
    return int(np.argmax(surprise / np.sqrt(expected + 1)))


def _choose(portraits: Sequence[Portrait]) -> tuple[Portrait, ...]:
    """A weekly shopper of wide taste, the documentation's customer, lovers of different things, a beginner."""
    if not portraits:
        return ()
    regular = [portrait for portrait in portraits if portrait.orders >= REGULAR_ORDERS] or list(portraits)
    weekly = [one for one in regular if WEEKLY[0] <= (one.every_days or 0) < WEEKLY[1]] or regular
    by_taste = sorted(weekly, key=lambda one: (one.items, one.customer_id))
    chosen = [by_taste[len(by_taste) * 4 // 5], *(one for one in portraits if one.customer_id == KNOWN)]
    # One a pictogram, what most customers like best first; of its lovers the one in the middle.
    by_motif: dict[str, list[Portrait]] = {}
    for portrait in sorted(regular, key=lambda one: -one.orders):
        by_motif.setdefault(motif_of(portrait.motif), []).append(portrait)
    for motif in sorted(by_motif, key=lambda motif: -len(by_motif[motif])):
        taken = {motif_of(portrait.motif) for portrait in chosen}
        if len(chosen) < SHOWN - 1 and motif not in taken | UNSHOWN_MOTIFS:
            chosen.append(by_motif[motif][len(by_motif[motif]) // 2])
    beginner = min(portraits, key=lambda one: (one.orders, one.items))
    return tuple(dict.fromkeys([*chosen, beginner]))
