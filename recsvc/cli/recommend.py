"""`recsvc recommend`: lists for one customer, a file of customers, all of them, or a file of queries."""

import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from models.errors import InputError
from models.remote_registry import open_registry
from models.scenarios import SCENARIOS
from recsvc.cli.talk import config_option, progress, say, store_option
from recsvc.engine import Engine, Query
from recsvc.faults import explained
from recsvc.files import CSV_HEAD, Tally, customer_ids, queries_of, whole_file, write_answers
from recsvc.placements import read_placements, shaped, unknown_placement
from recsvc.wishes import Wishes


@click.command()
@click.option("--customer", "customer_id", help="One customer's id.")
@click.option("--customers", type=click.Path(path_type=Path), help="CSV file with a column customer_id.")
@click.option("--all", "everybody", is_flag=True, help="Every customer that the model knows.")
@click.option("--queries", type=click.Path(path_type=Path), help="JSON lines: query_id, items, customer_id.")
@click.option(
    "--scenario",
    type=click.Choice(SCENARIOS),
    default=None,
    help="The kind of list.  [default: home; complements for --queries]",
)
@click.option("-n", "n", type=click.IntRange(1, 100), default=None, help="Items a list.  [default: 10]")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or de.")
@click.option("--placement", help="A list of the settings, see --config; it says scenario, n and more.")
@click.option("--filter", "filter_json", metavar="JSON", help="What every item must meet, as over HTTP.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="FILE.jsonl, .csv or .parquet; stdout (JSON lines) by default."
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    show_default="one a core, at most 4",
    help="That make the lists of --all, in JSON lines or CSV.",
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@config_option
@store_option
def recommend(
    customer_id: str | None,
    customers: Path | None,
    everybody: bool,
    queries: Path | None,
    scenario: str | None,
    n: int | None,
    locale: str,
    placement: str | None,
    filter_json: str | None,
    out: Path | None,
    processes: int | None,
    quiet: bool,
    config: Path | None,
    store: Path,
) -> None:
    """Write recommendation lists from the published model, one JSON line each, in the order of the input.

    \b
    Example:
      recsvc recommend --customer 900
      recsvc recommend --customers customers.csv -n 20 --out recs.jsonl
      recsvc recommend --queries carts.jsonl --out completions.jsonl
      recsvc recommend --customer 900 --filter '{"field": "price", "op": "<", "value": 20}'
      recsvc recommend --all --placement cart --config recsvc.toml --out cart.jsonl
    """
    ways = [customer_id is not None, customers is not None, everybody, queries is not None]
    if sum(ways) != 1:
        raise click.UsageError("give exactly one of --customer, --customers, --all, --queries")
    wishes = _wishes(placement, config, filter_json, scenario=scenario, n=n)
    if placement is None and scenario is None and queries is not None:
        wishes["scenario"] = "complements"
    engine = Engine.from_bundle(open_registry(store).open(verify=False), in_bulk=True)
    if everybody:
        _write_all(engine, store, wishes, locale, out, processes, quiet=quiet)
        return
    total: int | None
    asked: Iterable[Query]
    if queries is not None:
        asked, total = (replace(one, **wishes) for one in queries_of(queries, locale=locale)), None
    else:
        ids: Iterable[str]
        if customer_id is not None:
            ids, total = [customer_id], 1
        else:
            assert customers is not None
            ids, total = customer_ids(customers), None
        asked = (Query(customer_id=one, locale=locale, **wishes) for one in ids)
    with progress("lists", total, quiet=quiet) as meter:
        tally = Tally()
        answers = tally.over(meter.over(engine.recommend_many(asked, now=datetime.now(UTC))))
        write_answers(answers, out)
    if not quiet and out is not None:
        say(tally.summary(out))


def _write_all(
    engine: Engine,
    store: Path,
    wishes: dict[str, Any],
    locale: str,
    out: Path | None,
    processes: int | None,
    *,
    quiet: bool,
) -> None:
    """Everybody's lists, by several processes where there are many."""
    from recsvc.bulk import ENCODE, Recipe, known_customers, lines_by_processes
    from recsvc.offers.processes import default_processes

    total, tally, now = len(engine.customers), Tally(), datetime.now(UTC)
    kind = ".jsonl" if out is None else out.suffix
    several = (processes or default_processes(total)) if kind in ENCODE else 1
    with progress("lists", total, quiet=quiet) as meter:
        if several == 1:
            ids = known_customers(engine, 0, total)
            asked = (Query(customer_id=one, locale=locale, **wishes) for one in ids)
            write_answers(tally.over(meter.over(engine.recommend_many(asked, now=now))), out)
        else:
            recipe = Recipe(store=store, version=engine.version, wishes=wishes, locale=locale, now=now, kind=kind)
            with whole_file(out) if out is not None else nullcontext(sys.stdout.buffer) as stream:
                if kind == ".csv":
                    stream.write(CSV_HEAD)
                for lines in lines_by_processes(recipe, total, several):
                    stream.write(lines.text)
                    tally.add(lines.tally)
                    meter.advance(lines.tally.lists)
    if not quiet and out is not None:
        say(tally.summary(out))


def _wishes(placement: str | None, config: Path | None, filter_json: str | None, **given: object) -> dict[str, Any]:
    """What the lists are to be, as fields of a `Query`. Raises InputError."""
    asked = {name: value for name, value in given.items() if value is not None}
    if filter_json is not None:
        try:
            asked["filter"] = json.loads(filter_json)
        except ValueError as error:
            raise InputError(f"--filter is not JSON: {error}") from None
    named = read_placements(config)
    if placement is not None and placement not in named:
        raise InputError(unknown_placement(placement, named) + ("" if config else "; name the settings by --config"))
    try:
        wishes = Wishes.model_validate(asked)
    except ValidationError as error:
        raise InputError("--" + explained(error.errors(include_url=False)[0], Wishes.model_fields)) from None
    return shaped(wishes, placement, named[placement] if placement is not None else None)
