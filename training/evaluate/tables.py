"""The results as tables: with colour and lines on a terminal, as plain columns in a pipe."""

import math
from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.table import Table

from training.evaluate.intervals import Interval
from training.evaluate.results import Results, ScenarioResult, Score

# What a pipe has no width for: wide enough that nothing is folded.
PIPE_WIDTH = 320
METHOD_WIDTH = 20
LONGEST_CELL = {"kind": 11, "95% interval": 13}
Column = tuple[str, Callable[[Score], str]]


def print_results(results: Results) -> None:
    """A table a scenario on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    windows = ", ".join(f"{window.first_day} to {window.last_day}" for window in results.windows)
    console.print(f"{len(results.windows)} windows of {results.horizon_days} days: {windows}", markup=False)
    for scenario in results.scenarios:
        console.print()
        console.print(_headline(results, scenario), markup=False)
        console.print(_table(results, scenario, console))


def _headline(results: Results, scenario: ScenarioResult) -> str:
    text = f"{scenario.scenario}: {scenario.rows} lists of {scenario.customers} customers"
    if scenario.gain is None or scenario.best_baseline is None:
        return text
    gain = scenario.gain
    return (
        f"{text}; {results.recommender} against {scenario.best_baseline}, {scenario.main_metric}:"
        f" {gain.mean:+.1%} ({gain.low:+.1%} to {gain.high:+.1%})"
    )


def _table(results: Results, scenario: ScenarioResult, console: Console) -> Table:
    plain = not console.is_terminal
    main = scenario.main_metric
    columns: list[Column] = [
        ("kind", lambda score: score.kind),
        (main, lambda score: _number(score.values[main].mean)),
        ("95% interval", lambda score: _range(score.values[main])),
    ]
    columns += [(name, partial(_mean, name)) for name in scenario.scores[0].values if name != main]
    columns += [
        (segment.name, partial(_of_segment, segment.name))
        for segment in results.segments
        if segment.name in scenario.scores[0].by_activity
    ]
    columns += [(name, partial(_of_lists, name)) for name in scenario.scores[0].lists]
    shown = columns if plain else _fitting(columns, console.width)
    table = Table(box=None, pad_edge=False) if plain else Table(pad_edge=False)
    table.add_column("method", overflow="fold", min_width=METHOD_WIDTH)
    for name, _ in shown:
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    for score in scenario.scores:
        own = score.method == results.recommender
        style = "bold" if own and not plain else None
        table.add_row(score.method, *(write(score) for _, write in shown), style=style)
    return table


def _fitting(columns: list[Column], width: int) -> list[Column]:
    """As many columns, the first ones first, as a terminal of `width` has room for; JSON and a pipe get all."""
    used, shown = METHOD_WIDTH + 3, []
    for name, write in columns:
        used += max(len(name), LONGEST_CELL.get(name, 6)) + 3
        if used > width:
            break
        shown.append((name, write))
    return shown


def _mean(name: str, score: Score) -> str:
    return _number(score.values[name].mean)


def _of_segment(name: str, score: Score) -> str:
    return _number(score.by_activity[name].mean)


def _of_lists(name: str, score: Score) -> str:
    return _number(score.lists[name])


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"


def _range(interval: Interval) -> str:
    return f"{_number(interval.low)}–{_number(interval.high)}" if math.isfinite(interval.low) else "–"
