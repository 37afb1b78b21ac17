"""Settings: frozen dataclasses that live beside what they set, filled from one TOML file."""

import dataclasses
import difflib
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from models.errors import SettingsError

Settings = TypeVar("Settings")

# Every table that some part of recsvc reads: one file serves the trainer and the service, and each checks for
# strangers.
SECTIONS = (
    *(
        "purchases",
        "products",
        "lists",
        "ranker",
        "gate",
        "serve",
        "events",
        "placements",
        "experiments",
        "measure",
        "spark",
    ),
    *("repeat", "customers", "neighbours", "ease", "factors", "categories", "complements", "similar", "popular"),
)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; raises SettingsError that names file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None


def read_section(cls: type[Settings], table: Mapping[str, Any], name: str) -> Settings:
    """Fill the dataclass `cls` from the TOML table [name]; what the table leaves out keeps its default.

    Raises SettingsError for unknown keys (with the nearest known one), values of the wrong type, and whatever the
    dataclass itself refuses in `__post_init__` by ValueError.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    types = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise SettingsError(unknown_key(key, fields, name))
        values[key] = _checked(value, types[key], f"{key} in [{name}]")
    missing = [
        field.name
        for field in fields.values()
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SettingsError(f"[{name}] lacks {', '.join(missing)}")
    try:
        return cls(**values)
    except ValueError as error:
        raise SettingsError(f"[{name}]: {error}") from None


def unknown_key(key: str, known: typing.Iterable[str], name: str) -> str:
    """The message for a key that [name] does not have."""
    known = list(known)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known keys: {', '.join(sorted(known))}"
    return f"unknown key '{key}' in [{name}]{hint}"


def _checked(value: Any, expected: Any, place: str) -> Any:
    origin = typing.get_origin(expected)
    if origin is tuple:
        inner = typing.get_args(expected)[0]
        if not isinstance(value, list):
            raise SettingsError(f"{place} is {value!r}; expected a list")
        return tuple(_checked(entry, inner, place) for entry in value)
    if origin is typing.Literal:
        if value not in typing.get_args(expected):
            raise SettingsError(
                f"{place} is {value!r}; expected one of {', '.join(map(str, typing.get_args(expected)))}"
            )
        return value
    allowed = tuple(t for t in (typing.get_args(expected) or (expected,)) if t is not type(None))
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = tuple(typing.get_origin(t) or t for t in allowed)
    if not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
        raise SettingsError(f"{place} is {value!r}; expected {' or '.join(t.__name__ for t in plain)}")
    return value
