"""What is asked and what is answered, in the shop's own ids."""

from dataclasses import dataclass

from models.catalogue import Product


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question; every field is optional. `items` is a cart or a product page, `session_items` what the visitor
    looked at just now, `query_id` is handed back; `n` items, 1 to 100."""

    customer_id: str | None = None
    items: tuple[str, ...] = ()
    session_items: tuple[str, ...] = ()
    scenario: str = "home"
    n: int = 10
    exclude: tuple[str, ...] = ()
    locale: str = "en"
    query_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnsweredItem:
    """One item of a list: `source` proposed it, `reason` is a sentence in the query's language."""

    product: Product
    score: float
    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A list, best first. `fallback` names what filled it where the scenario asked for could not."""

    query: Query
    model_version: str
    fallback: str | None
    items: tuple[AnsweredItem, ...]
