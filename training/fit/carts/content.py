"""What an item is by its words: title, category, brand; so that items resemble each other before anyone buys them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from models.catalogue import Catalogue
from models.sparse import Rows, row_numbers, unit_rows
from training.fit.carts.matrices import table_of

# Words are letters, or numbers with what they measure.
WORDS = r"(?u)\b[^\W\d_]{2,}\b|\b\d+(?:[.,]\d+)?"
BRAND_WEIGHT = 0.3
# Words that more items have than this say too little to look for alternatives by, and cost too much.
COMMON = 1_000


@dataclass(frozen=True, eq=False)
class Content:
    """`vectors` items × words of unit length; `telling` the same without common words; both float32."""

    vectors: "Rows[Any]"
    telling: "Rows[Any]"

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Content":
        """An item without title, category and brand has an empty row."""
        titles, brands = list(catalogue.texts["title"]), list(catalogue.texts["brand"])
        categories = list(catalogue.categories)
        paths = [categories[category] if category >= 0 else "" for category in catalogue.category]
        parts = [
            _vectors(titles, None, 1.0),
            _vectors(paths, _levels, 1.0),
            _vectors(brands, _whole, BRAND_WEIGHT),
        ]
        vectors = unit_rows(sp.csr_array(sp.hstack(parts, format="csr")))
        frequency = np.bincount(vectors.indices, minlength=vectors.shape[1])
        return cls(vectors, _only(vectors, frequency <= COMMON))


def _levels(path: str) -> list[str]:
    """'A > B > C' as 'A', 'A > B' and 'A > B > C'."""
    names = path.split(" > ") if path else []
    return [" > ".join(names[: depth + 1]) for depth in range(len(names))]


def _whole(text: str) -> list[str]:
    return [text] if text else []


def _vectors(texts: list[str], analyzer: Any, weight: float) -> "Rows[Any]":
    parts = {"analyzer": analyzer} if analyzer is not None else {"token_pattern": WORDS}
    vectorizer = TfidfVectorizer(binary=True, norm=None, dtype=np.float32, **parts)
    try:
        return sp.csr_array(vectorizer.fit_transform(texts) * np.float32(weight))
    except ValueError:
        # scikit-learn refuses texts without any word, as of a shop without a catalogue: one word that no item has.
        nowhere = np.zeros(0, np.int64)
        return table_of((len(texts), 1), nowhere, nowhere, nowhere.astype(np.float32))


def _only(vectors: "Rows[Any]", words: NDArray[np.bool_]) -> "Rows[Any]":
    keep = words[vectors.indices]
    places = (row_numbers(vectors)[keep], vectors.indices[keep])
    return table_of(vectors.shape, *places, vectors.data[keep])
