"""Items as mails show them: what is the same for every reader is made once."""

from models.catalogue import Product
from recsvc.engine import AnsweredItem
from recsvc.i18n import format_price
from recsvc.offers.links import web_url
from recsvc.offers.offer import OfferItem
from recsvc.offers.prices import Claims
from recsvc.offers.targets import Targets
from recsvc.offers.unit_price import unit_price
from recsvc.plain import one_line

MOST_KEPT = 100_000


class ShownItems:
    """Makes the items of one campaign at one moment; without `claims` no reduction is announced."""

    def __init__(self, targets: Targets, claims: Claims | None) -> None:
        self._targets = targets
        self._claims = claims
        self._kept: dict[tuple[str, str, str], OfferItem] = {}

    def make(
        self, item: AnsweredItem, slot: str, locale: str, *, chance: float, link: str | None = None
    ) -> OfferItem:  # fmt: skip
        """One item of a list in a slot; `chance` that its reader buys it, NaN where nobody knows. `link` is the
        reader's own, where clicks are counted."""
        key = (item.product.item_id, slot, locale)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            kept = self._kept[key] = self._for_all(item.product, slot, locale)
        item_id, title, price, amount, currency, image, own_link, category, _, _, lowest, percent, per_unit, _ = kept
        return OfferItem(
            item_id, title, price, amount, currency, image, own_link if link is None else link, category, item.reason,
            item.source, lowest, percent, per_unit, chance,
        )  # fmt: skip

    def _for_all(self, product: Product, slot: str, locale: str) -> OfferItem:
        """What is the same for every reader of the slot."""
        item_id, currency, measure = product.item_id, product.currency, product.unit_pricing_measure
        amount = product.price if product.sale_price is None else product.sale_price
        claim = self._claims.of(item_id) if self._claims is not None and amount is not None else None
        return OfferItem(
            item_id=item_id,
            title=one_line(product.title),
            price="" if amount is None else format_price(amount, currency, locale),
            amount=amount,
            currency=currency,
            image=web_url(product.image_link) if product.image_link else "",
            link=self._targets.of(slot, item_id, product.link),
            category=one_line(product.product_type.rpartition(">")[2]),
            reason="",
            source="",
            lowest="" if claim is None else format_price(claim.lowest, currency, locale),
            percent=0 if claim is None else claim.percent,
            unit_price=unit_price(amount, currency, measure, locale) if amount and measure else "",
        )
