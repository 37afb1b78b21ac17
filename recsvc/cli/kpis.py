"""`recsvc kpis`: what recommendations and campaigns brought."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from recsvc.cli.talk import config_option, say, store_option
from recsvc.i18n import LANGUAGES

if TYPE_CHECKING:
    from models.registry import Registry


@click.command()
@click.argument("campaign", required=False)
@click.option(
    "--purchases", "files", multiple=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Orders as CSV or Parquet, beside those of /events; may be repeated.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 730), default=28, show_default=True, help="Lists of so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for people here.")
@click.option("--locale", type=click.Choice(LANGUAGES), default="en", show_default=True, help="The words' language.")
@click.option("--lookahead", metavar="MODEL", help="What this model would have brought, from explored lists.")
@config_option
@store_option
def kpis(
    campaign: str | None,
    files: tuple[Path, ...],
    days: int,
    as_json: bool,
    report: Path | None,
    locale: str,
    lookahead: str | None,
    config: Path | None,
    store: Path,
) -> None:
    """Say what lists, experiments and campaigns brought, against those who got nothing (see docs/measure.md).

    CAMPAIGN is the id of one campaign, or its file, by which the size of its holdout is checked, too.

    \b
    Example:
      recsvc kpis --report kpis.html
      recsvc kpis campaign.toml --purchases orders.csv --json
      recsvc kpis --lookahead 20260301T040000Z-1f2e3d4c
    """
    from models.errors import InputError
    from models.remote_registry import open_registry
    from recsvc.i18n import translator
    from recsvc.measure.asking import ask
    from recsvc.measure.report import report_html
    from recsvc.measure.written import Words, lines_of
    from recsvc.measure.written import as_json as written
    from recsvc.state import open_database

    registry = open_registry(store)
    if lookahead is not None:
        if campaign or files or report:
            raise click.UsageError("--lookahead goes with --days, --json and --locale alone")
        _look_ahead(registry, lookahead, config, store, days=days, locale=None if as_json else locale)
        return
    catalogue = None
    if registry.current() is not None:
        from recsvc.engine import Engine

        catalogue = Engine.from_bundle(registry.open(verify=False)).catalogue
    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    try:
        found = ask(database, catalogue, config, now=datetime.now(UTC), days=days, files=files, campaign=campaign)
    finally:
        database.dispose()
    if report is not None:
        try:
            report.write_text(report_html(found, locale), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{report}: {(error.strerror or str(error)).lower()}; choose another --report") from None
        say(f"written: {report}")
    if as_json:
        click.echo(orjson.dumps(written(found)))
    elif report is None:
        click.echo("\n".join(lines_of(found, Words(translator(locale), found.currency))))


def _look_ahead(
    registry: "Registry", model: str, config: Path | None, store: Path, *, days: int, locale: str | None
) -> None:  # fmt: skip
    """Prints words in a language, or JSON where none is wanted."""
    from recsvc.engine import Engine
    from recsvc.i18n import translator
    from recsvc.measure.lookahead import look_ahead
    from recsvc.measure.written import Words, lines_of_lookahead
    from recsvc.measure.written import as_json as written
    from recsvc.state import open_database

    engine = Engine.from_bundle(registry.open(model, verify=False), in_bulk=True)
    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    try:
        found = look_ahead(database, engine, config, now=datetime.now(UTC), days=days)
    finally:
        database.dispose()
    if locale is None:
        click.echo(orjson.dumps(written(found)))
    else:
        click.echo("\n".join(lines_of_lookahead(found, Words(translator(locale), ""))))
