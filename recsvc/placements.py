"""Placements: named lists of a shop's pages, in the settings, so that who sells decides on them without a deploy."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from models.errors import InputError, SettingsError
from models.scenarios import SCENARIOS
from models.settings import SECTIONS, read_toml, unknown_key
from recsvc.engine.filters import both
from recsvc.faults import explained, shown_value
from recsvc.following import Following
from recsvc.wishes import Wishes

# What a request may set, where the placement lets it; its `filter` always narrows the placement's.
SETTABLE = ("scenario", "n", "boost", "diversity", "pins")


class Placement(Wishes):
    """Section [placements.NAME] of recsvc.toml: the list that a request with the placement NAME gets.

    `fallback` is the scenario that fills the list before what is popular does; `requests_set` names fields that a
    request may set differently.
    """

    fallback: Literal[SCENARIOS] | None = None  # type: ignore[valid-type]
    requests_set: list[Literal[SETTABLE]] = Field([])  # type: ignore[valid-type]


Placements = Mapping[str, Placement]


class PlacementError(SettingsError):
    """What is wrong with one placement, without the file that it stands in."""


class NotLetError(InputError):
    """A request sets a field that its placement keeps to itself: `field`."""

    def __init__(self, field: str, placement: str) -> None:
        super().__init__(
            f"{field} is for the placement '{placement}' to say; leave it out, or add it to requests_set in"
            f" [placements.{placement}]"
        )
        self.field = field


def shaped(asked: Wishes, name: str | None = None, placement: Placement | None = None) -> dict[str, Any]:
    """The fields of a `Query` that wishes decide on: what is asked for, within what the placement lets.

    Raises NotLetError.
    """
    wishes, instead, narrowed = asked, None, asked.filter
    if name is not None and placement is not None:
        given = {field for field in SETTABLE if field in asked.model_fields_set and getattr(asked, field) is not None}
        for field in SETTABLE:
            if field in given and field not in placement.requests_set:
                raise NotLetError(field, name)
        wishes = placement.model_copy(update={field: getattr(asked, field) for field in given})
        instead, narrowed = placement.fallback, both(placement.filter, asked.filter)
    return {
        "scenario": wishes.scenario,
        "n": wishes.n,
        "filter": narrowed,
        "boosts": wishes.boost,
        "diversity": wishes.mix(),
        "pins": wishes.pinned(),
        "instead": instead,
    }


def read_config(path: Path | None) -> dict[str, dict[str, Any]]:
    """The file's tables by name; none without a file. Raises SettingsError for what no part of recsvc reads."""
    tables = read_toml(path) if path is not None else {}
    for name, table in tables.items():
        if name not in SECTIONS:
            raise SettingsError(f"{path}: {unknown_key(name, SECTIONS, 'recsvc.toml')}")
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {name} is {table!r}; expected a table [{name}]")
    return tables


def read_placements(path: Path | None) -> Placements:
    """The tables [placements.NAME] of the file; none without a file. Raises SettingsError that names file and place."""
    try:
        return {name: parse_placement(name, table) for name, table in read_config(path).get("placements", {}).items()}
    except PlacementError as error:
        raise SettingsError(f"{path}: {error}") from None


def parse_placement(name: str, table: Any) -> Placement:
    """One table [placements.NAME]. Raises PlacementError that names the place."""
    if not isinstance(table, dict):
        raise PlacementError(f"placements.{name} is {table!r}; expected a table [placements.NAME]")
    unknown = next((key for key in table if key not in Placement.model_fields), None)
    if unknown is not None:
        raise PlacementError(unknown_key(unknown, Placement.model_fields, f"placements.{name}"))
    try:
        return Placement.model_validate(table)
    except ValidationError as error:
        fault = explained(error.errors(include_url=False)[0], Placement.model_fields)
        raise PlacementError(f"[placements.{name}]: {fault}") from None


def unknown_placement(name: str, known: Iterable[str]) -> str:
    """The message for a placement that the settings do not have."""
    near = difflib.get_close_matches(name[:100], list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "the settings have no table [placements.…] of this name"
    return f"there is no placement {shown_value(name)}; {hint}"


class LivePlacements(Following[Placements]):
    """Follows the placements of the settings."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, read_placements, "placements")
