"""What may be offered to who never agreed but bought: own goods similar to theirs, § 7 (3) UWG."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from recsvc.engine import Answer, Engine


class SimilarGoods:
    """Goods are similar when they are of the same kind: their category paths have the same parent, or are the same
    where a path has one part alone. What has no category is similar to itself only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kinds_of = lru_cache(maxsize=1_000)(self._kinds)

    def bought(self, customer_id: str) -> bool:
        """Whether the model knows a purchase, without which the law allows nothing."""
        return bool(self._kinds_of(customer_id))

    def only(self, customer_id: str, answer: Answer) -> Answer:
        """The answer without what is not similar to anything that the customer bought."""
        kinds = self._kinds_of(customer_id)
        items = tuple(
            item for item in answer.items if kind_of(item.product.product_type, item.product.item_id) in kinds
        )
        return replace(answer, items=items)

    def _kinds(self, customer_id: str) -> frozenset[str]:
        engine = self._engine
        place = engine.customers.find(customer_id)
        if place < 0:
            return frozenset()
        histories, catalogue = engine.recommender.histories, engine.catalogue
        items = np.unique(histories.item[histories.indptr[place] : histories.indptr[place + 1]]).tolist()
        paths = catalogue.texts["product_type"]
        return frozenset(kind_of(paths[item], catalogue.items[item]) for item in items)


def kind_of(path: str, item_id: str) -> str:
    """'food > dairy' for 'Food > Dairy > Milk'."""
    parts = [part.strip().lower() for part in path.split(">") if part.strip()]
    return " > ".join(parts[:-1] or parts) or f"item {item_id}"
