"""The group `recsvc`: finds its commands by entry point and turns errors into one line and an exit code."""

import sys
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

import click

from models.errors import RecsvcError
from recsvc.cli.failures import failure_of, failures

OWN, TRAINER = "recsvc.commands", "recsvc.commands.train"
# The trainer's commands exist where its heaviest requirement does: in an image without the extra they are absent.
TRAINER_NEEDS = "implicit"
ORDER = (
    "demo",
    "train",
    "evaluate",
    "recommend",
    "explain",
    "serve",
    "models",
    "offers",
    "customers",
    "events",
    "kpis",
    "keys",
    "doctor",
)


class Commands(click.Group):
    """Commands from entry points, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {point.name for point in self._points()}
        return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in self._points():
            if point.name == cmd_name:
                command = point.load()
                assert isinstance(command, click.Command)
                return command
        if any(point.name == cmd_name for point in entry_points(group=TRAINER)):
            raise click.UsageError(
                f"`recsvc {cmd_name}` needs the trainer; install it with: pip install 'recsvc[train]'"
            )
        return None

    @staticmethod
    def _points() -> list[EntryPoint]:
        points = list(entry_points(group=OWN))
        if find_spec(TRAINER_NEEDS) is not None:
            points += entry_points(group=TRAINER)
        return points

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RecsvcError as error:
            click.echo(f"recsvc: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of our output went away (`recsvc … | head`): nothing to say, and nobody to say it to.
            sys.stderr.close()
            ctx.exit(1)
        except failures() as error:
            known = failure_of(error)
            if known is None:
                raise
            click.echo(f"recsvc: {known}", err=True)
            ctx.exit(known.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="recsvc")
def main() -> None:
    """Personalised recommendations and offers for shops, learned from purchases.

    \b
    Example:
      recsvc demo                                   train on a real grocer's data and look at it
      recsvc train --purchases orders.csv           learn from your own orders
      recsvc serve                                  answer /recommend over HTTP
    """
