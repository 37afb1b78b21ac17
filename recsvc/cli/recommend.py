"""`recsvc recommend`: lists for one customer, a file of customers, all of them, or a file of queries."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from models.registry import Registry
from models.scenarios import SCENARIOS
from recsvc.cli.talk import progress, say, store_option
from recsvc.engine import Answer, Engine, Query
from recsvc.files import customer_ids, queries_of, write_answers


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
@click.option("-n", "n", type=click.IntRange(1, 100), default=10, show_default=True, help="Items a list.")
@click.option("--locale", default="en", show_default=True, help="Language of the reasons: en or de.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="FILE.jsonl, .csv or .parquet; stdout (JSON lines) by default."
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@store_option
def recommend(
    customer_id: str | None,
    customers: Path | None,
    everybody: bool,
    queries: Path | None,
    scenario: str | None,
    n: int,
    locale: str,
    out: Path | None,
    quiet: bool,
    store: Path,
) -> None:
    """Write recommendation lists from the published model, one JSON line each, in the order of the input.

    \b
    Example:
      recsvc recommend --customer 900
      recsvc recommend --customers customers.csv -n 20 --out recs.jsonl
      recsvc recommend --queries carts.jsonl --out completions.jsonl
    """
    ways = [customer_id is not None, customers is not None, everybody, queries is not None]
    if sum(ways) != 1:
        raise click.UsageError("give exactly one of --customer, --customers, --all, --queries")
    engine = Engine.from_bundle(Registry(store).open(verify=False))
    scenario = scenario or ("complements" if queries is not None else "home")
    total: int | None
    asked: Iterable[Query]
    if queries is not None:
        asked, total = queries_of(queries, scenario=scenario, n=n, locale=locale), None
    else:
        ids: Iterable[str]
        if customer_id is not None:
            ids, total = [customer_id], 1
        elif customers is not None:
            ids, total = customer_ids(customers), None
        else:
            ids, total = (engine.customers[c] for c in range(len(engine.customers))), len(engine.customers)
        asked = (Query(customer_id=one, scenario=scenario, n=n, locale=locale) for one in ids)
    with progress("lists", total, quiet=quiet) as meter:
        tally = Tally()
        answers = tally.over(meter.over(engine.recommend_many(asked, now=datetime.now(UTC))))
        write_answers(answers, out)
    if not quiet and out is not None:
        say(tally.summary(out))


class Tally:
    """Counts what went by."""

    def __init__(self) -> None:
        self.lists = self.filled = self.empty = 0

    def over(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        for answer in answers:
            self.lists += 1
            self.filled += answer.fallback is not None
            self.empty += not answer.items
            yield answer

    def summary(self, out: Path) -> str:
        return f"{self.lists:,} lists to {out}; {self.filled:,} with a fallback, {self.empty:,} empty"
