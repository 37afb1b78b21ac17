"""The trainer's commands; they join `recsvc` through entry points."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from models.errors import RefusedError
from models.remote_registry import open_registry
from training.options import QUIET, STORE, Days, input_options, request_of


@click.command()
@input_options
@click.option(
    "--horizon", type=Days(), help="How far lists look ahead: 28d, 4w. Without it: from the length of the shop's past."
)
@click.option(
    "--tune",
    "tune_minutes",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    metavar="MINUTES",
    help="First search for settings that suit this shop, for so long.",
)
@click.option("--untuned", is_flag=True, help="Go without the settings that the published model tuned.")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where purchases are prepared, counted and ranked: here, or on Spark (docs/spark.md).",
)
@click.option(
    "--since-last",
    is_flag=True,
    help="Read only what is new since the last training with this option, and carry on what that one learned.",
)
@click.option("--no-publish", is_flag=True, help="Keep the model in the registry and go on serving the old one.")
@click.option("--force", is_flag=True, help="Publish even what the gate refuses; the history says so.")
@QUIET
@STORE
def train(no_publish: bool, force: bool, quiet: bool, store: Path, **given: Any) -> None:
    """Learn from purchases, write a model into the registry, and publish it if it passes the gate.

    The model is measured in the last weeks beside the published one. One that is worse is kept, unpublished, with exit
    code 1 and the reason. Prints version, counts and measurements as JSON. A running service picks a published model up
    within seconds.

    \b
    Example:
      recsvc train --purchases orders.csv --products feed.xml
      recsvc train --purchases 'exports/*.csv' --format shopify
      recsvc train --purchases orders.parquet --columns customer_id=cust,item_id=sku
      recsvc train --purchases orders.csv --tune 60
      recsvc train --purchases s3://shop/orders/ --engine spark
      recsvc train --purchases exports/ --since-last
    """
    from training.pipeline import STEPS
    from training.pipeline import train as run
    from training.progress import Steps

    if given["since_last"] and given["engine"] == "spark":
        raise click.UsageError("--since-last is of this machine; --engine spark reads everything")
    if given["since_last"] and given["until"] is not None:
        raise click.UsageError("--since-last goes on to the newest purchase; leave out --until")
    if no_publish and force:
        raise click.UsageError("--force publishes and --no-publish does not; choose one")
    request = request_of(store=store, publish=not no_publish, force=force, **given)
    registry = open_registry(store)
    with Steps((*STEPS, *request.tuning.steps), quiet=quiet) as steps:
        outcome = run(request, registry, steps, now=datetime.now(UTC))
    manifest = outcome.manifest
    summary = {
        "version": manifest.version,
        "published": outcome.published,
        "reason": outcome.reason,
        "window": manifest.window,
        "counts": dict(manifest.counts),
        "tuned": manifest.settings["tuned"],
        "ndcg@10": {name: manifest.ndcg(name) for name in ("home", "discover")},
    }
    click.echo(json.dumps(summary))
    if outcome.reason and not (outcome.published or no_publish):
        raise RefusedError(
            f"{manifest.version} is kept, but not published: {outcome.reason}. See `recsvc models show "
            f"{manifest.version}`; publish it all the same with `recsvc models publish {manifest.version}`, or train "
            "with --force"
        )
