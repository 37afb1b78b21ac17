"""Lists as JSON: what stays the same of an item in every list is written once."""

from collections.abc import Sequence
from typing import Any

import orjson

from models.catalogue import Product
from models.strings import hash_id
from recsvc.engine import AnsweredItem, Engine
from recsvc.engine.look_up import Found, FoundItem
from recsvc.http.schemas import ITEM_FIELDS
from recsvc.i18n import translator

# An item takes about 700 bytes here; those of most lists stay, and a worker's memory stays small.
MOST_KEPT = 16_000
# Before the score, behind it, what a recommendation_id holds of the item, and its source.
Parts = tuple[bytes, bytes, bytes, str]


def found_to_json(found: Found, engine: Engine, locale: str, now: float) -> tuple[bytes, bytes, dict[str, int]]:
    """A stored list as a JSON array, as `item_to_json` has each item; as a recommendation_id holds it; and how many
    items each source brought."""
    kept: dict[FoundItem, Parts] = engine.looked_up.made.setdefault(locale, {})
    dumps = orjson.dumps
    pieces: list[bytes] = []
    hashes: list[bytes] = []
    sources: dict[str, int] = {}
    for one, score in zip(found.items, found.scores, strict=True):
        parts = kept.get(one)
        if parts is None:
            parts = _write(one, engine, locale, now)
            if sum(map(len, engine.looked_up.made.values())) >= MOST_KEPT:
                for of_locale in engine.looked_up.made.values():
                    of_locale.clear()
            kept[one] = parts
        before, behind, hashed, source = parts
        pieces += (before, dumps(score), behind)
        hashes.append(hashed)
        sources[source] = sources.get(source, 0) + 1
    return b"[%s]" % b"".join(pieces)[1:], b"".join(hashes), sources


def _write(one: FoundItem, engine: Engine, locale: str, now: float) -> Parts:
    item = engine.looked_up.item(one, 0.0, translator(locale), now)
    product = item.product
    said = {"source": item.source, "reason": item.reason, **of_product(product)}
    return (
        b',{"item_id":%s,"score":' % orjson.dumps(product.item_id),
        b"," + orjson.dumps(said)[1:],
        hash_id(product.item_id).to_bytes(8, "little"),
        item.source,
    )


def item_to_json(item: AnsweredItem) -> dict[str, Any]:
    """One item with all its fields."""
    return {
        "item_id": item.product.item_id,
        "score": item.score,
        "source": item.source,
        "reason": item.reason,
        **of_product(item.product),
    }


def items_to_json(items: Sequence[AnsweredItem], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Items as they are sent, with these fields of each."""
    written = [item_to_json(item) for item in items]
    if fields is ITEM_FIELDS:
        return written
    wanted = ("item_id", *fields)
    return [{name: item[name] for name in wanted} for item in written]


def of_product(product: Product) -> dict[str, Any]:
    """What an answer says of a product; the catalogue's '' for "not given" is null there."""
    return {
        "title": product.title,
        "price": product.price,
        "sale_price": product.sale_price,
        "currency": product.currency or None,
        "link": product.link or None,
        "image_link": product.image_link or None,
        "category": product.product_type or None,
        "brand": product.brand or None,
    }
