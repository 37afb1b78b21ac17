"""From the source that carried an item to the sentence that its customer reads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Product
from models.lists import Ranked
from models.ranking import Scored, contains, keys
from models.recommender import Recommender
from models.scenarios import SOURCES
from models.sources.protocol import Queries
from recsvc.engine.products import Products
from recsvc.engine.query import AnsweredItem
from recsvc.i18n import Translator, translator
from recsvc.reasons import reason_text

KINDS = {
    "repeat": "again",
    "customers": "similar_customers",
    "neighbours": "bought",
    "ease": "similar_customers",
    "factors": "similar_customers",
    "categories": "popular_category",
    "complements": "goes_with",
    "similar": "similar",
    "popular": "popular",
    "pinned": "pinned",
}
KIND_OF = tuple(KINDS[source] for source in SOURCES)
# Orders with an item from which on its customer buys it "regularly".
REGULARLY = 3


def answered_items(
    recommender: Recommender,
    queries: Queries,
    lists: Ranked,
    products: Products,
    locales: Sequence[str],
    now: float,
) -> list[AnsweredItem]:
    """The lists' items, row after row, as they are at `now` and with their reasons in each row's language."""
    listed = products.take(lists.scored.item, now)
    texts = reasons(recommender, queries, lists, listed, products, locales, now)
    scores, sources = lists.scored.score.tolist(), lists.source.tolist()
    return [
        AnsweredItem(product=product, score=round(score, 6), source=SOURCES[source], reason=text)
        for product, score, source, text in zip(listed, scores, sources, texts, strict=True)
    ]


def reasons(
    recommender: Recommender,
    queries: Queries,
    lists: Ranked,
    listed: Sequence[Product],
    products: Products,
    locales: Sequence[str],
    now: float,
) -> list[str]:
    """One sentence an item, `listed` being the lists' items; a title that it names is of an item that really carried
    the score."""
    scored = lists.scored
    carriers = recommender.carriers(queries, lists)
    carried = np.flatnonzero(carriers >= 0)
    titles = dict(zip(carried.tolist(), (one.title for one in products.take(carriers[carried], now)), strict=True))
    looked_at, buyers = _not_bought(queries, scored, carriers)
    times = orders_with(queries, scored.row, scored.item)
    translators = [translator(locale) for locale in locales]
    sentences = []
    columns = scored.row.tolist(), lists.source.tolist(), times.tolist()
    for at, (row, source, orders) in enumerate(zip(*columns, strict=True)):
        title = titles.get(at)
        looked = looked_at[at] or (title is None and not buyers[row])
        sentences.append(sentence(source, orders, title, listed[at], translators[row], looked_at=looked))
    return sentences


def sentence(
    source: int, orders: int, title: str | None, product: Product, words: Translator, *, looked_at: bool
) -> str:
    """Why an item is in the list of somebody who has it in so many `orders`; `title` is of the item that carried it,
    which was bought, or only `looked_at`."""
    if orders:
        return reason_text("again" if orders >= REGULARLY else "before", title=None, translator=words)
    kind = KIND_OF[source]
    if kind == "popular_category":
        title = product.product_type or None
    elif kind == "bought" and looked_at:
        kind = "looked_at"
    return reason_text(kind, title=title, translator=words)


def _not_bought(
    queries: Queries, scored: Scored, carriers: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each listed item whether what carried it was looked at and never bought; for each row whether it bought
    anything."""
    if not len(queries.cart_row):
        return np.zeros(len(scored), np.bool_), np.diff(queries.history.indptr) > 0
    # What lies in the cart or was looked at counts as an order of today: of that item one order is no purchase.
    cart = keys(queries.cart_row, queries.cart_item)
    unbought = contains(cart, keys(scored.row, carriers)) & (orders_with(queries, scored.row, carriers) < 2)
    bought = queries.pairs.orders > contains(cart, queries.habits.pair_keys)
    return unbought, np.bincount(queries.pairs.row[bought], minlength=len(queries)) > 0


def orders_with(queries: Queries, row: NDArray[Any], item: NDArray[Any]) -> NDArray[np.int64]:
    """In how many orders of its row's history each item is, 0 for none."""
    history = queries.history
    stored, wanted = (history.item, item) if len(queries) == 1 else (keys(history.row, history.item), keys(row, item))
    return np.searchsorted(stored, wanted, side="right") - np.searchsorted(stored, wanted)
