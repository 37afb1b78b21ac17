"""How many a campaign would reach, counted while somebody edits it."""

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa

from recsvc.console.campaign_files import Reach
from recsvc.console.desk import Desk
from recsvc.customers.table import BLOCK, Customer, count_customers, find_customers
from recsvc.engine import Engine
from recsvc.offers.audience import Audience
from recsvc.offers.campaign import Campaign
from recsvc.offers.similar_goods import SimilarGoods
from recsvc.offers.targeting import Targeting
from recsvc.state.schema import customers

MOST_SEEN = 20_000  # about a second


def reach_of(desk: Desk, campaign: Campaign, engine: Engine) -> tuple[Reach, list[str]]:
    """How many get the mail, and a few of them; of a large table an evenly drawn sample is looked at.

    Raises InputError for a category or item that nobody knows, and for an empty table.
    """
    database, now = desk.service.database, desk.service.clock()
    targeting = Targeting(campaign.audience, engine, now=now, lifecycle=lambda: desk.lifecycle(engine))
    audience = Audience(database, campaign, targeting, desk.suppressions(), SimilarGoods(engine), now).open()
    if campaign.audience_file is None and audience.size > MOST_SEEN:
        found: Iterator[Customer] = _sampled(audience, database)
    else:
        found = audience.customers()
    written, some = 0, list[str]()
    for customer in found:
        written += 1
        if len(some) < 5:
            some.append(customer.customer_id)
        seen = written + audience.left_out.total()
        if seen >= MOST_SEEN and campaign.audience_file is not None:
            break
    seen = written + audience.left_out.total()
    exact = seen >= audience.size
    return Reach(max(audience.size, seen) if exact else audience.size, seen, written, audience.left_out), some


def _sampled(audience: Audience, database: sa.Engine) -> Iterator[Customer]:
    """The readers among about MOST_SEEN customers."""
    ids = iter(sampled_ids(database, max(1, count_customers(database) // MOST_SEEN)))
    while block := list(islice(ids, BLOCK)):
        yield from audience.fit(list(find_customers(database, block).values()))


def sampled_ids(database: sa.Engine, every: int) -> list[str]:
    """About one customer in `every`, drawn evenly from the whole table, and the same ones while it stays as it is."""
    if database.dialect.name == "sqlite":
        drawn = sa.select(customers.c.customer_id).where(sa.text("customers.rowid % :every = 0")).params(every=every)
    else:
        part = customers.tablesample(sa.func.bernoulli(100 / every), seed=sa.literal(1))
        drawn = sa.select(part.c.customer_id)
    with database.connect() as connection:
        return list(connection.execute(drawn).scalars())
