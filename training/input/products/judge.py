"""Judge a feed item by item: what its attributes say, which rules it breaks, whether it may be recommended."""

from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.catalogue import ALWAYS, AVAILABILITY, LABELS, NEVER
from models.errors import InputError, RefusedError
from models.strings import LONGEST_ID
from training.input.engine import count_of
from training.input.products.attributes import availability_of, has_bad_check_digit, is_true, price_of, seconds_of
from training.input.products.feed import Feed, ProductSettings, read_feed
from training.input.report import Finding, ProductsReport

EXAMPLES = 3
SHORTEST_DESCRIPTION = 30
WEB_ADDRESS = r"^(?i:https?)://[^\s]+$"
SECURE_ADDRESS = r"^(?i:https)://"
BY_WEIGHT = r"(?i:\b[0-9]+([.,][0-9]+)? ?(g|kg|mg|ml|cl|dl|l|ltr|liter|litre)\b)"
ERROR, WARNING, EXCLUDES = "error", "warning", "excludes"


@dataclass(frozen=True)
class Rule:
    """What is wrong where `column` of the judged table is true; `shown` is the attribute that an example shows."""

    column: str
    reason: str
    weight: str
    shown: str = "id"


RULES = (
    Rule("no_id", "id is missing", EXCLUDES, "title"),
    Rule("long_id", f"id is longer than {LONGEST_ID} characters", EXCLUDES),
    Rule("repeated", "id was there before; the first item with it counts", EXCLUDES),
    Rule("no_title", "title is missing", EXCLUDES),
    Rule("no_link", "link is missing", ERROR),
    Rule("no_image_link", "image_link is missing", ERROR),
    Rule("no_price", "price is missing", ERROR),
    Rule("bad_price", "price is not a number with a currency, such as 12.50 EUR", EXCLUDES, "price"),
    Rule("low_price", "price is not above 0", EXCLUDES, "price"),
    Rule("odd_currency", "price has an unknown currency", EXCLUDES, "price"),
    Rule("bad_sale", "sale_price is unusable; it is ignored", ERROR, "sale_price"),
    Rule("high_sale", "sale_price is not below price; it is ignored", ERROR, "sale_price"),
    Rule("bad_link", "link is no web address; it is ignored", ERROR, "link"),
    Rule("bad_image_link", "image_link is no web address; it is ignored", ERROR, "image_link"),
    Rule("plain_link", "link or image_link is not https", ERROR, "link"),
    Rule("odd_availability", f"availability is none of {', '.join(AVAILABILITY)}", EXCLUDES, "availability"),
    Rule("sold_out", "availability is out_of_stock", ERROR),
    Rule("undated", "availability_date is missing for preorder or backorder", ERROR, "availability"),
    Rule("bad_availability_date", "availability_date is not a date", ERROR, "availability_date"),
    Rule("bad_sale_date", "sale_price_effective_date is not START/END; no sale", ERROR, "sale_price_effective_date"),
    Rule("bad_expiration", "expiration_date is not a date", EXCLUDES, "expiration_date"),
    Rule("expired", "expiration_date is past", ERROR, "expiration_date"),
    Rule("paused", "pause is set", EXCLUDES),
    Rule("no_category", "neither product_type nor google_product_category", WARNING),
    Rule("unidentified", "neither brand with gtin, nor identifier_exists=no", WARNING),
    Rule("bad_gtin", "gtin has a wrong length or check digit", WARNING, "gtin"),
    Rule("short_description", f"description is shorter than {SHORTEST_DESCRIPTION} characters", WARNING),
    Rule("lone_variant", "color, size, material or pattern without item_group_id", WARNING),
    Rule("no_measure", "sold by weight or volume, without unit_pricing_measure", WARNING, "title"),
    Rule("no_currency", "price has no currency", WARNING, "price"),
    Rule("other_currency", "price is not in the shop's usual currency", WARNING, "price"),
    Rule("bad_cost", "cost_of_goods_sold is unusable; it is ignored", WARNING, "cost_of_goods_sold"),
    Rule("high_cost", "cost_of_goods_sold is above price", WARNING, "cost_of_goods_sold"),
)  # fmt: skip


@dataclass(frozen=True)
class JudgedFeed:
    """`items`: one row a distinct id, with the catalogue's attributes and `listed`; and the report."""

    items: ir.Table
    report: ProductsReport


def judge_feed(
    engine: Backend,
    location: Path,
    *,
    shown: str,
    settings: ProductSettings,
    now: float,
    previous_items: int | None,
    work_dir: Path,
) -> JudgedFeed:
    """Read and judge a feed, called `shown` in messages; `now` in seconds since 1970.

    Raises InputError where nothing of it can be recommended, RefusedError where it has far fewer items than before.
    """
    feed = read_feed(engine, str(location), work_dir)
    values = engine.create_table("feed_values", _values(feed.rows))
    judged = engine.create_table("feed_judged", _judged(values, settings, now, _usual_currency(values)))
    items = engine.create_table("feed_items", judged.filter(~(judged.no_id | judged.long_id | judged.repeated)))
    report = _report(shown, feed, judged, items, now)
    if not report.recommendable:
        reasons = "; ".join(f"{finding.count:,} × {finding.reason}" for finding in report.errors[:4])
        raise InputError(f"{shown}: none of its {report.items:,} items may be recommended: {reasons or 'it is empty'}")
    if previous_items is not None and report.items < (1 - settings.max_shrink) * previous_items:
        raise RefusedError(
            f"{shown}: has {report.items:,} items where the feed before had {previous_items:,}; it looks cut off. "
            "If the shop did shrink, raise max_shrink in [products] of recsvc.toml"
        )
    return JudgedFeed(items, report)


def _values(rows: ir.Table) -> ir.Table:
    price, sale, cost = price_of(rows.price), price_of(rows.sale_price), price_of(rows.cost_of_goods_sold)
    dates = rows.sale_price_effective_date.split("/")
    known = rows.availability
    return rows.mutate(
        amount=price.amount,
        currency=price.currency,
        known_currency=price.known_currency,
        sale_amount=sale.amount,
        sale_currency=sale.currency,
        cost_amount=cost.amount,
        cost_currency=cost.currency,
        sale_from=seconds_of(dates[0]),
        sale_until=seconds_of(dates[1]),
        available_from=seconds_of(rows.availability_date),
        expires=seconds_of(rows.expiration_date),
        stock=availability_of(known),
        paused=is_true(rows.pause),
        identifier_exists=~rows.identifier_exists.fill_null("").lower().isin(["no", "false", "0"]),
        nth=ibis.row_number().over(group_by=rows.id, order_by=rows.place),
    )


def _usual_currency(values: ir.Table) -> str:
    counts = values.filter(values.currency != "").group_by("currency").agg(n=ibis._.count())
    found = counts.order_by(ibis.desc("n"), "currency").limit(1).to_pyarrow()["currency"].to_pylist()
    return found[0] if found else ""


def _judged(values: ir.Table, settings: ProductSettings, now: float, usual: str) -> ir.Table:
    """The catalogue's attributes, one column a rule that is true where an item breaks it, and `listed`."""
    v = values
    later = v.stock.isin(["preorder", "backorder"])
    link = _address(v.link)
    image_link = _address(v.image_link)
    good_price = (v.amount > 0) & v.known_currency
    good_sale = (v.sale_amount > 0) & ((v.sale_currency == "") | (v.sale_currency == v.currency))
    good_dates = v.sale_from.notnull() & v.sale_until.notnull() & (v.sale_from < v.sale_until)
    good_cost = (v.cost_amount >= 0) & ((v.cost_currency == "") | (v.cost_currency == v.currency))
    is_variant = v.color.notnull() | v["size"].notnull() | v.material.notnull() | v.pattern.notnull()
    broken = {
        "no_id": v.id.isnull(),
        "long_id": v.id.length() > LONGEST_ID,
        "repeated": v.id.notnull() & (v.nth > 0),
        "no_title": v.title.isnull(),
        "no_link": v.link.isnull(),
        "no_image_link": v.image_link.isnull(),
        "no_price": v.price.isnull(),
        "bad_price": v.price.notnull() & v.amount.isnull(),
        "low_price": v.amount <= 0,
        "odd_currency": v.amount.notnull() & ~v.known_currency,
        "bad_sale": v.sale_price.notnull() & ~(good_sale & good_price).fill_null(False),
        "high_sale": good_sale & good_price & (v.sale_amount >= v.amount),
        "bad_link": v.link.notnull() & link.isnull(),
        "bad_image_link": v.image_link.notnull() & image_link.isnull(),
        "plain_link": ~link.re_search(SECURE_ADDRESS) | ~image_link.re_search(SECURE_ADDRESS),
        "odd_availability": v.stock == "unknown",
        "sold_out": v.stock == "out_of_stock",
        "undated": later & v.availability_date.isnull(),
        "bad_availability_date": later & v.availability_date.notnull() & v.available_from.isnull(),
        "bad_sale_date": v.sale_price_effective_date.notnull() & ~good_dates,
        "bad_expiration": v.expiration_date.notnull() & v.expires.isnull(),
        "expired": v.expires <= int(now),
        "no_category": v.product_type.isnull() & v.google_product_category.isnull(),
        "unidentified": (v.brand.isnull() | v.gtin.isnull()) & v.identifier_exists,
        "bad_gtin": has_bad_check_digit(v.gtin),
        "short_description": v.description.fill_null("").length() < SHORTEST_DESCRIPTION,
        "lone_variant": is_variant & v.item_group_id.isnull(),
        "no_measure": v.title.re_search(BY_WEIGHT) & v.unit_pricing_measure.isnull(),
        "no_currency": v.amount.notnull() & (v.currency == ""),
        "other_currency": (v.currency != "") & (v.currency != usual),
        "bad_cost": v.cost_of_goods_sold.notnull() & ~good_cost.fill_null(False),
        "high_cost": good_cost & (v.cost_amount > v.amount),
    }
    broken = {name: condition.fill_null(False) for name, condition in broken.items()}
    excluding = [broken[rule.column] for rule in RULES if rule.weight == EXCLUDES and rule.column in broken]
    usable = {"link": link, "image_link": image_link, "price": good_price.ifelse(v.amount, ibis.null("float64"))}
    excluding += [usable.get(name, v[name]).isnull() for name in settings.require] + [v.paused]
    on_sale = ~(broken["bad_sale"] | broken["high_sale"] | broken["bad_sale_date"])
    nothing = ibis.null("float64")
    return v.select(
        "id", "title", "description", "brand", "item_group_id", "unit_pricing_measure", "unit_pricing_base_measure",
        "place", "paused", *LABELS,
        **broken,
        **{f"{rule.shown}_shown": v[rule.shown] for rule in RULES},
        link=link,
        image_link=image_link,
        product_type=ibis.coalesce(v.product_type, v.google_product_category),
        currency=ibis.ifelse(v.currency == "", usual, v.currency),
        price=good_price.ifelse(v.amount, nothing),
        sale_price=on_sale.ifelse(v.sale_amount, nothing),
        cost_of_goods_sold=good_cost.ifelse(v.cost_amount, nothing),
        sale_from=good_dates.ifelse(v.sale_from, ALWAYS).fill_null(ALWAYS),
        sale_until=good_dates.ifelse(v.sale_until, NEVER).fill_null(NEVER),
        available_from=later.ifelse(v.available_from, ALWAYS).fill_null(ALWAYS),
        expires=v.expires.fill_null(NEVER),
        availability=ibis.cases(
            *((v.stock == value, number) for number, value in enumerate(AVAILABILITY)),
            else_=AVAILABILITY.index("out_of_stock"),
        ).cast("uint8"),
        listed=~_any(excluding),
    )  # fmt: skip


def _any(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    result = conditions[0]
    for condition in conditions[1:]:
        result = result | condition
    return result


def _address(text: ir.StringColumn) -> ir.StringValue:
    return text.re_search(WEB_ADDRESS).fill_null(False).ifelse(text, ibis.null("string"))


def _report(location: str, feed: Feed, judged: ir.Table, items: ir.Table, now: float) -> ProductsReport:
    sums = judged.agg(**{rule.column: judged[rule.column].cast("int64").sum() for rule in RULES})
    counts = {name: count or 0 for name, count in sums.to_pyarrow().to_pylist()[0].items()}
    found: dict[bool, list[Finding]] = {True: [], False: []}
    for rule in RULES:
        if counts[rule.column]:
            shown = judged.filter(judged[rule.column]).order_by("place").limit(EXAMPLES)
            rows = shown.select("id", value=f"{rule.shown}_shown").to_pyarrow().to_pylist()
            examples = tuple(
                f"id {row['id']!r}" + (f": {rule.shown} is {row['value']!r}" if rule.shown != "id" else "")
                for row in rows
            )
            found[rule.weight == WARNING].append(
                Finding(reason=rule.reason, count=counts[rule.column], examples=examples)
            )
    if feed.unread:
        found[False].insert(0, Finding(reason="the row cannot be split into cells", count=feed.unread))
    n_errors = _any([judged[rule.column] for rule in RULES if rule.weight != WARNING])
    complete = count_of(judged.filter(~n_errors))
    showable = items.listed & (items.availability != AVAILABILITY.index("out_of_stock"))
    showable &= (items.available_from <= int(now)) & (items.expires > int(now))
    total = count_of(judged) + feed.unread
    return ProductsReport(
        location=location,
        items=count_of(items),
        recommendable=count_of(items.filter(showable)),
        complete_share=complete / total if total else 0.0,
        errors=tuple(sorted(found[False], key=lambda finding: -finding.count)),
        warnings=tuple(sorted(found[True], key=lambda finding: -finding.count)),
    )
