"""Filters and boosts: structured conditions on what the catalogue says of an item, read from JSON or TOML tables."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.catalogue import LABELS

LONGEST_TEXT = 512
MOST_CONDITIONS = 50
MOST_VALUES = 500
DEEPEST = 5
MOST_BOOSTS = 20
LEAST_FACTOR, GREATEST_FACTOR = 0.1, 10.0

NUMBERS = ("price", "regular_price", "sale_price", "discount")
IDS = ("item_id", "item_group_id")
TEXTS = ("category", "brand", "availability", "currency", *LABELS)
FIELDS = (*NUMBERS, *TEXTS, *IDS)
EQUAL, ORDER, LISTED, PARTIAL = ("=", "!="), ("<", "<=", ">", ">="), ("in", "not_in"), ("contains", "starts_with")
OPS = (*EQUAL, *ORDER, *LISTED, *PARTIAL, "exists")

Place = tuple[str | int, ...]
Value = str | float | bool | tuple[str, ...] | tuple[float, ...]


class ShapeError(ValueError):
    """What is wrong with a filter, a boost or a pin, and where: `place` leads from the outermost table to it."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class Condition:
    """`field op value`; the values of `in` and `not_in` are sorted, each once."""

    field: str
    op: str
    value: Value


@dataclass(frozen=True)
class Every:
    """All of the parts hold."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True)
class Some:
    """At least one of the parts holds."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True)
class Negated:
    """The part does not hold."""

    part: "Filter"


Filter = Condition | Every | Some | Negated


@dataclass(frozen=True)
class Boost:
    """Multiplies the score of what meets the condition."""

    condition: Condition
    factor: float


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """What both let through; None is no filter."""
    return Every((first, second)) if first is not None and second is not None else first or second


def parse_filter(given: object) -> Filter:
    """A filter from tables and lists as JSON has them. Raises ShapeError."""
    return _Reading().filter(given, (), 1)


def parse_boosts(given: object) -> tuple[Boost, ...]:
    """A list of conditions, each with a factor. Raises ShapeError."""
    boosts = []
    for number, entry in enumerate(_list(given, (), "boosts", MOST_BOOSTS, least=0)):
        table = _table(entry, (number,), ("field", "op", "value", "factor"))
        factor = _number(table["factor"], (number, "factor"))
        if not LEAST_FACTOR <= factor <= GREATEST_FACTOR:
            raise ShapeError((number, "factor"), f"expected {LEAST_FACTOR:g} to {GREATEST_FACTOR:g}")
        boosts.append(Boost(_condition(table, (number,)), factor))
    return tuple(boosts)


class _Reading:
    """One filter being read, and how many conditions it has so far."""

    def __init__(self) -> None:
        self.conditions = 0

    def filter(self, given: object, place: Place, depth: int) -> Filter:
        if depth > DEEPEST:
            raise ShapeError(place, f"nested deeper than {DEEPEST}; write it flatter")
        if isinstance(given, Mapping) and len(given) == 1 and (name := next(iter(given))) in ("and", "or", "not"):
            here = (*place, name)
            if name == "not":
                return Negated(self.filter(given[name], here, depth + 1))
            parts = tuple(
                self.filter(part, (*here, number), depth + 1)
                for number, part in enumerate(_list(given[name], here, "conditions", MOST_CONDITIONS))
            )
            return Every(parts) if name == "and" else Some(parts)
        table = _table(given, place, ("field", "op", "value"), "; or one of and, or, not")
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise ShapeError(place, f"more than {MOST_CONDITIONS} conditions; `in` takes many values at once")
        return _condition(table, place)


def _condition(table: Mapping[str, Any], place: Place) -> Condition:
    field = _one_of(table["field"], FIELDS, (*place, "field"), "field")
    op = _one_of(table["op"], OPS, (*place, "op"), "op")
    known = ops_of(field)
    if op not in known:
        raise ShapeError((*place, "op"), f"{field} takes {', '.join(known)}")
    return Condition(field, op, _value(field, op, table["value"], (*place, "value")))


def ops_of(field: str) -> tuple[str, ...]:
    """The operators that a field takes."""
    if field in NUMBERS:
        return (*EQUAL, *ORDER, *LISTED, "exists")
    return (*EQUAL, *LISTED, "exists") if field in IDS else (*EQUAL, *LISTED, *PARTIAL, "exists")


def _value(field: str, op: str, value: object, place: Place) -> Value:
    if op == "exists":
        if not isinstance(value, bool):
            raise ShapeError(place, "expected true or false")
        return value
    if op not in LISTED:
        return _number(value, place) if field in NUMBERS else _text(value, place)
    values = list(enumerate(_list(value, place, "values", MOST_VALUES)))
    if field in NUMBERS:
        return tuple(sorted({_number(one, (*place, number)) for number, one in values}))
    return tuple(sorted({_text(one, (*place, number)) for number, one in values}))


def _table(given: object, place: Place, names: Iterable[str], otherwise: str = "") -> Mapping[str, Any]:
    expected = f"expected an object with {', '.join(names)}{otherwise}"
    if not isinstance(given, Mapping):
        raise ShapeError(place, expected)
    for name in given:
        if name not in names:
            raise ShapeError((*place, str(name)), f"no such member here; {expected}")
    for name in names:
        if name not in given:
            raise ShapeError(place, f"{name} is missing; {expected}")
    return given


def _list(given: object, place: Place, what: str, most: int, *, least: int = 1) -> list[Any]:
    if not isinstance(given, list) or not least <= len(given) <= most:
        raise ShapeError(place, f"expected a list of {least} to {most} {what}")
    return given


def _one_of(given: object, known: tuple[str, ...], place: Place, what: str) -> str:
    if isinstance(given, str):
        if given in known:
            return given
        near = difflib.get_close_matches(given[:100], known, n=1)
        if near:
            raise ShapeError(place, f"no such {what}; did you mean {near[0]}?")
    raise ShapeError(place, f"expected one of {', '.join(known)}")


def _number(given: object, place: Place) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ShapeError(place, "expected a number")
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ShapeError(place, "expected a finite number")
    return number


def _text(given: object, place: Place) -> str:
    if not isinstance(given, str) or not 1 <= len(given) <= LONGEST_TEXT:
        raise ShapeError(place, f"expected a text of 1 to {LONGEST_TEXT} characters")
    return given
