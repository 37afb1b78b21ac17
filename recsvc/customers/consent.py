"""Who may be written to: suppression beats objection beats consent; and the log of what each customer said."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from recsvc.customers.table import Customer
from recsvc.state import writing
from recsvc.state.mailing import PURPOSES, consents
from recsvc.state.schema import customers

CONSENT, EXISTING_CUSTOMER, OBJECTION = "consent", "existing_customer", "objection"
SUPPRESSED, OBJECTED, NO_CONSENT = "address suppressed", "objected to e-mail", "no consent to e-mail"
FLAGS = {"email": "email_ok", "profiling": "profiling_ok", "tracking": "tracking_ok"}


def refusal_to_mail(customer: Customer, *, suppressed: bool) -> str | None:
    """Why this customer may not be written to, None where they may."""
    if suppressed:
        return SUPPRESSED
    objected = customer.objected_at
    if objected is not None and (customer.consent_at is None or customer.consent_at <= objected):
        return OBJECTED
    return None if customer.email_ok else NO_CONSENT


def log_changes(
    connection: sa.Connection, rows: Sequence[Mapping[str, Any]], *, source: str, now: datetime
) -> None:  # fmt: skip
    """Add to the log what `rows`, about to be written to the customer table, change of each flag that they give."""
    purposes = [purpose for purpose in PURPOSES if rows and FLAGS[purpose] in rows[0]]
    if not purposes:
        return
    columns = [customers.c[FLAGS[purpose]] for purpose in purposes]
    before: dict[str, tuple[bool, ...]] = {}
    ids = [row["customer_id"] for row in rows]
    for start in range(0, len(ids), 1000):
        query = sa.select(customers.c.customer_id, *columns)
        for found in connection.execute(query.where(customers.c.customer_id.in_(ids[start : start + 1000]))):
            before[found[0]] = tuple(found[1:])
    entries = []
    for row in rows:
        # A newcomer's "no" is worth no line: nobody has consented until somebody says so.
        old = before.get(row["customer_id"], (False,) * len(purposes))
        for purpose, was in zip(purposes, old, strict=True):
            granted = row[FLAGS[purpose]]
            if granted != was:
                basis = (row.get("email_basis") if purpose == "email" else None) or CONSENT
                at = (row.get("consent_at") if granted else None) or now
                entries.append(_entry(row["customer_id"], purpose, granted, basis if granted else OBJECTION, at))
    if entries:
        connection.execute(sa.insert(consents), [{**entry, "source": source, "recorded_at": now} for entry in entries])


def object_to_mail(database: sa.Engine, customer_id: str, *, source: str, now: datetime) -> bool:
    """Record that a customer objects; False for one who is not in the table. The same again changes nothing."""
    with writing(database) as connection:
        changed = connection.execute(
            sa.update(customers)
            .where(
                customers.c.customer_id == customer_id,
                sa.or_(
                    customers.c.objected_at.is_(None),
                    customers.c.consent_at > customers.c.objected_at,
                ),
            )
            .values(email_ok=False, objected_at=now, consent_at=None, updated_at=now)
        )
        if changed.rowcount:
            entry = _entry(customer_id, "email", False, OBJECTION, now)
            connection.execute(sa.insert(consents), {**entry, "source": source, "recorded_at": now})
            return True
        known = sa.select(customers.c.customer_id).where(customers.c.customer_id == customer_id)
        return connection.scalar(known) is not None


def consent_log(database: sa.Engine, customer_ids: Iterable[str]) -> list[dict[str, Any]]:
    """What these customers said, in the order in which it was recorded."""
    query = sa.select(consents).where(consents.c.customer_id.in_(list(customer_ids))).order_by(consents.c.entry_id)
    with database.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def _entry(customer_id: str, purpose: str, granted: bool, basis: str, at: datetime) -> dict[str, Any]:
    return {"customer_id": customer_id, "purpose": purpose, "granted": granted, "basis": basis, "at": at}
