"""An explanation as it goes out over HTTP; the same fields as `recsvc.engine.Explanation`."""

from pydantic import BaseModel, ConfigDict, Field


class Step(BaseModel):
    """What keeps an item out of a list."""

    model_config = ConfigDict(extra="forbid")

    step: str = Field(examples=["out_of_stock", "bought_before", "ranked_below"])
    detail: str = Field(examples=["not in stock"])


class Proposed(BaseModel):
    """What one signal of a source says of the item."""

    model_config = ConfigDict(extra="forbid")

    source: str
    signal: str
    score: float
    rank: int = Field(ge=1, description="From 1, among what the source may propose.")
    limit: int = Field(description="It proposes its best so many.")
    proposed: bool = Field(description="Whether `rank` is within `limit`.")


class FeatureShare(BaseModel):
    """A feature, and what it adds to the raw score."""

    model_config = ConfigDict(extra="forbid")

    name: str
    value: float | None = Field(description="Null where the feature has no meaning for this item.")
    contribution: float


class Ranking(BaseModel):
    """How the ranker came to its raw score: `base`, the features' contributions and `others` add up to `raw`."""

    model_config = ConfigDict(extra="forbid")

    raw: float = Field(description="A log-odds.")
    base: float = Field(description="What every item starts from.")
    features: list[FeatureShare] = Field(description="Those that count most, by size.")
    others: float = Field(description="All other features together.")


class Carrier(BaseModel):
    """An item that led to this one."""

    model_config = ConfigDict(extra="forbid")

    item_id: str
    title: str
    share: float | None = Field(
        ge=0, le=1, description="Its part of the neighbours' score; null in a list about other items."
    )


class Explanation(BaseModel):
    """Why an item is where it is."""

    model_config = ConfigDict(extra="forbid")

    item_id: str
    title: str
    listed: bool
    rank: int | None = Field(description="Its place in the list, from 1.")
    score: float | None = Field(description="A probability where the ranker ordered the list.")
    source: str | None
    reason: str | None
    removed_by: list[Step] = Field(description="What keeps the item out; empty for an item of the list.")
    ordered_by: str = Field(
        description="`ranker`, or the signal that orders the list; `spread`: the list makes room for a rare item."
    )
    sources: list[Proposed] = Field(description="Every signal that has a score for it, best rank first.")
    ranking: Ranking | None = Field(description="Null where no ranker ordered the list.")
    carriers: list[Carrier] = Field(description="What led to it, greatest share first.")
    model_version: str
