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
    "home": TreeSettings(rounds=180, leaves=15, least_rows_in_leaf=100, ridge=5.0, learning_rate=0.05, rows=300_000),
    "discover": TreeSettings(
        rounds=200, leaves=15, least_rows_in_leaf=300, ridge=20.0, learning_rate=0.05, rows=200_000
    ),
}
# Purchases among the rows for each leaf of a tree; measured on shops of different size (docs/recommender.md).
BOUGHT_A_LEAF, LEAST_LEAVES = 1_500, 7


@dataclass(frozen=True, kw_only=True)
class RankerSettings:
    """`horizon_days` that lists look ahead, 0: from the length of the shop's past; `windows` of labels, the freshest
    last, 0: two to five, the more the less a window holds; `customers` to learn from in all, or as many as bought
    `labels` items in the windows, if those are fewer; `judges` by whom the result is measured; trees of each ranker
    (`rounds`) and their `leaves` at most; `threads` that make the lists of all customers;
    `keep_days`: for so long `recsvc train --since-last` goes on with rankers once learned, and with the lists of
    customers of whom nothing changed; `seed`."""

    horizon_days: int = 0
    windows: int = 0
    customers: int = 20_000
    labels: int = 150_000
    judges: int = 2_000
    home_rounds: int = TREES["home"].rounds
    home_leaves: int = TREES["home"].leaves
    discover_rounds: int = TREES["discover"].rounds
    discover_leaves: int = TREES["discover"].leaves
    threads: int = 2
    keep_days: int = 7
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.horizon_days, self.windows, self.keep_days) < 0:
            raise ValueError("horizon_days and windows (0: chosen by the trainer) and keep_days must be at least 0")
        if min(self.customers, self.labels, self.judges, self.threads) < 1:
            raise ValueError("customers, labels, judges and threads must be at least 1")
        if min(self.home_rounds, self.discover_rounds) < 1 or min(self.home_leaves, self.discover_leaves) < 2:
            raise ValueError("home_rounds and discover_rounds must be at least 1, home_leaves and discover_leaves 2")

    def trees(self, name: str) -> TreeSettings:
        """Those of the ranker `name`, 'home' or 'discover'."""
        rounds, leaves = getattr(self, f"{name}_rounds"), getattr(self, f"{name}_leaves")
        return replace(TREES[name], rounds=rounds, leaves=leaves)

    def of_window(self, bought: int, customers: int, n_windows: int) -> int:
        """How many of a window's `customers`, who bought so many items, to learn from."""
        worth = self.labels * customers // max(bought, 1)
        return max(min(self.customers, worth) // n_windows, 1)
