"""What is asked and what is answered, in the shop's own ids."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from models.catalogue import Product
from recsvc.engine.diversity import Diversity
from recsvc.engine.filters import Boost, Filter
from recsvc.engine.happenings import Happenings


@dataclass(frozen=True)
class Pin:
    """An item that the page wants at a place of the list, from 1; a place beyond the list is its end."""

    item_id: str
    position: int


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question; every field is optional. `items` is a cart or a product page, `session_items` what the visitor
    looked at just now, `query_id` is handed back; `n` items, 1 to 100. `seen` are `hash_id`s of items that other lists
    of the page show; `instead` is the scenario that fills the list before what is popular does; `live` is what happened
    since the training."""

    customer_id: str | None = None
    items: tuple[str, ...] = ()
    session_items: tuple[str, ...] = ()
    scenario: str = "home"
    n: int = 10
    exclude: tuple[str, ...] = ()
    seen: tuple[int, ...] = ()
    filter: Filter | None = None
    boosts: tuple[Boost, ...] = ()
    diversity: Diversity | None = None
    pins: tuple[Pin, ...] = ()
    instead: str | None = None
    live: Happenings | None = None
    locale: str = "en"
    query_id: str | None = None

    def by(self, customer_id: str | None) -> "Query":
        """The same question of another customer; `dataclasses.replace` takes ten times as long."""
        same = object.__new__(Query)
        same.__dict__.update(self.__dict__, customer_id=customer_id)
        return same

    @cached_property
    def plain(self) -> bool:
        """Whether it says no more than who asks for which list, how long, and in which language."""
        return not self.exclude and self.of_the_list

    @cached_property
    def of_the_list(self) -> bool:
        """Whether it says no more than that, and what must not be in the list."""
        return not (
            self.items
            or self.session_items
            or self.seen
            or self.filter
            or self.boosts
            or self.diversity
            or self.pins
            or self.instead
            or self.live
        )


class AnsweredItem(NamedTuple):
    """One item of a list: `source` proposed it, `reason` is a sentence in the query's language."""

    product: Product
    score: float
    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A list, best first. `fallback` names what filled it where the scenario asked for could not.

    `made` is there in an answer that will be given again: whoever writes it down leaves there what stays the same.
    """

    query: Query
    model_version: str
    fallback: str | None
    items: tuple[AnsweredItem, ...]
    made: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def sources(self) -> Mapping[str, int]:
        """How many items each source brought."""
        return Counter(item.source for item in self.items)
