"""Campaigns that ship ready to be copied: `recsvc offers init NAME`."""

import difflib
from pathlib import Path

from models.errors import InputError

FOLDER = Path(__file__).parent
NAMES = ("first-purchase", "second-purchase", "win-back", "replenishment", "post-purchase")


def ready_campaign(name: str) -> str:
    """The text of a campaign file. Raises InputError for a name that none has."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}"
        raise InputError(f"no ready campaign is called {name!r}; {hint}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
