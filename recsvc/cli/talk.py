"""What commands say: data goes to stdout, everything said here to stderr."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Item = TypeVar("Item")
# Columns of a table that goes to a file or another program.
WIDE = 1_000


def console() -> Console:
    """A console on stderr, colours only on a terminal."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line on stderr."""
    click.echo(text, err=True)


@contextmanager
def progress(label: str, total: int | None, *, quiet: bool = False) -> Iterator["Meter"]:
    """A bar with count and time left on a terminal; elsewhere nothing while it runs, so that logs stay short."""
    talk = console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk, transient=True, disable=quiet or not talk.is_terminal) as bar:
        yield Meter(bar, bar.add_task(label, total=total))


class Meter:
    """Moves one bar."""

    def __init__(self, bar: Progress, task: object) -> None:
        self._bar, self._task = bar, task

    def advance(self, steps: int = 1) -> None:
        self._bar.advance(self._task, steps)  # type: ignore[arg-type]

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass items through and count them."""
        for item in items:
            yield item
            self.advance()


def print_table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A plain table on stdout; as wide as it needs to be where no terminal limits it, so that `grep` finds values."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    width = None if sys.stdout.isatty() else WIDE
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)


def config_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--config FILE`, by default $RECSVC_CONFIG or none."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="RECSVC_CONFIG",
        help="recsvc.toml: placements, and what events weigh.",
    )(command)


def store_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--store DIR`, by default $RECSVC_STORE or var/store."""
    return click.option(
        "--store",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="RECSVC_STORE",
        default=Path("var/store"),
        show_default="$RECSVC_STORE or var/store",
        help="Where bundles and state lie.",
    )(command)
