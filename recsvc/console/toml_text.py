"""Settings typed into a page, read as TOML; a table of settings written as TOML again, a key a line."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from models.errors import SettingsError

# `tomllib` takes time and memory with the square of a key's parts: 40,000 of them hold a worker for a minute.
MOST_DOTS = 200


def toml_tables(text: str) -> dict[str, Any]:
    """The tables of a text that anybody may have typed. Raises SettingsError where it is no TOML, or nested so deep, or
    so many dots in a line, that reading it would hold up the service."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MOST_DOTS:
            raise SettingsError(f"line {number} has more than {MOST_DOTS} dots; break it into several")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"no TOML: {error}") from None
    except RecursionError:
        raise SettingsError("no TOML: brackets are nested too deep") from None


def toml_text(table: Mapping[str, Any]) -> str:
    """What `tomllib` reads as the same table; tables in it stand on their key's line."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case date() | datetime() | time():
            return value.isoformat()
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
