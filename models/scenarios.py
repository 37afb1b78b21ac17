"""The kinds of list, and what fills each: sources with their share in the blend."""

from dataclasses import dataclass

SCENARIOS = ("home", "discover", "again", "complements", "popular")
SOURCES = ("repeat", "neighbours", "factors", "complements", "popular")
# Scenarios that depend on the customer alone: their lists are computed in bulk and lie in the bundle.
STORED = ("home", "discover", "again")


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """`candidates` a source proposes for a list; `stored` items of a known customer's list that the bundle keeps."""

    candidates: int = 200
    stored: int = 40

    def __post_init__(self) -> None:
        if not 1 <= self.stored <= self.candidates:
            raise ValueError("stored must be at least 1 and at most candidates")


# Each source's scores are divided by the row's best, so these shares say how far a source alone can lift an item.
BLENDS = {
    "home": {"repeat": 1.0, "neighbours": 0.1, "factors": 0.02, "popular": 0.05},
    "discover": {"neighbours": 1.0, "factors": 0.5, "popular": 1.0},
    "again": {"repeat": 1.0},
    "complements": {"complements": 1.0},
    "popular": {"popular": 1.0},
}
NEW_ONLY = ("discover",)
