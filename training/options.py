"""Options that several of the trainer's commands share: what to read, and with which settings."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import InputError

if TYPE_CHECKING:
    from training.pipeline import Engine, TrainingRequest

Decorator = Callable[[click.decorators.FC], click.decorators.FC]


class Days(click.ParamType[int]):
    """A number of days: '28d', '4w' or '28'."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Days as a whole number above 0."""
        found = re.fullmatch(r"(\d{1,4})\s*([dw]?)", str(value).strip().lower())
        days = int(found[1]) * (7 if found[2] == "w" else 1) if found else 0
        if not days:
            self.fail(f"{value!r} is no length of time; expected days or weeks, such as 28d or 4w", param, ctx)
        return days


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
        help="Catalogue in Merchant Center attributes, file, glob or directory: CSV, TSV, XML, JSONL, Parquet.",
    ),
    click.option(
        "--customers",
        type=click.Path(path_type=Path),
        help="Who wants no profile: customer_id, profiling_ok; as for `recsvc customers import`.",
    ),
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
    horizon: int | None = None,
    tune_minutes: float | None = None,
    untuned: bool = False,
    publish: bool = True,
    force: bool = False,
    engine: "Engine" = "duckdb",
    since_last: bool = False,
) -> "TrainingRequest":
    """What the input options ask for; raises InputError for a file that does not exist or columns that say nothing."""
    from training.input import PurchaseSource
    from training.input.files import FEED_KINDS, find_files
    from training.input.live import LIVE, live_url
    from training.pipeline import TrainingRequest, parse_columns
    from training.settings import TrainingSettings
    from training.tuning.chosen import Wish

    # Before the purchases are read, which may take minutes.
    if products is not None:
        find_files(str(products), FEED_KINDS)
    if customers is not None:
        find_files(str(customers))
    if config is not None and not config.exists():
        raise InputError(f"{config}: no such file")
    renamed = parse_columns(columns) if columns else {}
    end = until.replace(tzinfo=UTC) if until else None
    sources = tuple(
        PurchaseSource(location=live_url(store), format=LIVE, until=end)
        if location == LIVE
        else PurchaseSource(location=location, query=query, format=format_name, columns=renamed, until=end)
        for location in locations
    )
    settings = TrainingSettings.read(config)
    if horizon is not None:
        settings = replace(settings, ranker=replace(settings.ranker, horizon_days=horizon))
    return TrainingRequest(
        sources=sources,
        products=products,
        customers=customers,
        settings=settings,
        tuning=Wish(given=TrainingSettings.given(config), minutes=tune_minutes or 0.0, untuned=untuned),
        publish=publish,
        force=force,
        engine=engine,
        since_last=since_last,
    )
