"""Cells of any column type as ids, numbers and times: Ibis expressions that give null where a cell cannot be read."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models.errors import InputError

# What spreadsheets, pandas, SQL and analytics write for 'nothing'.
NOTHING = ("", "null", "NULL", "None", "nan", "NaN", "<NA>", "\\N", "(not set)")
OFFSET = r"\s+([+-]\d{2}:?\d{2})$"
DAY_FIRST = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})"
EPOCH = r"^\d{9,19}$"
COMPACT_DAY = r"^((?:19|20)\d{2})(\d{2})(\d{2})$"
DECIMAL_COMMA = r"^[+-]?\d{1,3}(\.?\d{3})*,\d{1,2}$"
THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
UTC_TIME = dt.Timestamp(timezone="UTC", scale=6)
NAIVE_TIME = dt.Timestamp(scale=6)


def text_of(column: ir.Column, place: str) -> ir.StringColumn:
    """The cell as trimmed text, null where it is empty or says so; a whole number never ends in '.0'."""
    kind = column.type()
    if kind.is_nested():
        raise InputError(f"{place}: is nested ({kind}); expected plain values")
    if kind.is_floating():
        whole = column.round(0)
        text = ((column == whole) & (column.abs() < 1e15)).ifelse(
            column.try_cast("int64").cast("string"), column.cast("string")
        )
    elif kind.is_decimal():
        text = column.cast("string").re_replace(r"\.0+$", "")
    else:
        text = column.cast("string")
    trimmed = text.strip()
    # Comparison by comparison, since DuckDB makes a join of a longer IN list and then loses the order of rows.
    return ibis.cases(*((trimmed == word, ibis.null("string")) for word in NOTHING), else_=trimmed)


def number_of(column: ir.Column, place: str) -> ir.FloatingColumn:
    """The cell as float64: '3', '1234.5', '1,234.50', '12,50' (a comma before one or two digits is a decimal comma)."""
    kind = column.type()
    if kind.is_numeric():
        return column.cast("float64")
    if not kind.is_string():
        raise InputError(f"{place}: holds {kind} values; expected numbers")
    text = column.strip()
    return ibis.coalesce(
        text.try_cast("float64"),
        ibis.cases(
            (text.re_search(DECIMAL_COMMA), text.replace(".", "").replace(",", ".").try_cast("float64")),
            (text.re_search(THOUSANDS), text.replace(",", "").try_cast("float64")),
            else_=ibis.null("float64"),
        ),
    )


def time_of(column: ir.Column, place: str) -> ir.TimestampColumn:
    """The cell as a naive time in UTC; what has no offset is UTC already.

    Texts: ISO 8601 with T or a space, with or without offset, a day alone, 31.12.2025 [14:05], 20251231, and whole
    numbers of seconds, milli-, micro- or nanoseconds since 1970.
    """
    kind = column.type()
    if kind.is_timestamp():
        return column.cast(UTC_TIME).cast(NAIVE_TIME) if kind.timezone else column.cast(NAIVE_TIME)
    if kind.is_date():
        return column.cast(NAIVE_TIME)
    if kind.is_floating():
        return time_of(text_of(column, place), place)
    if kind.is_integer():
        return time_of(column.cast("string"), place)
    if not kind.is_string():
        raise InputError(f"{place}: holds {kind} values; expected dates and times")
    text = column.strip()
    iso = text.re_replace(OFFSET, r"\1").re_replace(DAY_FIRST, r"\3-\2-\1").re_replace(COMPACT_DAY, r"\1-\2-\3")
    return ibis.coalesce(
        text.re_search(r"^\d{4}-\d{2}-\d{2}").ifelse(text.try_cast(UTC_TIME), ibis.null(UTC_TIME)),
        text.re_search(EPOCH).ifelse(_from_epoch(text), iso.try_cast(UTC_TIME)),
    ).cast(NAIVE_TIME)


def _from_epoch(text: ir.StringColumn) -> ir.TimestampColumn:
    digits = text.length()
    seconds = text.try_cast("float64") / ibis.cases(
        (digits >= 18, 1e9),
        (digits >= 15, 1e6),
        (digits >= 12, 1e3),
        else_=1.0,
    )
    return seconds.cast("int64").as_timestamp("s").cast(UTC_TIME)
