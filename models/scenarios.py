"""The kinds of list, and how each is made."""

from dataclasses import dataclass

SCENARIOS = ("home", "discover", "again", "complements", "similar", "popular")
# What brings items; `pinned` is the request's own choice. Stored lists hold places in it: it grows at its end alone.
SOURCES = (
    "repeat", "customers", "neighbours", "factors", "categories", "complements", "popular", "similar", "pinned",
    "ease",
)  # fmt: skip
# Scenarios that depend on the customer alone: their lists are computed in bulk and lie in the bundle.
STORED = ("home", "discover", "again")
# Which ranker scores a scenario, and which signal orders it where no ranker is better than that.
RANKED_BY = {"home": "home", "again": "home", "discover": "discover"}
BASELINES = {"home": "repeat", "discover": "customers_recent"}
NEW_ONLY = ("discover",)
OWNED_ONLY = ("again",)
# Whose lists make room for what nobody's first ten would show.
SPREAD = ("home",)


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """`own` purchases and `others` of each other signal that become candidates; `stored` items of a known customer's
    list that the bundle keeps; `coverage`: part of the items that sell which the first ten of all `home` lists show
    together, as far as items that nobody's show can take the last of ten places without costing much (0: none does)."""

    own: int = 150
    others: int = 60
    stored: int = 40
    coverage: float = 0.12

    def __post_init__(self) -> None:
        if min(self.own, self.others, self.stored) < 1:
            raise ValueError("own, others and stored must be at least 1")
        if not 0 <= self.coverage <= 1:
            raise ValueError(f"coverage is {self.coverage}; expected 0 to 1")
