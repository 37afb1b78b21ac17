"""The catalogue by columns: what a filter lets through, found for all items at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import AVAILABILITY, Catalogue
from models.strings import StringTable
from recsvc.engine.filters import NUMBERS, Condition, Every, Filter, Negated

# Prices are decimal fractions: so near counts as equal.
NEAR = 1e-6
PATH_SEPARATOR = ">"


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of texts: `code` of each item (−1: none), `values` the distinct texts by code."""

    code: NDArray[Any]
    values: Sequence[str]

    @classmethod
    def of(cls, table: StringTable) -> "Coded":
        """'' is no value; equal texts get one code, in the order of their first item."""
        there = np.flatnonzero(~table.is_empty())
        if not len(there):
            return cls(np.broadcast_to(np.int16(-1), len(table)), ())
        data, starts, ends = table.data.tobytes(), table.offsets[there].tolist(), table.offsets[there + 1].tolist()
        seen: dict[bytes, int] = {}
        codes = [seen.setdefault(data[start:end], len(seen)) for start, end in zip(starts, ends, strict=True)]
        code = np.full(len(table), -1, np.int16 if len(seen) < 32_767 else np.int32)
        code[there] = codes
        return cls(code, [text.decode("utf-8", "surrogatepass") for text in seen])

    def where(self, wanted: Callable[[str], bool], *, missing: bool) -> NDArray[np.bool_]:
        """Items whose text is wanted; `missing` is what an item without one gets."""
        found = np.array([*map(wanted, self.values), missing], np.bool_)
        held: NDArray[np.bool_] = found[self.code]  # −1 takes the last
        return held


class Columns:
    """Columns made from a catalogue when a filter first needs them, and masks of all items."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        # Of the catalogue, not of `self`: what refers to itself outlives its turn until garbage is looked for.
        self.coded = cache(partial(_coded, catalogue))
        self.has_sales = bool((~np.isnan(catalogue.numbers["sale_price"])).any())

    def mask(self, wanted: Filter, now: float) -> NDArray[np.bool_]:
        """Which items the filter lets through at `now` (seconds since 1970), shape (n_items,).

        Where an item lacks the value, `!=` and `not_in` hold, and `exists` says so; nothing else holds.
        """
        if isinstance(wanted, Condition):
            return self._meets(wanted, now)
        if isinstance(wanted, Negated):
            return ~self.mask(wanted.part, now)
        together = np.logical_and if isinstance(wanted, Every) else np.logical_or
        found = self.mask(wanted.parts[0], now)
        for part in wanted.parts[1:]:
            found = together(found, self.mask(part, now))
        return found

    def _meets(self, condition: Condition, now: float) -> NDArray[np.bool_]:
        field, op, value = condition.field, condition.op, condition.value
        if field in NUMBERS:
            return _compared(self.numbers(field, now), op, value)
        if field == "item_id":
            return self._ids(op, value)
        plain = _same if field == "item_group_id" else _path if field == "category" else str.casefold
        texts = {plain(text) for text in map(str, value if isinstance(value, tuple) else (value,))}
        asked = next(iter(texts))
        tests: dict[str, tuple[Callable[[str], bool], bool]] = {
            "=": (lambda text: plain(text) == asked, False),
            "!=": (lambda text: plain(text) != asked, True),
            "in": (lambda text: plain(text) in texts, False),
            "not_in": (lambda text: plain(text) not in texts, True),
            "contains": (lambda text: asked in plain(text), False),
            "starts_with": (lambda text: _begins(plain(text), asked, whole=field == "category"), False),
            "exists": (lambda _: bool(value), not value),
        }
        test, missing = tests[op]
        return self.coded(field).where(test, missing=missing)

    def _ids(self, op: str, value: object) -> NDArray[np.bool_]:
        ids = value if isinstance(value, tuple) else (value,)
        named = np.zeros(len(self._catalogue), np.bool_)
        if op == "exists":
            return np.full(len(named), bool(value))
        found = self._catalogue.items.find_all(map(str, ids))
        named[found[found >= 0]] = True
        return named if op in ("=", "in") else ~named

    def numbers(self, field: str, now: float) -> NDArray[np.float64]:
        """A column of numbers, NaN where unknown: `price` is what an item costs at `now`, `discount` the share by
        which that is below its regular price."""
        catalogue = self._catalogue
        regular, sale = catalogue.numbers["price"], catalogue.numbers["sale_price"]
        if field == "regular_price" or (field == "price" and not self.has_sales):
            return regular
        times = catalogue.times
        running = np.where((times["sale_from"] <= now) & (now < times["sale_until"]), sale, np.nan)
        if field == "sale_price":
            return running
        price = np.where(np.isnan(running), regular, running)
        if field == "price":
            return price
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(regular > 0, 1 - price / regular, np.nan)


def _coded(catalogue: Catalogue, field: str) -> Coded:
    if field == "category":
        return Coded(catalogue.category, list(catalogue.categories))
    if field == "availability":
        return Coded(catalogue.availability, AVAILABILITY)
    return Coded.of(catalogue.texts.get(field) or StringTable.of([""] * len(catalogue)))


def depends_on_time(wanted: Filter) -> bool:
    """Whether a sale that begins or ends may change what the filter lets through."""
    if isinstance(wanted, Condition):
        return wanted.field in NUMBERS and wanted.field != "regular_price"
    parts = (wanted.part,) if isinstance(wanted, Negated) else wanted.parts
    return any(map(depends_on_time, parts))


def _compared(column: NDArray[np.float64], op: str, value: Any) -> NDArray[np.bool_]:
    if op == "exists":
        return np.logical_not(np.isnan(column)) if value else np.isnan(column)
    if op in ("in", "not_in"):
        known = np.array(value)
        place = np.minimum(np.searchsorted(known, column - NEAR), len(known) - 1)
        equal: NDArray[np.bool_] = np.abs(known[place] - column) < NEAR
        return equal if op == "in" else np.logical_not(equal)
    tests = {
        "=": lambda: np.abs(column - value) < NEAR,
        "!=": lambda: ~(np.abs(column - value) < NEAR),
        "<": lambda: column < value - NEAR,
        "<=": lambda: column <= value + NEAR,
        ">": lambda: column > value + NEAR,
        ">=": lambda: column >= value - NEAR,
    }
    found: NDArray[np.bool_] = tests[op]()
    return found


def _same(text: str) -> str:
    return text


def _path(text: str) -> str:
    """'Food>Dairy > Milk' as 'food > dairy > milk'."""
    return f" {PATH_SEPARATOR} ".join(part.strip() for part in text.casefold().split(PATH_SEPARATOR))


def _begins(text: str, start: str, *, whole: bool) -> bool:
    """`whole`: the start ends where a part of the path does."""
    return text.startswith(start) and (
        not whole or text == start or text[len(start) :].startswith(f" {PATH_SEPARATOR}")
    )
