"""One customer's mail, to look at."""

from dataclasses import replace

import sqlalchemy as sa

from recsvc.customers.table import Customer, find_customers
from recsvc.offers.audience import Audience
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.selection import OfferMaker


def preview_mail(maker: OfferMaker, database: sa.Engine | None, customer_id: str) -> tuple[Mail, list[str]]:
    """The mail, and what to know about it: that this customer would get none, say, and why.

    Who is not in the table, or all when there is no database, is shown the lists of a customer who agreed to a profile.
    """
    notes = []
    known = find_customers(database, [customer_id]).get(customer_id) if database is not None else None
    if known is None:
        notes.append(f"customer {customer_id} is not in the customer table and would get no mail")
        known = Customer(customer_id)
        shown = replace(known, profiling_ok=True)
    else:
        shown = known
        refusal = Audience(database, maker.campaign, None).refusal(known) if database is not None else None
        if refusal is not None:
            notes.append(f"customer {customer_id} would get no mail: {refusal}")
        if not known.profiling_ok:
            notes.append(
                f"customer {customer_id} has not agreed to a profile, so this is what is popular with everybody"
            )
    if shown.profiling_ok and maker.engine.customers.find(customer_id) < 0:
        notes.append(f"the model does not know customer {customer_id}, so this is what is popular")
    offer = next(maker.offers([shown]))
    if not offer.items:
        notes.append("no slot could be filled; this mail would not be written")
    mail = MailRenderer(maker.campaign, today=maker.now.date()).render(offer)
    if mail.dropped:
        notes.append(f"{mail.dropped} of {len(offer.items)} items were left out, so that the mail stays below 80 kB")
    return mail, notes
