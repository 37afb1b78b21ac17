"""What of the catalogue reaches customers: which attributes are filled, which items nobody bought, and which stand in
nobody's list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import AVAILABILITY, UNFIT
from models.lists import StoredLists
from recsvc.engine import Engine

TOP = 10  # what customers see of a list
BLOCK = 200_000  # customers looked at together
ATTRIBUTES = (
    "title", "description", "link", "image_link", "price", "brand", "product_type", "item_group_id",
    "cost_of_goods_sold", "unit_pricing_measure",
)  # fmt: skip
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coverage:
    """Masks over the items of one model at one moment. `filled` says by attribute of ATTRIBUTES which items have it;
    `unfit` by reason which may not be shown; `bought` by a known customer, ever; `listed` by scenario which stand among
    the first TOP of somebody's list. All but `unfit` are looked at within `fit`, the items that may be shown."""

    version: str
    fit: Mask
    filled: Mapping[str, Mask]
    unfit: Mapping[str, Mask]
    bought: Mask
    listed: Mapping[str, Mask]

    @classmethod
    def of(cls, engine: Engine, now: datetime) -> "Coverage":
        """Computed from the bundle alone; a second or two for a million customers."""
        catalogue, moment = engine.catalogue, int(now.timestamp())
        empty = {name: table.is_empty() for name, table in catalogue.texts.items()}
        numbers = {name: np.isnan(column) for name, column in catalogue.numbers.items()}
        absent = {**empty, **numbers}
        held = (
            ~catalogue.listed,
            empty["title"],
            catalogue.availability == AVAILABILITY.index("out_of_stock"),
            catalogue.times["available_from"] > moment,
            catalogue.times["expires"] <= moment,
        )
        return cls(
            version=engine.version,
            fit=catalogue.recommendable(moment),
            filled={name: ~absent[name] for name in ATTRIBUTES},
            unfit=dict(zip(UNFIT, held, strict=True)),
            bought=engine.recommender.statistics.buyers > 0,
            listed={name: in_first(lists, len(catalogue)) for name, lists in engine.stored.items()},
        )

    @property
    def cold(self) -> Mask:
        """May be shown, and nobody bought it yet."""
        return self.fit & ~self.bought

    @property
    def never_listed(self) -> Mask:
        """May be shown, and stands in nobody's list."""
        listed = np.zeros(len(self.fit), np.bool_)
        for mask in self.listed.values():
            listed |= mask
        return self.fit & ~listed

    @property
    def unshown(self) -> Mask:
        """May not be shown, for whatever reason."""
        return ~self.fit

    def as_json(self) -> dict[str, Any]:
        """Counts and shares (0 to 1) of the items that may be shown."""
        fit = int(self.fit.sum())

        def count(mask: Mask) -> int:
            return int((self.fit & mask).sum())

        return {
            "version": self.version,
            "items": len(self.fit),
            "recommendable": fit,
            "unfit": {name: int(mask.sum()) for name, mask in self.unfit.items()},
            "complete": {name: count(mask) / fit if fit else None for name, mask in self.filled.items()},
            "cold": count(self.cold),
            "never_listed": count(self.never_listed),
            "listed": {name: count(mask) for name, mask in self.listed.items()},
        }


def in_first(lists: StoredLists, n_items: int, top: int = TOP) -> Mask:
    """Which items stand among the first `top` of anybody's list."""
    found = np.zeros(n_items, np.bool_)
    for start in range(0, len(lists.indptr) - 1, BLOCK):
        bounds = lists.indptr[start : start + BLOCK + 1]
        item = lists.item[int(bounds[0]) : int(bounds[-1])]
        place = np.arange(len(item)) - np.repeat(bounds[:-1] - bounds[0], np.diff(bounds))
        found[item[place < top]] = True
    return found
