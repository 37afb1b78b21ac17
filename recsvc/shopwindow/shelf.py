"""Lists as the pages show them: items with tile, price and reason, and the request that asks for the same."""

from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from urllib.parse import urlencode

from models.catalogue import Product
from recsvc.engine import Answer, Engine, Query
from recsvc.i18n import format_price
from recsvc.shopwindow.readable import readable_category, readable_reason, readable_title
from recsvc.shopwindow.tiles import tile_address


@dataclass(frozen=True, kw_only=True)
class Card:
    """One item. `regular` is the crossed-out price while `price` is a sale's; '' where there is none."""

    item_id: str
    title: str
    category: str
    tile: str
    price: str
    regular: str
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One list with its heading; `request` is the address that answers it as JSON, `took_ms` what it cost here."""

    name: str
    heading: str
    about: str
    cards: tuple[Card, ...]
    fallback: str | None
    request: str
    took_ms: float


def card_of(product: Product, language: str, *, reason: str = "", source: str = "") -> Card:
    """A product as a tile; only what is shown is made readable, the id stays."""
    on_sale = product.sale_price is not None
    amount = product.sale_price if on_sale else product.price
    return Card(
        item_id=product.item_id,
        title=readable_title(product.title, product.product_type) or product.item_id,
        category=readable_category(product.product_type),
        tile=tile_address(product.product_type),
        price="" if amount is None else format_price(amount, product.currency, language),
        regular=format_price(product.price, product.currency, language) if on_sale and product.price else "",
        reason=readable_reason(reason),
        source=source,
    )


def fill_shelf(engine: Engine, query: Query, *, name: str, heading: str, about: str = "", now: datetime) -> Shelf:
    """Ask the engine, as /recommend would."""
    started = perf_counter()
    answer = engine.recommend(query, now=now)
    took_ms = (perf_counter() - started) * 1000
    return Shelf(
        name=name,
        heading=heading,
        about=about,
        cards=_cards(answer, query.locale),
        fallback=answer.fallback,
        request=request_of(query),
        took_ms=took_ms,
    )


def _cards(answer: Answer, language: str) -> tuple[Card, ...]:
    return tuple(card_of(item.product, language, reason=item.reason, source=item.source) for item in answer.items)


def request_of(query: Query) -> str:
    """The address that puts the query to /recommend."""
    pairs = [("scenario", query.scenario), ("n", str(query.n)), ("locale", query.locale)]
    if query.customer_id is not None:
        pairs.insert(0, ("customer_id", query.customer_id))
    pairs += [("items", item) for item in query.items]
    return f"/recommend?{urlencode(pairs)}"
