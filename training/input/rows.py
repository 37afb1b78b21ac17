"""Canonical rows: what every format delivers, and the checks that every row goes through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models.strings import LONGEST_ID
from training.input.cells import number_of, text_of, time_of
from training.input.engine import Tables
from training.input.readers import FILE, KEPT_CHARACTERS, ROW

LARGEST_QUANTITY = 1e7
LARGEST_PRICE = 1e9
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
PURCHASES = r"^(purchase|sale|order|buy)$"
RETURNS = r"^(return|refund)(ed)?$"
OLDER = "known from an earlier training"
IDS = ("item_id", "customer_id", "order_id", "line_id")
TEXTS = (*IDS, "type", "currency", "title")


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """Rows of a format, with some of the canonical columns of any type, and `_file`.

    Optional columns: `_row` (from 0, the place in the file; where it is missing, a row's place in the table is its
    place in the file), `title` (the item's name), `skip` (why a readable row is no purchase, null: it is one),
    `_broken` (true where the row could not be parsed). `names` gives the file's name of a canonical column. `refused`
    is the table of CSV records that could not be split. With `has_addresses` the customers may be e-mail addresses,
    and the files other personal data. `warnings` says what the format could not tell; `passed_over` counts, by
    reason, what was left out before it became a row.
    """

    table: ir.Table
    names: Mapping[str, str]
    refused: str | None = None
    has_addresses: bool = False
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)


@ibis.udf.scalar.builtin(name="chr")  # type: ignore[untyped-decorator]
def _character(code: int) -> str:  # type: ignore[empty-body]
    """The engine's own chr: a NUL byte cannot be written into a query."""


def check_rows(
    engine: Tables,
    name: str,
    rows: RawRows,
    *,
    source: str,
    now: datetime,
    until: datetime | None,
    since: datetime | None = None,
) -> ir.Table:
    """A table `name` of all rows with typed values, or with a `reason` why unreadable, or a `skip` why not counted.

    Rows before `since` are skipped as OLDER.

    Columns: customer, order, line, item, title, currency (text), quantity (> 0), price (float64), time (UTC, naive),
    is_return, reason, skip, value (the cell that the reason is about), raw (JSON of a row with a reason), `_file`,
    `_row`. Each step is a view: in one expression, every use of a cell would compute it again.
    """
    typed = engine.create_view(f"{name}_typed", _typed(rows, source))
    judged = engine.create_view(
        f"{name}_judged", _judged(typed, now=now, until=until, since=since, has_skip="skip" in rows.table.columns)
    )
    written = {rows.names[column]: judged[f"{column}_raw"].cast("string")[:KEPT_CHARACTERS] for column in _given(rows)}
    raw = ibis.struct(written).cast(dt.json).cast("string") if written else ibis.literal("{}")
    value = ibis.cases(
        *(
            (judged.reason.startswith(f"{column} "), judged[f"{column}_raw"].cast("string")[:100])
            for column in _given(rows)
        ),
        else_=ibis.null("string"),
    )
    bad = judged.reason.notnull()
    expression = judged.select(
        "customer", "order", "line", "item", "title", "currency", "quantity", "price", "time", "is_return", "reason",
        skip=bad.ifelse(ibis.null("string"), judged.skip),
        value=bad.ifelse(value, ibis.null("string")),
        raw=bad.ifelse(raw, ibis.null("string")),
        **{FILE: judged[FILE], ROW: judged[ROW]},
    )  # fmt: skip
    return engine.create_table(name, expression)


def _given(rows: RawRows) -> list[str]:
    return [column for column in rows.names if column in rows.table.columns]


def _typed(rows: RawRows, source: str) -> ir.Table:
    table = rows.table
    place = {name: f"{source}: the column '{rows.names.get(name, name)}'" for name in table.columns}
    nothing = ibis.null("string")
    texts = {name: text_of(table[name], place[name]) if name in table.columns else nothing for name in TEXTS}
    numbers: dict[str, ir.Value] = {}
    for name in ("quantity", "unit_price"):
        numbers[name] = number_of(table[name], place[name]) if name in table.columns else ibis.null("float64")
        numbers[f"has_{name}"] = _has_text(table, name)
    return table.select(
        **texts,
        **numbers,
        time=time_of(table.timestamp, place["timestamp"]),
        has_time=_has_text(table, "timestamp"),
        broken=table["_broken"] if "_broken" in table.columns else ibis.literal(False),
        skip=table["skip"] if "skip" in table.columns else nothing,
        **{f"{column}_raw": table[column] for column in _given(rows)},
        **{FILE: table[FILE], ROW: table[ROW].cast("int64") if ROW in table.columns else ibis.null("int64")},
    )


def _has_text(table: ir.Table, name: str) -> ir.BooleanValue:
    if name not in table.columns:
        return ibis.literal(False)
    column = table[name]
    if column.type().is_floating():
        return column.notnull() & ~column.isnan()
    if column.type().is_string():
        return text_of(column, name).notnull()
    return column.notnull()


def _judged(
    typed: ir.Table, *, now: datetime, until: datetime | None, since: datetime | None, has_skip: bool
) -> ir.Table:
    """The typed rows with `reason`, the first rule that a row breaks, and `skip`."""
    nothing = ibis.null("string")
    quantity = typed.has_quantity.ifelse(typed.quantity, 1.0)
    price = typed.has_unit_price.ifelse(typed.unit_price, ibis.null("float64"))
    kind = typed["type"].lower()
    is_returned = kind.notnull() & kind.re_search(RETURNS)
    problems: list[tuple[ir.BooleanValue, str]] = [
        (typed.broken, "the line is not a JSON object"),
        (typed.item_id.isnull(), "item_id is empty"),
        (typed.customer_id.isnull() & typed.order_id.isnull(), "customer_id is empty, and so is order_id"),
    ]
    for name in IDS:
        problems.append((typed[name].length() > LONGEST_ID, f"{name} is longer than {LONGEST_ID} characters"))
        problems.append((typed[name].contains(_character(0)), f"{name} has a NUL byte"))
    problems += [
        (~typed.has_time, "timestamp is empty"),
        (typed.time.isnull(), "timestamp is not a date"),
        (typed.time < ibis.literal(naive_utc(EARLIEST)), f"timestamp is before {EARLIEST.year}"),
        (typed.time > ibis.literal(naive_utc(now) + timedelta(days=1)), "timestamp is in the future"),
        (typed.has_quantity & quantity.isnull(), "quantity is not a number"),
        ((quantity.abs() > LARGEST_QUANTITY) | quantity.isnan(), f"quantity is beyond {LARGEST_QUANTITY:,.0f}"),
        (typed.has_unit_price & price.isnull(), "unit_price is not a number"),
        (
            (price < 0) | (price > LARGEST_PRICE) | price.isnan(),
            f"unit_price is not between 0 and {LARGEST_PRICE:,.0f}",
        ),
        (kind.notnull() & ~is_returned & ~kind.re_search(PURCHASES), "type is neither purchase nor return"),
    ]
    reason = _first_of(problems)
    skips = [(quantity == 0, "quantity is 0")]
    if until is not None:
        skips.append((typed.time >= ibis.literal(naive_utc(until)), f"at or after {until.isoformat()}"))
    if since is not None:
        skips.append((typed.time < ibis.literal(naive_utc(since)), OLDER))
    skip = _first_of(skips)
    if has_skip:
        # What a format leaves out is no purchase, readable or not: it is no reject either.
        reason = typed.skip.isnull().ifelse(reason, nothing)
        skip = ibis.coalesce(typed.skip, skip)
    return typed.select(
        typed,
        customer=typed.customer_id,
        order=typed.order_id,
        line=typed.line_id,
        item=typed.item_id,
        price=price,
        is_return=(quantity < 0) | is_returned,
        reason=reason,
    ).mutate(quantity=quantity.abs(), skip=skip, currency=typed.currency.upper())


def _first_of(conditions: Sequence[tuple[ir.BooleanValue, str]]) -> ir.StringValue:
    return ibis.cases(
        *((condition.fill_null(False), what) for condition, what in conditions), else_=ibis.null("string")
    )


def naive_utc(moment: datetime) -> datetime:
    """The moment in UTC without its time zone; a naive one is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
