"""Settings of the second stage."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class TreeSettings:
    """LightGBM's, for one ranker: `rounds` trees of at most `leaves` leaves, fewer where little was bought;
    `rows` candidates to learn from, of which those that were not bought are a sample."""

    rounds: int
    leaves: int
    least_rows_in_leaf: int
    ridge: float
    learning_rate: float
    rows: int


# Repeat purchases are easy to tell apart and bear larger trees; what a customer buys for the first time is mostly
# chance, and only hard regularisation keeps the trees from learning it by heart.
TREES = {
    "home": TreeSettings(rounds=90, leaves=31, least_rows_in_leaf=100, ridge=5.0, learning_rate=0.1, rows=300_000),
    "discover": TreeSettings(
        rounds=200, leaves=15, least_rows_in_leaf=300, ridge=20.0, learning_rate=0.05, rows=200_000
    ),
}
# Purchases among the rows for each leaf of a tree; measured on shops of different size (docs/recommender.md).
BOUGHT_A_LEAF, LEAST_LEAVES = 1_500, 7


@dataclass(frozen=True, kw_only=True)
class RankerSettings:
    """`horizon_days` that lists look ahead, 0: from the length of the shop's past; `windows` of labels, the freshest
    last; `customers` to learn from in all, `judges` by whom the result is measured; trees of each ranker (`rounds`) and
    their `leaves` at most; `threads` to train and rank in; `seed`."""

    horizon_days: int = 0
    windows: int = 2
    customers: int = 20_000
    judges: int = 2_000
    home_rounds: int = TREES["home"].rounds
    home_leaves: int = TREES["home"].leaves
    discover_rounds: int = TREES["discover"].rounds
    discover_leaves: int = TREES["discover"].leaves
    threads: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if self.horizon_days < 0 or min(self.windows, self.customers, self.judges, self.threads) < 1:
            raise ValueError("horizon_days must be at least 0; windows, customers, judges and threads at least 1")
        if min(self.home_rounds, self.discover_rounds) < 1 or min(self.home_leaves, self.discover_leaves) < 2:
            raise ValueError("home_rounds and discover_rounds must be at least 1, home_leaves and discover_leaves 2")

    def trees(self, name: str) -> TreeSettings:
        """Those of the ranker `name`, 'home' or 'discover'."""
        rounds, leaves = getattr(self, f"{name}_rounds"), getattr(self, f"{name}_leaves")
        return replace(TREES[name], rounds=rounds, leaves=leaves)
