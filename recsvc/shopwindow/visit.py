"""Who is looking and what lies in the cart: all of it stands in the address, so that every page is a plain link."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from models.strings import LONGEST_ID
from recsvc.i18n import LANGUAGES, Translator, translator

LARGEST_CART = 20


@dataclass(frozen=True, kw_only=True)
class Visit:
    """`customer_id` None is a visitor whom nobody knows; `unchosen` says that the address named nobody at all."""

    customer_id: str | None = None
    cart: tuple[str, ...] = ()
    language: str = "en"
    unchosen: bool = False

    @property
    def words(self) -> Translator:
        return translator(self.language)

    def address(self, page: str = "/", *, also: Sequence[tuple[str, str]] = (), anchor: str = "") -> str:
        """The page as this visitor sees it; `also` are parameters of the page itself."""
        pairs = [("customer", self.customer_id or ""), *(("cart", item) for item in self.cart)]
        return f"{page}?{urlencode([*also, *pairs, ('lang', self.language)])}{anchor}"

    def as_customer(self, customer_id: str | None) -> "Visit":
        """Another customer comes with an empty cart."""
        return replace(self, customer_id=customer_id, cart=(), unchosen=False)

    def speaking(self, language: str) -> "Visit":
        return replace(self, language=language)

    def with_item(self, item_id: str) -> "Visit":
        """With one more item in the cart; the one that has lain there longest makes room."""
        kept = tuple(item for item in self.cart if item != item_id)
        return replace(self, cart=(*kept, item_id)[-LARGEST_CART:])

    def without_item(self, item_id: str) -> "Visit":
        return replace(self, cart=tuple(item for item in self.cart if item != item_id))


def read_visit(parameters: MultiDict[str, str], preferred_language: str) -> Visit:
    """The visit that an address describes; what makes no sense in it is left out."""
    named = parameters.get("customer")
    customer_id = named.strip()[:LONGEST_ID] if named else None
    cart = tuple(dict.fromkeys(item[:LONGEST_ID] for item in parameters.getlist("cart") if item))
    language = parameters.get("lang", preferred_language)
    return Visit(
        customer_id=customer_id or None,
        cart=cart[:LARGEST_CART],
        language=language if language in LANGUAGES else preferred_language,
        unchosen=named is None,
    )
