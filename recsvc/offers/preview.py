"""One customer's mail, to look at."""

from dataclasses import replace

from recsvc.customers.table import Customer, find_customers
from recsvc.offers.mail import Mail, MailRenderer
from recsvc.offers.offer import Offer
from recsvc.offers.run import Run


def preview_offer(run: Run, customer_id: str) -> tuple[Offer, list[str]]:
    """The offer, and what to know about it: that this customer would get none, say, and why.

    Who is not in the table is shown the lists of a customer who agreed to a profile.
    """
    notes = []
    known = find_customers(run.database, [customer_id]).get(customer_id)
    if known is None:
        notes.append(f"customer {customer_id} is not in the customer table and would get no mail")
        shown = replace(Customer(customer_id), profiling_ok=True)
    else:
        shown = known
        refusal = run.refusal_audience().refusal(known)
        if refusal is not None:
            notes.append(f"customer {customer_id} would get no mail: {refusal}")
        if not known.profiling_ok:
            notes.append(
                f"customer {customer_id} has not agreed to a profile, so this is what is popular with everybody"
            )
    if shown.profiling_ok and run.engine.customers.find(customer_id) < 0:
        notes.append(f"the model does not know customer {customer_id}, so this is what is popular")
    ((_, offer),) = next(run.offers([shown], reserve=False))
    if not offer.items:
        notes.append("no slot could be filled; this mail would not be written")
    notes += [f"benefit {benefit.benefit_id}: {benefit.why}" for benefit in offer.benefits]
    if offer.no_benefit:
        notes.append(f"no benefit: {offer.no_benefit}")
    return offer, notes


def preview_mail(run: Run, customer_id: str) -> tuple[Mail, list[str]]:
    """The same as a mail."""
    offer, notes = preview_offer(run, customer_id)
    mail = MailRenderer(run.campaign, today=run.now.date()).render(offer)
    if mail.dropped:
        notes.append(f"{mail.dropped} of {len(offer.items)} items were left out, so that the mail stays below 80 kB")
    return mail, notes
