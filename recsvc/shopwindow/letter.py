"""The campaign's mail to one customer, as the shop window shows it: with drawn tiles, and no link that leads away."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from recsvc.customers.table import Customer, find_customers
from recsvc.engine import Engine
from recsvc.offers.campaign import Campaign, load_campaign
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.offer import Offer, OfferItem
from recsvc.offers.selection import OfferMaker
from recsvc.shopwindow.readable import readable_category, readable_reason, readable_title
from recsvc.shopwindow.tiles import tile_address

CAMPAIGN = Path(__file__).parent / "campaign.toml"
SENDER_LINKS = {
    "shop_url": "shop",
    "imprint_url": "imprint",
    "privacy_url": "privacy",
    "unsubscribe_url": "unsubscribe",
}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A rendered mail and its reader; `agreed` is whether a campaign would really write to them."""

    mail: Mail
    customer: Customer
    language: str
    sender: str
    agreed: bool


def known_customers(database: sa.Engine, ids: tuple[str, ...]) -> dict[str, Customer]:
    """Those that the customer table knows; nobody while the database is down."""
    try:
        return find_customers(database, ids)
    except sa.exc.SQLAlchemyError:
        return {}


def write_letter(
    engine: Engine, customer: Customer, *, language: str | None, origin: str, item_address: Callable[[str], str],
    now: datetime,
) -> Letter:  # fmt: skip
    """The mail in the customer's own language, or in another one.

    `origin` is the address of this service, `item_address` makes the address of an item's page from its id.
    """
    campaign = _at_home(load_campaign(CAMPAIGN), origin)
    maker = OfferMaker(campaign, engine, now=now, locale=language)
    offer = next(maker.offers([customer]))
    texts = engine.catalogue.texts["product_type"]

    def shown(item: OfferItem) -> OfferItem:
        place = engine.catalogue.items.find(item.item_id)
        category = texts[place] if place >= 0 else ""
        return item._replace(
            title=readable_title(item.title, category),
            category=readable_category(category),
            reason=readable_reason(item.reason),
            image=origin + tile_address(category),
            link=origin + item_address(item.item_id),
        )

    slots = tuple(replace(slot, items=tuple(shown(item) for item in slot.items)) for slot in offer.slots)
    mail = MailRenderer(campaign, today=now.date()).render(_rewritten(replace(offer, slots=slots), offer))
    return Letter(
        mail=mail,
        customer=customer,
        language=offer.language,
        sender=f"{campaign.sender.from_name} <{campaign.sender.from_address}>",
        agreed=customer.email_ok and bool(customer.email),
    )


def _at_home(campaign: Campaign, origin: str) -> Campaign:
    """The campaign with the links that the law wants leading to this service, wherever it runs."""
    links = {key: f"{origin}/shopwindow/elsewhere?to={place}" for key, place in SENDER_LINKS.items()}
    return replace(campaign, sender=replace(campaign.sender, **links))


def _rewritten(offer: Offer, original: Offer) -> Offer:
    """Subject and first words name an item too: by the title that the mail now gives it."""
    if not original.items:
        return offer
    before, after = original.items[0].title, offer.items[0].title
    texts = {
        name: getattr(offer, name).replace(before, after) for name in ("subject", "preheader", "greeting", "intro")
    }
    return replace(offer, **texts)
