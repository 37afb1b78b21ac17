"""Why an item is in a list, in words that a customer understands."""

from collections.abc import Callable
from functools import lru_cache

from recsvc.i18n import Translator
from recsvc.plain import shortened

LONGEST_TITLE = 60

# Each kind: the sentence, and the sentence for when the title is not known.
_SENTENCES: dict[str, Callable[[Translator], tuple[str, str]]] = {
    "again": lambda t: (t.gettext("You buy this regularly"),) * 2,
    "before": lambda t: (t.gettext("You have bought this before"),) * 2,
    "due": lambda t: (t.gettext("Time to buy it again"),) * 2,
    "bought": lambda t: (t.gettext("Because you bought “{title}”"), t.gettext("Suits what you have bought")),
    "looked_at": lambda t: (t.gettext("Because you looked at “{title}”"), t.gettext("Suits what you looked at")),
    "goes_with": lambda t: (t.gettext("Goes well with “{title}”"), t.gettext("Goes well with your choice")),
    "similar": lambda t: (t.gettext("Similar to “{title}”"), t.gettext("Similar to your choice")),
    "similar_customers": lambda t: (t.gettext("Customers with a taste like yours buy this"),) * 2,
    "popular": lambda t: (t.gettext("Popular right now"),) * 2,
    "popular_category": lambda t: (t.gettext("Popular in “{title}”"), t.gettext("Popular right now")),
    "pinned": lambda t: (t.gettext("Our suggestion"),) * 2,
    "new": lambda t: (t.gettext("New in our range"),) * 2,
}
KINDS = tuple(_SENTENCES)


@lru_cache(maxsize=20_000)
def reason_text(kind: str, *, title: str | None, translator: Translator) -> str:
    """One sentence in the translator's language; `kind` is one of KINDS (KeyError otherwise).

    `title` is the item that led here (`bought`, `looked_at`, `goes_with`, `similar`) or a category, whose path is
    shortened to its last part (`popular_category`); the other kinds take no notice of it. Without it the sentence says
    the same less exactly.
    """
    named, unnamed = _SENTENCES[kind](translator)
    if kind == "popular_category" and title:
        title = title.rpartition(">")[2]
    title = shortened(title or "", LONGEST_TITLE)
    return named.format(title=title) if title else unnamed.format(title="")
