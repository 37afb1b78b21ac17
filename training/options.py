"""Options that several of the trainer's commands share: what to read, and with which settings."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import InputError

if TYPE_CHECKING:
    from training.pipeline import TrainingRequest

Decorator = Callable[[click.decorators.FC], click.decorators.FC]

INPUT: tuple[Decorator[Any], ...] = (
    click.option(
        "--purchases",
        "locations",
        multiple=True,
        required=True,
        help="File, glob, directory, database URL, or `live`: what the service was told. May be repeated.",
    ),
    click.option("--query", help="SQL query, with a database URL."),
    click.option(
        "--products",
        type=click.Path(path_type=Path),
        help="Catalogue in Merchant Center attributes: CSV, TSV, XML, JSONL, Parquet.",
    ),
    click.option("--customers", type=click.Path(path_type=Path), help="CSV or Parquet with customer_id, tier, locale."),
    click.option(
        "--format",
        "format_name",
        default="canonical",
        show_default=True,
        help="canonical, complete-journey, shopify, woocommerce or ga4.",
    ),
    click.option("--columns", help="Names in your file: customer_id=cust,item_id=sku,…"),
    click.option("--config", type=click.Path(path_type=Path), help="Settings, recsvc.toml."),
    click.option(
        "--until",
        type=click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")),
        help="Leave out purchases from this moment on (UTC).",
    ),
)
STORE: Decorator[Any] = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RECSVC_STORE",
    default=Path("var/store"),
    show_default="$RECSVC_STORE or var/store",
    help="Where bundles and state lie.",
)
QUIET: Decorator[Any] = click.option("--quiet", is_flag=True, help="No progress on stderr.")


def input_options(command: click.decorators.FC) -> click.decorators.FC:
    """The options of `request_of`, in the order in which help shows them."""
    for option in reversed(INPUT):
        command = option(command)
    return command


def request_of(
    *,
    store: Path,
    locations: tuple[str, ...],
    query: str | None,
    products: Path | None,
    customers: Path | None,
    format_name: str,
    columns: str | None,
    config: Path | None,
    until: datetime | None,
    tune_minutes: float | None = None,
    untuned: bool = False,
    publish: bool = True,
    force: bool = False,
) -> "TrainingRequest":
    """What the input options ask for; raises InputError for a file that does not exist or columns that say nothing."""
    from training.input import PurchaseSource
    from training.input.live import LIVE, live_url
    from training.pipeline import TrainingRequest, parse_columns
    from training.settings import TrainingSettings
    from training.tuning.chosen import Wish

    for path in (products, customers, config):
        if path is not None and not path.exists():
            raise InputError(f"{path}: no such file")
    renamed = parse_columns(columns) if columns else {}
    end = until.replace(tzinfo=UTC) if until else None
    sources = tuple(
        PurchaseSource(location=live_url(store), format=LIVE, until=end)
        if location == LIVE
        else PurchaseSource(location=location, query=query, format=format_name, columns=renamed, until=end)
        for location in locations
    )
    return TrainingRequest(
        sources=sources,
        products=products,
        customers=customers,
        settings=TrainingSettings.read(config),
        tuning=Wish(given=TrainingSettings.given(config), minutes=tune_minutes or 0.0, untuned=untuned),
        publish=publish,
        force=force,
    )
