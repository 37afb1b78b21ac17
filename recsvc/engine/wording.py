"""From the source that carried an item to the sentence that its customer reads."""

from collections.abc import Sequence

from models.catalogue import Catalogue
from models.lists import Ranked
from models.ranking import contains, keys
from models.recommender import Recommender
from models.scenarios import SOURCES
from models.sources.protocol import Queries
from recsvc.i18n import translator
from recsvc.reasons import reason_text

KINDS = {
    "repeat": "again",
    "customers": "similar_customers",
    "neighbours": "bought",
    "factors": "similar_customers",
    "categories": "popular_category",
    "complements": "goes_with",
    "popular": "popular",
}


def reasons(
    recommender: Recommender, catalogue: Catalogue, queries: Queries, lists: Ranked, locales: Sequence[str]
) -> list[str]:
    """One sentence an item; a title that it names is of an item that really carried the score."""
    carriers = recommender.carriers(queries, lists)
    owned = contains(keys(queries.pairs.row, queries.pairs.item), keys(lists.scored.row, lists.scored.item))
    translators = {locale: translator(locale) for locale in set(locales)}
    sentences = []
    for at, (row, source) in enumerate(zip(lists.scored.row, lists.source, strict=True)):
        kind = "again" if owned[at] else KINDS[SOURCES[source]]
        carrier = int(carriers[at])
        title = catalogue.texts["title"][carrier] if carrier >= 0 else None
        if kind == "popular_category":
            title = catalogue.texts["product_type"][int(lists.scored.item[at])] or None
        if kind == "bought" and title is None:
            kind = "similar_customers"
        sentences.append(reason_text(kind, title=title, translator=translators[locales[int(row)]]))
    return sentences
