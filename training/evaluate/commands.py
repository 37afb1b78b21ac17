"""`recsvc evaluate`."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from models.errors import InputError
from models.remote_registry import open_registry
from training.options import QUIET, STORE, Days, input_options, request_of


class Evaluate(click.Command):
    """Lets one -k take several numbers: `-k 10 20`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeats -k before every number that follows one."""
        spread: list[str] = []
        after_k = False
        for place, argument in enumerate(args):
            if argument.isdigit() and after_k and args[place - 1] != "-k":
                spread.append("-k")
            after_k = argument == "-k" or (after_k and argument.isdigit())
            spread.append(argument)
        return super().parse_args(ctx, spread)


@click.command(cls=Evaluate)
@input_options
@click.option(
    "--horizon", type=Days(), help="How far ahead to look: 28d, 4w. Without it: as far as the shop's lists do."
)
@click.option("--windows", type=click.IntRange(1, 52), default=3, show_default=True, help="Windows at the data's end.")
@click.option(
    "-k",
    "lengths",
    type=click.IntRange(1, 100),
    multiple=True,
    default=(10, 20),
    show_default="10 20",
    help="Lengths of list to judge; the first is the main one.",
)
@click.option("--all-baselines", is_flag=True, help="Also TIFU-KNN, UP-CF and EASE, which take longer.")
@click.option(
    "--customers-sample",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Customers judged in each window at most, drawn at random.",
)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all results as JSON.")
@click.option(
    "--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the report, one page."
)
@click.option("--locale", default="en", show_default=True, help="Language of the report: en, de.")
@QUIET
@STORE
def evaluate(
    horizon: int | None,
    windows: int,
    lengths: tuple[int, ...],
    all_baselines: bool,
    customers_sample: int,
    json_path: Path | None,
    html_path: Path | None,
    locale: str,
    quiet: bool,
    store: Path,
    **given: Any,
) -> None:
    """Foresee the last weeks of the purchases from what lay before them, beside simple methods.

    Prints a table for each kind of list: how well the recommender, each of its sources alone and the simple methods
    foresaw what customers then bought. Nothing is published. The JSON and the report name customers by their ids.

    \b
    Example:
      recsvc evaluate --purchases orders.csv --products feed.xml --html report.html
      recsvc evaluate --purchases orders.parquet --horizon 28d --windows 3 -k 10 20 --json results.json
    """
    from training.baselines.methods import FURTHER, STANDARD
    from training.evaluate.backtest import BacktestSettings, backtest, backtest_steps
    from training.evaluate.report import ReportFacts, report_html
    from training.evaluate.summary import summarise
    from training.evaluate.tables import print_results
    from training.evaluate.trained import trained_contender
    from training.evaluate.windows import backtest_horizon
    from training.pipeline import read
    from training.progress import Steps

    now = datetime.now(UTC)
    for path in (json_path, html_path):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(f"{path}: there is no directory {path.parent}")
    request = request_of(store=store, **given)
    settings = BacktestSettings(
        horizon_days=horizon or request.settings.ranker.horizon_days,
        windows=windows,
        k=tuple(dict.fromkeys(lengths)),
        customers=customers_sample,
        baselines=tuple(method.name for method in STANDARD + (FURTHER if all_baselines else ())),
    )
    registry = open_registry(store)
    steps_named = (("reading purchases", 6.0), *backtest_steps(settings), ("intervals", 2.0))
    with Steps(steps_named, quiet=quiet) as steps:
        with registry.workspace() as work, steps.step("reading purchases"):
            shop = read(request, registry, work, steps.say, now)
        days = backtest_horizon(shop.data, windows, settings.horizon_days)
        contender = trained_contender("recsvc", request.settings, days)
        found = backtest(shop.data, [contender], settings, steps)
        with steps.step("intervals"):
            results = summarise(found)
    tables = request.settings.tables()
    if json_path is not None:
        content = {"results": results.as_json(), "input": shop.report.as_json(), "settings": tables}
        json_path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if html_path is not None:
        facts = ReportFacts(
            shop=shop_name(given["locations"]),
            version=version("recsvc"),
            created=now,
            input=shop.report.as_json(),
            settings=tables,
        )
        html_path.write_text(report_html(results, facts, locale=locale), encoding="utf-8")
    print_results(results)


def shop_name(locations: Sequence[str]) -> str:
    """File names of the purchases; of a database its scheme alone, since an address may hold a password."""
    names = [location.partition("://")[0] if "://" in location else Path(location).name for location in locations]
    return ", ".join(names)
