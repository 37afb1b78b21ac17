"""Find a format's columns in a file's header, forgiving about capitals and spaces, helpful about typing errors."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from models.errors import InputError


def normalised(name: str) -> str:
    """'Image Link', 'g:image_link' and 'image-link' are one column: 'image_link'."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower().removeprefix("g:"))


def match_columns(
    place: str, header: Sequence[str], names: Mapping[str, str], chosen: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Which column of `header` holds each name; names without one are left out.

    `names` gives each canonical name its usual column, `chosen` the user's own; raises InputError where a chosen one is
    not there.
    """
    chosen = chosen or {}
    matched = {}
    for name in chosen:
        if name not in names:
            raise InputError(f"--columns: unknown column '{name}'{suggestion(name, names)}")
    for name, usual in names.items():
        column = chosen.get(name, usual)
        found = [entry for entry in header if entry == column]
        if not found:
            found = [entry for entry in header if normalised(entry) == normalised(column)]
        if len(found) > 1:
            raise InputError(
                f"{place}: the column '{column}' is there {len(found)} times; rename or remove all but one"
            )
        if found:
            matched[name] = found[0]
        elif name in chosen:
            raise InputError(f"{place}: no column '{column}' for {name}, as --columns says{suggestion(column, header)}")
    return matched


def require(
    place: str,
    matched: Mapping[str, str],
    needed: Iterable[str],
    header: Sequence[str],
    usual: Mapping[str, str] | None = None,
) -> None:
    """Raise InputError unless all needed names have their column; `usual` gives what the columns are called."""
    for name in needed:
        if name not in matched:
            column = (usual or {}).get(name, name)
            raise InputError(
                f"{place}: no column '{column}'{suggestion(column, header)} "
                f"(if it has another name: --columns {name}=NAME)"
            )


def suggestion(name: str, known: Collection[str]) -> str:
    """'; did you mean …?' where a known name is near, and otherwise all of them."""
    near = difflib.get_close_matches(normalised(name), {normalised(entry): entry for entry in known}, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{next(entry for entry in known if normalised(entry) == near[0])}'?"
    shown = ", ".join(f"'{entry}'" for entry in list(known)[:30])
    return f"; there are {shown}" if shown else ""
