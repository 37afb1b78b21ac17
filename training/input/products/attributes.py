"""Attributes of a feed as typed values: prices, availability, dates."""

from typing import NamedTuple

import ibis
import ibis.expr.types as ir
from babel.numbers import list_currencies

from training.input.cells import number_of, time_of

AVAILABILITY_WORDS = {
    "in_stock": ("in_stock", "instock", "limitedavailability", "onlineonly", "available"),
    "out_of_stock": ("out_of_stock", "outofstock", "soldout", "discontinued", "reserved", "instoreonly"),
    "preorder": ("preorder", "pre_order", "presale"),
    "backorder": ("backorder", "back_order", "madetoorder"),
}
TRUE = r"^(?i:yes|true|1|ads)$"
PRICE = r"^([A-Za-z]{3})?\s*([+-]?[0-9][0-9.,]*|[+-]?\.[0-9]+)\s*([A-Za-z]{3})?$"


class Price(NamedTuple):
    """`amount` is null where the text is none or no price; `readable` is false only for a text that is no price."""

    amount: ir.FloatingValue
    currency: ir.StringValue
    given: ir.BooleanValue
    readable: ir.BooleanValue
    known_currency: ir.BooleanValue


def price_of(text: ir.StringColumn) -> Price:
    """'12.50 EUR', 'EUR 12.50' or '12.50', also with a decimal comma."""
    shaped = text.re_search(PRICE).fill_null(False)
    amount = shaped.ifelse(number_of(text.re_extract(PRICE, 2), "price"), ibis.null("float64"))
    before, after = text.re_extract(PRICE, 1), text.re_extract(PRICE, 3)
    currency = shaped.ifelse(ibis.ifelse(after != "", after, before).upper(), "").fill_null("")
    return Price(
        amount=amount,
        currency=currency,
        given=text.notnull(),
        readable=text.isnull() | amount.notnull(),
        known_currency=(currency == "") | currency.isin(sorted(list_currencies())),
    )


def availability_of(text: ir.StringColumn) -> ir.StringValue:
    """Merchant Center's value, also for schema.org's names; 'unknown' for other texts, in_stock for none."""
    word = text.lower().re_replace(r"^https?://schema\.org/", "").re_replace(r"[\s\-]+", "_")
    return ibis.cases(
        (text.isnull(), "in_stock"),
        *((word.isin(words), value) for value, words in AVAILABILITY_WORDS.items()),
        else_="unknown",
    )


def seconds_of(text: ir.StringColumn) -> ir.IntegerValue:
    """Seconds since 1970, null for a text that is no date."""
    return time_of(text, "date").epoch_seconds().cast("int64")


def is_true(text: ir.StringColumn) -> ir.BooleanValue:
    return text.notnull() & text.re_search(TRUE)


def has_bad_check_digit(gtin: ir.StringColumn) -> ir.BooleanValue:
    """Not 8, 12, 13 or 14 digits, or a wrong check digit (GS1: from the right, every second one counts thrice)."""
    digits = gtin.re_replace(r"[\s\-]", "")
    shaped = digits.re_search(r"^([0-9]{8}|[0-9]{12,14})$")
    padded = shaped.ifelse(digits.lpad(14, "0"), "0" * 14)
    total = sum(
        (padded.substr(place, 1).cast("int64") * (1 if place % 2 else 3) for place in range(14)), ibis.literal(0)
    )
    return gtin.notnull() & ~(shaped & (total % 10 == 0))
