"""The trainer's commands; they join `recsvc` through entry points."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from models.errors import InputError
from models.registry import Registry


@click.command()
@click.option(
    "--purchases",
    "locations",
    multiple=True,
    required=True,
    help="File, glob, directory or database URL; may be repeated.",
)
@click.option("--query", help="SQL query, with a database URL.")
@click.option(
    "--products",
    type=click.Path(path_type=Path),
    help="Catalogue in Merchant Center attributes: CSV, TSV, XML, JSONL, Parquet.",
)
@click.option("--customers", type=click.Path(path_type=Path), help="CSV or Parquet with customer_id, tier, locale.")
@click.option(
    "--format",
    "format_name",
    default="canonical",
    show_default=True,
    help="canonical, complete-journey, shopify, woocommerce or ga4.",
)
@click.option("--columns", help="Names in your file: customer_id=cust,item_id=sku,…")
@click.option("--config", type=click.Path(path_type=Path), help="Settings, recsvc.toml.")
@click.option(
    "--until",
    type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")),
    help="Leave out purchases from this moment on (UTC).",
)
@click.option("--no-publish", is_flag=True, help="Keep the model in the registry and go on serving the old one.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RECSVC_STORE",
    default=Path("var/store"),
    show_default="$RECSVC_STORE or var/store",
    help="Where bundles and state lie.",
)
def train(
    locations: tuple[str, ...],
    query: str | None,
    products: Path | None,
    customers: Path | None,
    format_name: str,
    columns: str | None,
    config: Path | None,
    until: datetime | None,
    no_publish: bool,
    quiet: bool,
    store: Path,
) -> None:
    """Learn from purchases, write a model into the registry and publish it.

    Prints the model's version and counts as JSON. A running service picks the model up within seconds.

    \b
    Example:
      recsvc train --purchases orders.csv --products feed.xml
      recsvc train --purchases 'exports/*.csv' --format shopify
      recsvc train --purchases orders.parquet --columns customer_id=cust,item_id=sku
    """
    from training.input import PurchaseSource
    from training.pipeline import STEPS, TrainingRequest, parse_columns
    from training.pipeline import train as run
    from training.progress import Steps
    from training.settings import TrainingSettings

    for path in (products, customers, config):
        if path is not None and not path.exists():
            raise InputError(f"{path}: no such file")
    request = TrainingRequest(
        sources=tuple(
            PurchaseSource(
                location=location,
                query=query,
                format=format_name,
                columns=parse_columns(columns) if columns else {},
                until=until.replace(tzinfo=UTC) if until else None,
            )
            for location in locations
        ),
        products=products,
        customers=customers,
        settings=TrainingSettings.read(config),
        publish=not no_publish,
    )
    registry = Registry(store)
    with Steps(STEPS, quiet=quiet) as steps:
        manifest = run(request, registry, steps, now=datetime.now(UTC))
    summary = {
        "version": manifest.version,
        "published": registry.current() == manifest.version,
        "window": manifest.window,
        "counts": dict(manifest.counts),
    }
    click.echo(json.dumps(summary))
