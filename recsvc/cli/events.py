"""`recsvc events`: what becomes of stored events."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from recsvc.cli.talk import store_option

SPAN = re.compile(r"([1-9][0-9]{0,4})([dwh])")
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@click.group()
def events() -> None:
    """Live events: what the service was told of views, carts, purchases and returns."""


def span_of(_: click.Context, option: click.Parameter, given: str) -> timedelta:
    """'90d' as a time; refuses anything else."""
    found = SPAN.fullmatch(given)
    if found is None:
        raise click.BadParameter(f"{given!r} is no time; expected such as 90d, 12w or 48h", param=option)
    return timedelta(**{UNITS[found[2]]: int(found[1])})


@events.command()
@click.option("--keep", required=True, metavar="TIME", callback=span_of, help="What stays: 90d, 12w or 48h.")
@store_option
def prune(keep: timedelta, store: Path) -> None:
    """Delete events that happened longer ago.

    Keep at least what lies between two trainings with `--purchases live`, and what you want to measure campaigns by.
    Prints how many were deleted and how many are left.

    \b
    Example:
      recsvc events prune --keep 90d
    """
    from recsvc.events.store import count
    from recsvc.events.store import prune as delete
    from recsvc.state import open_database

    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    try:
        deleted = delete(database, datetime.now(UTC) - keep)
        click.echo(json.dumps({"deleted": deleted, "left": count(database)}))
    finally:
        database.dispose()
