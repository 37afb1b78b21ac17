"""What is said of one item of one list: why it is where it is, or what keeps it out."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """What keeps an item out: `step` for programs, `detail` for people."""

    step: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """What one signal of a source says of the item: its `score`, its `rank` (from 1) among what the source may propose,
    and whether that is within the `limit` up to which it does."""

    source: str
    signal: str
    score: float
    rank: int
    limit: int
    proposed: bool


@dataclass(frozen=True, kw_only=True)
class FeatureShare:
    """A feature's value, null where it has none for this item, and what it adds to the raw score."""

    name: str
    value: float | None
    contribution: float


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How the trees came to `raw`, a log-odds: `base`, which every item starts from, the contributions of the
    `features` that count most, and of all `others` together. They add up."""

    raw: float
    base: float
    features: tuple[FeatureShare, ...]
    others: float


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """An item that was bought, looked at or asked about, and the part of the neighbours' score that it adds (0 to 1;
    null where the list is not about a customer)."""

    item_id: str
    title: str
    share: float | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why an item is in a list, or why not.

    `rank`: its place (from 1) in the list, or in what would follow it; null where it can have none. `removed_by`: what
    keeps it out, empty for an item of the list. `score` is a probability where trees rank (`ranking`), else the value
    of the signal that orders the list (`ordered_by`; `spread` for a rare item that the list makes room for).
    """

    item_id: str
    title: str
    listed: bool
    rank: int | None
    score: float | None
    source: str | None
    reason: str | None
    removed_by: tuple[Step, ...]
    ordered_by: str
    sources: tuple[Proposed, ...]
    ranking: Ranking | None
    carriers: tuple[Carrier, ...]
    model_version: str
