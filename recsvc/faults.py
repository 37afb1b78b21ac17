"""What pydantic found wrong, in words that name the field, its value and what was expected."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

SHOWN_CHARACTERS = 40
# The type of a fault found by a reader of ours, which says where in its value it lies.
SHAPE = "shape"


def location_of(fault: ErrorDetails) -> tuple[int | str, ...]:
    """From the outermost object to the value at fault."""
    inside: Sequence[int | str] = fault.get("ctx", {}).get("place", ()) if fault["type"] == SHAPE else ()
    return (*fault["loc"], *inside)


def explained(fault: ErrorDetails, known: Iterable[str]) -> str:
    """'n is 0: input should be greater than or equal to 1'; `known` are the fields of the outermost object."""
    location = location_of(fault)
    if not location:
        return "the body is not a JSON object"
    entry = entry_of(location)
    if fault["type"] == "extra_forbidden":
        if len(location) > 1:
            return f"{shown(str(location[-1]))} is not a member of {entry_of(location[:-1])}"
        near = difflib.get_close_matches(str(location[0])[:100], known := list(known), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"{entry} is not a field of this request; {hint}"
    message = fault["msg"]
    value = _inside(fault["input"], location[len(fault["loc"]) :])
    return f"{entry} is {shown_value(value)}: {message[:1].lower()}{message[1:]}"


def entry_of(location: Sequence[int | str]) -> str:
    """'filter.and[0].op'."""
    rest = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in location[1:])
    return shown(str(location[0])) + "".join(rest)


def _inside(value: Any, place: Sequence[int | str]) -> Any:
    for part in place:
        there = isinstance(value, Mapping) or (isinstance(value, list) and isinstance(part, int))
        if not there or (isinstance(value, Mapping) and part not in value):
            return value
        value = value[part]
    return value


def shown(text: str) -> str:
    """Text from outside, cut short and on one line."""
    cut = text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)


def shown_value(value: Any) -> str:
    """A value from outside as the message names it."""
    if isinstance(value, str):
        return f"'{shown(value)}'"
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return shown(repr(value)) if value is not None else "null"
