"""Items as mails show them: what is the same for every reader is made once."""

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
        self._kept: dict[str, tuple[str, str, str]] = {}

    def make(
        self, item: AnsweredItem, slot: str, locale: str, *, chance: float, link: str | None = None
    ) -> OfferItem:  # fmt: skip
        """One item of a list in a slot; `chance` that its reader buys it, NaN where nobody knows. `link` is the
        reader's own, where clicks are counted."""
        product = item.product
        item_id, currency, measure = product.item_id, product.currency, product.unit_pricing_measure
        kept = self._kept.get(item_id)
        if kept is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            category = one_line(product.product_type.rpartition(">")[2])
            image = web_url(product.image_link) if product.image_link else ""
            kept = self._kept[item_id] = (one_line(product.title), category, image)
        title, category, image = kept
        amount = product.price if product.sale_price is None else product.sale_price
        claim = self._claims.of(item_id) if self._claims is not None and amount is not None else None
        return OfferItem(
            item_id=item_id,
            title=title,
            price="" if amount is None else format_price(amount, currency, locale),
            amount=amount,
            currency=currency,
            image=image,
            link=self._targets.of(slot, item_id, product.link) if link is None else link,
            category=category,
            reason=item.reason,
            source=item.source,
            lowest="" if claim is None else format_price(claim.lowest, currency, locale),
            percent=0 if claim is None else claim.percent,
            unit_price=unit_price(amount, currency, measure, locale) if amount and measure else "",
            chance=chance,
        )
