"""From checked rows to order lines: codes for ids, duplicates once, returns taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from training.input.engine import Tables, count_of

SMALLEST_QUANTITY = 1e-6
KEYS = ("order", "item")
# (engine, name of the table to make, rows, column to add, columns that order them) -> the rows, numbered from 0 (int32)
Numbering = Callable[[Tables, str, ir.Table, str, Sequence[str]], ir.Table]


@dataclass(frozen=True)
class NettedLines:
    """`lines`: customer (−1: a guest), order, item (codes from 0), day, quantity, unit_price; one an order and item.

    `customers` and `items` are the tables of codes and ids, `code` ascending with `id`.
    """

    lines: ir.Table
    customers: ir.Table
    items: ir.Table
    orders: int
    duplicates: int
    return_rows: int
    returned: float
    unmatched: float
    currency: str | None
    currencies: int


def by_window(engine: Tables, name: str, rows: ir.Table, column: str, order_by: Sequence[str]) -> ir.Table:
    """Numbers rows by a window over all of them: for one machine."""
    number = ibis.row_number().over(order_by=[rows[key] for key in order_by]).cast("int32")
    table: ir.Table = engine.create_table(name, rows.mutate(**{column: number}).order_by(column))
    return table


def net_lines(
    engine: Tables,
    rows: ir.Table,
    feed_items: ir.Table | None,
    number: Numbering = by_window,
    currency_of_all: tuple[str | None, int] | None = None,
) -> NettedLines:
    """Net the rows, all of them purchases or returns; `feed_items` has the column id of items that a feed adds. Of a
    part of the rows, `currency_of_all` says what `main_currency` says of all.

    Rows have: space (orders of one space share their ids), customer, order, line, item (text; all but item may be
    null), currency, quantity, price, time, is_return, place (ascending in the order read).
    """
    currency, currencies = currency_of_all or main_currency(rows)
    if currencies > 1:
        # Prices in several currencies have no mean.
        rows = rows.mutate(
            price=(rows.currency.isnull() | (rows.currency == currency)).ifelse(rows.price, ibis.null("float64"))
        )
    ids = rows.select(id=rows.item).distinct()
    if feed_items is not None:
        ids = ids.union(feed_items.select("id"), distinct=True)
    items = number(engine, "items", ids, "code", ["id"]).select("code", "id")
    customer_ids = rows.filter(rows.customer.notnull()).select(id=rows.customer).distinct()
    customers = number(engine, "customers", customer_ids, "code", ["id"]).select("code", "id")
    coded, orders = _coded(engine, rows, customers, items, number)
    unique = _unique(engine, coded)
    duplicates = count_of(coded) - count_of(unique)
    lines = _sums(engine, "bought", unique.filter(~unique.is_return))
    back = unique.filter(unique.is_return)
    return_rows = count_of(back)
    if return_rows:
        lines, returned, unmatched = _take_back(engine, lines, _sums(engine, "returned", back))
    else:
        returned = unmatched = 0.0
    final = lines.join(orders, "order").select(
        lines.customer, lines.order, lines.item, orders.day, quantity=lines.quantity, unit_price=lines.unit_price
    )
    return NettedLines(
        lines=final,
        customers=customers,
        items=items,
        orders=count_of(orders),
        duplicates=duplicates,
        return_rows=return_rows,
        returned=returned,
        unmatched=unmatched,
        currency=currency,
        currencies=currencies,
    )


def main_currency(rows: ir.Table) -> tuple[str | None, int]:
    """The currency of most rows, and how many there are."""
    counts = rows.filter(rows.currency.notnull()).group_by("currency").agg(n=ibis._.count())
    found = counts.order_by(ibis.desc("n"), "currency").to_pyarrow().to_pylist()
    return (found[0]["currency"] if found else None), len(found)


def _coded(
    engine: Tables, rows: ir.Table, customers: ir.Table, items: ir.Table, number: Numbering
) -> tuple[ir.Table, ir.Table]:
    """Rows with codes for ids, and the orders with their first day. Orders are numbered by first time, then id."""
    rows = (
        rows.join(items, rows.item == items.id)
        .select(rows, item_code=items.code)
        .join(customers, ibis._.customer == customers.id, how="left")
    )
    day = rows.time.epoch_seconds() // 86_400
    numbered = rows.select(
        space="space",
        order_id=rows.order.fill_null(""),
        # Without an order id, what a customer bought on one day is one order.
        order_day=rows.order.isnull().ifelse(day, 0).cast("int32"),
        customer=rows.code.fill_null(-1).cast("int32"),
        item=rows.item_code,
        line="line",
        quantity="quantity",
        price="price",
        time="time",
        is_return="is_return",
        place="place",
    )
    numbered = engine.create_table("numbered", numbered)
    key = ["space", "order_id", "customer", "order_day"]
    bought = ibis.ifelse(numbered.is_return, ibis.null("timestamp"), numbered.time)
    orders = numbered.group_by(key).agg(first=ibis.coalesce(bought.min(), numbered.time.min()))
    orders = orders.mutate(day=(orders["first"].epoch_seconds() // 86_400).cast("int32"))
    orders = number(engine, "orders", orders, "order", ["first", "order_id", "customer", "space"])
    coded = numbered.join(orders, key).select(
        "order", "customer", "item", "line", "quantity", "price", "time", "is_return", "place"
    )
    return engine.create_table("coded", coded), orders.select("order", "day")


def _unique(engine: Tables, coded: ir.Table) -> ir.Table:
    """Each line once: by (order, line id, type), the row read last; without a line id, rows equal in everything."""
    columns = ["order", "customer", "item", "quantity", "price", "time", "is_return"]
    plain = coded.filter(coded.line.isnull()).select(columns).distinct()
    named = coded.filter(coded.line.notnull())
    if not count_of(named.limit(1)):
        return engine.create_table("unique", plain)
    last = ibis.row_number().over(group_by=["order", "line", "is_return"], order_by=ibis.desc("place"))
    kept = named.mutate(rank=last).filter(ibis._["rank"] == 0).select(columns)
    return engine.create_table("unique", plain.union(kept))


def _sums(engine: Tables, name: str, rows: ir.Table) -> ir.Table:
    """One row an (order, item): its customer, quantity, mean price by quantity of the rows with a price, first time."""
    priced = rows.price.notnull().ifelse(rows.quantity, 0.0)
    sums = rows.group_by(KEYS).agg(
        customer=rows.customer.min(),
        quantity=rows.quantity.sum(),
        unit_price=(rows.price * rows.quantity).sum() / priced.sum().nullif(0.0),
        time=rows.time.min(),
    )
    return engine.create_table(name, sums)


def _take_back(engine: Tables, bought: ir.Table, returned: ir.Table) -> tuple[ir.Table, float, float]:
    """Lines net of returns, the units taken back, and the units for which no purchase was found.

    A return takes from the same item of the same order; what is left takes from the customer's latest earlier
    purchases of the item.
    """
    back = returned.select("order", "item", "quantity")
    joined = bought.left_join(back, KEYS)
    after_order = engine.create_table(
        "after_order",
        joined.select(
            *(bought[name] for name in ("order", "item", "customer", "unit_price", "time")),
            quantity=ibis.greatest(bought.quantity - back.quantity.fill_null(0.0), 0.0),
        ),
    )
    here = bought.select("order", "item", here=bought.quantity)
    joined = returned.left_join(here, KEYS)
    left = engine.create_table(
        "left_over",
        joined.select(
            *(returned[name] for name in ("order", "item", "customer", "time")),
            quantity=returned.quantity - here.here.fill_null(0.0),
        ).filter(ibis._.quantity > SMALLEST_QUANTITY),
    )
    total = _sum(returned)
    known = left.filter(left.customer >= 0)
    net = engine.create_table("net", _latest_first(after_order, known))
    lines = net.filter(net.quantity > SMALLEST_QUANTITY)
    taken = _sum(bought) - _sum(net)
    return lines, taken, max(total - taken, 0.0)


def _latest_first(bought: ir.Table, returned: ir.Table) -> ir.Table:
    """Take each return from the customer's latest earlier purchases of the item.

    Purchases of one customer and item are a stack of units, on which a return eats from the top. With L the height of
    the stack after each event (a walk that stops at 0), a purchase keeps what lies between the height before it and
    the least height from it on.
    """
    pair = ["customer", "item"]
    affected = returned.select(pair).distinct()
    columns = ["order", "item", "customer", "unit_price", "time"]
    untouched = bought.anti_join(affected, pair).select(*columns, "quantity")
    pushes = bought.semi_join(affected, pair).select(*columns, "quantity", change=ibis._.quantity, pops=0)
    pops = returned.select(
        "order",
        "item",
        "customer",
        unit_price=ibis.null("float64"),
        time="time",
        quantity=0.0,
        change=-returned.quantity,
        pops=1,
    )
    events = pushes.union(pops.cast(dict(pushes.schema().items())))
    # At the same moment a purchase comes before a return.
    ahead = ibis.window(group_by=pair, order_by=["time", "pops", "order"], preceding=(None, 0))
    walked = events.mutate(sum=events.change.sum().over(ahead))
    walked = walked.mutate(least=ibis.least(walked["sum"].min().over(ahead), 0.0))
    walked = walked.mutate(height=walked["sum"] - walked.least)
    behind = ibis.window(group_by=pair, order_by=["time", "pops", "order"], following=(0, None))
    walked = walked.mutate(floor=walked.height.min().over(behind), before=walked.height - walked.change)
    kept = walked.filter(walked.pops == 0)
    quantity = ibis.greatest(ibis.least(kept.floor - kept.before, kept.quantity), 0.0)
    return untouched.union(kept.select(*columns, quantity=quantity))


def _sum(table: ir.Table) -> float:
    return float(table.quantity.sum().fill_null(0.0).to_pyarrow().as_py())
