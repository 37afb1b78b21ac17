"""`recsvc customers`: the table of those who may be written to."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from recsvc.cli.talk import progress, say, store_option


@click.group()
def customers() -> None:
    """Customers with address, language and consent."""


@customers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@store_option
def import_command(file: Path, as_json: bool, quiet: bool, store: Path) -> None:
    """Bring a CSV or Parquet FILE of customers into the table.

    Columns: customer_id (required), email, first_name, locale, email_ok, profiling_ok, tracking_ok, tier, points.
    A consent that is missing or empty is none. A customer already known gets the values of the columns that the
    file has; the rest stays. A row that cannot be used is left out and said.

    \b
    Example:
      recsvc customers import customers.csv
    """
    from recsvc.customers.fields import PARSERS
    from recsvc.customers.files import open_customer_file
    from recsvc.customers.importing import import_customers
    from recsvc.state import open_database

    engine = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    with open_customer_file(file, tuple(PARSERS)) as opened, progress("Customers", opened.total, quiet=quiet) as meter:
        summary = import_customers(engine, opened, now=datetime.now(UTC), advance=meter.advance)
    for column in summary.ignored_columns:
        say(f"column not used: {column}")
    for line, reason in summary.examples:
        say(f"{file}:{line}: {reason}")
    if summary.rejected > len(summary.examples):
        say("… " + "; ".join(f"{count} × {reason}" for reason, count in summary.reasons.most_common()))
    say(f"{summary.accepted} of {summary.rows} rows taken, {summary.rejected} left out")
    if as_json:
        report = {
            "rows": summary.rows,
            "accepted": summary.accepted,
            "rejected": summary.rejected,
            "reasons": dict(summary.reasons.most_common()),
            "ignored_columns": summary.ignored_columns,
        }
        click.echo(json.dumps(report, ensure_ascii=False))
