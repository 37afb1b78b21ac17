"""The trainer's commands; they join `recsvc` through entry points."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from models.registry import Registry
from training.options import QUIET, STORE, input_options, request_of


@click.command()
@input_options
@click.option("--no-publish", is_flag=True, help="Keep the model in the registry and go on serving the old one.")
@QUIET
@STORE
def train(no_publish: bool, quiet: bool, store: Path, **given: Any) -> None:
    """Learn from purchases, write a model into the registry and publish it.

    Prints the model's version and counts as JSON. A running service picks the model up within seconds.

    \b
    Example:
      recsvc train --purchases orders.csv --products feed.xml
      recsvc train --purchases 'exports/*.csv' --format shopify
      recsvc train --purchases orders.parquet --columns customer_id=cust,item_id=sku
    """
    from training.pipeline import STEPS
    from training.pipeline import train as run
    from training.progress import Steps

    request = request_of(publish=not no_publish, **given)
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
