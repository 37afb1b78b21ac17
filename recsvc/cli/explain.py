"""`recsvc explain`: why a customer gets this list; why one item, or why not."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from models.errors import InputError
from models.remote_registry import open_registry
from models.scenarios import SCENARIOS
from recsvc.cli.talk import print_table, say, store_option
from recsvc.engine import Engine, Explanation, Past, Query
from recsvc.engine import explain as explained
from recsvc.engine.feature_words import in_words
from recsvc.plain import shortened

LAST_ORDERS, LINES_AN_ORDER = 3, 6
IN_THE_TABLE = 3


@click.command()
@click.argument("customer")
@click.argument("item", required=False)
@click.option("--scenario", type=click.Choice(SCENARIOS), default="home", show_default=True, help="The kind of list.")
@click.option("-n", "n", type=click.IntRange(1, 100), default=10, show_default=True, help="Items of the list.")
@click.option("--items", default="", help="Item ids of a cart or a product page, with commas between them.")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or de.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@store_option
def explain(
    customer: str, item: str | None, scenario: str, n: int, items: str, locale: str, as_json: bool, store: Path
) -> None:
    """Why CUSTOMER gets this list from the published model; with ITEM, why it is in it, or what keeps it out.

    \b
    Example:
      recsvc explain 900
      recsvc explain 900 1082185 --scenario discover
    """
    engine = Engine.from_bundle(open_registry(store).open(verify=False))
    cart = tuple(text.strip() for text in items.split(",") if text.strip())
    for asked in cart:
        if engine.catalogue.items.find(asked) < 0:
            raise InputError(f"--items: {asked!r} is not in the catalogue of model {engine.version}")
    now = datetime.now(UTC)
    query = Query(customer_id=customer, items=cart, scenario=scenario, n=n, locale=locale)
    answer = engine.recommend(query, now=now)
    about = [one.product.item_id for one in answer.items] if item is None else [item]
    told = explained(engine, answer, about, now=now)
    past = engine.past(customer, orders=LAST_ORDERS)
    known = engine.customers.find(customer) >= 0
    if as_json:
        table = {
            "customer_id": customer,
            "known": known,
            "scenario": scenario,
            "model_version": engine.version,
            "fallback": answer.fallback,
            "past": asdict(past),
            "items": [asdict(one) for one in told],
        }
        click.echo(json.dumps(table, indent=1, ensure_ascii=False, default=str))
        return
    if not known:
        say(f"the model does not know customer {customer!r}: no training saw a purchase of theirs")
    _tell_past(customer, past)
    if answer.fallback is not None:
        click.echo(f"`{answer.fallback}` filled the list where `{scenario}` had nothing to say.\n")
    if item is None:
        _tell_list(told)
    else:
        _tell_item(told[0], scenario)


def _tell_past(customer: str, past: Past) -> None:
    if not past.orders:
        return
    orders, items = counted(past.orders, "order"), counted(past.items, "different item")
    click.echo(f"Customer {customer}: {orders} of {items} since {past.since}. The last ones:")
    for order in past.last:
        names = [_named(line.title, line.item_id) for line in order.lines[:LINES_AN_ORDER]]
        more = len(order.lines) - len(names)
        click.echo(f"  {order.day}  {', '.join(names)}{f' and {more:,} more' if more else ''}")
    click.echo()


def _tell_list(told: Sequence[Explanation]) -> None:
    if not told:
        click.echo("The list is empty.")
        return
    print_table(
        ("", "item", "title", "score", "source", "reason", "what counted most"),
        (
            (
                one.rank,
                one.item_id,
                _named(one.title, ""),
                f"{one.score:.4f}",
                one.source,
                one.reason,
                _main_features(one),
            )
            for one in told
        ),
    )


def _main_features(one: Explanation) -> str:
    if one.ranking is None:
        return f"ordered by {one.ordered_by}"
    return "; ".join(
        f"{share.contribution:+.2f} {in_words(share.name)}" for share in one.ranking.features[:IN_THE_TABLE]
    )


def _tell_item(one: Explanation, scenario: str) -> None:
    click.echo(f"{_named(one.title, one.item_id)} ({one.item_id})")
    if one.listed:
        click.echo(f"  is number {one.rank} of `{scenario}`: “{one.reason}”")
    for step in one.removed_by:
        click.echo(f"  is not in `{scenario}`: {step.detail}")
    if one.score is not None:
        click.echo(f"  score {one.score:.6f}, ordered by {one.ordered_by}, carried by {one.source}")
    for told in one.sources:
        of_limit = f"of the {told.limit} that it proposes" if told.proposed else f"it proposes {told.limit}"
        signal = f" ({told.signal})" if told.signal != told.source else ""
        click.echo(f"  {told.source}{signal}: rank {told.rank}, {of_limit}; score {told.score:.6g}")
    for carrier in one.carriers:
        part = f", {carrier.share:.0%} of what neighbours say" if carrier.share is not None else ""
        click.echo(f"  leads here: {_named(carrier.title, carrier.item_id)} ({carrier.item_id}){part}")
    if one.ranking is not None:
        click.echo(f"  the ranker's log-odds are {one.ranking.raw:+.3f}:")
        click.echo(f"    {one.ranking.base:+.3f}  every item")
        for share in one.ranking.features:
            value = "none" if share.value is None else f"{share.value:.4g}"
            click.echo(f"    {share.contribution:+.3f}  {in_words(share.name)} ({share.name} = {value})")
        click.echo(f"    {one.ranking.others:+.3f}  everything else")


def _named(title: str, otherwise: str) -> str:
    return shortened(title, 40) or otherwise


def counted(number: int, noun: str) -> str:
    """'1 order', '2 orders'."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
