"""`recsvc models`: what was trained, what is published, and the way back."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from models.bundle import Manifest
from models.errors import BundleError, RefusedError
from models.registry import Registry
from models.remote_registry import open_registry
from recsvc.cli.talk import print_table, say, store_option

# Scenarios whose lists every training measures on its last weeks.
MEASURED = ("home", "discover")


@click.group()
def models() -> None:
    """List, check, publish, roll back and remove trained models.

    \b
    Example:
      recsvc models list
      recsvc models rollback
    """


@models.command("list")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_models(store: Path, as_json: bool) -> None:
    """All models, oldest first, with how well they foresaw their last weeks; the published one is marked.

    \b
    Example:
      recsvc models list
    """
    registry = open_registry(store)
    current = registry.current()
    manifests = list(_readable(registry))
    if as_json:
        rows = [
            {
                "version": manifest.version,
                "published": manifest.version == current,
                "created_at": manifest.created_at,
                "window": manifest.window,
                "counts": dict(manifest.counts),
                "ndcg@10": {scenario: manifest.ndcg(scenario) for scenario in MEASURED},
            }
            for manifest in manifests
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    if not manifests:
        say(f"no models in {store}; train one with `recsvc train --purchases FILE`")
        return
    print_table(
        (
            *("", "version", "purchases from", "to", "customers", "items", "rows"),
            *(f"{scenario} ndcg@10" for scenario in MEASURED),
        ),
        (
            (
                "*" if manifest.version == current else "",
                manifest.version,
                *manifest.window,
                *(f"{manifest.counts.get(name, 0):,}" for name in ("customers", "items", "lines")),
                *(_figure(manifest.ndcg(scenario)) for scenario in MEASURED),
            )
            for manifest in manifests
        ),
    )


def _readable(registry: Registry) -> Iterator[Manifest]:
    """All manifests; says which ones cannot be read."""
    for version in registry.versions():
        try:
            yield registry.manifest(version)
        except BundleError as error:
            say(str(error))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


@models.command()
@click.argument("version", required=False)
@store_option
def show(version: str | None, store: Path) -> None:
    """Everything known about one model (the published one by default), as JSON.

    \b
    Example:
      recsvc models show 20261122T0815
    """
    registry = open_registry(store)
    version = version or registry.current()
    if version is None:
        raise RefusedError("no model is published; name a version, or train one with `recsvc train`")
    manifest = registry.manifest(version)
    history = [asdict(entry) for entry in registry.history() if entry.version == manifest.version]
    table = {**asdict(manifest), "path": registry.place(version), "publications": history}
    click.echo(json.dumps(table, indent=1, ensure_ascii=False))


@models.command()
@click.argument("version", required=False)
@store_option
def catalogue(version: str | None, store: Path) -> None:
    """How complete a model's catalogue is (the published one's by default), and what of it reaches customers, as JSON.

    \b
    Example:
      recsvc models catalogue | jq .never_listed
    """
    from recsvc.coverage import Coverage
    from recsvc.engine import Engine

    registry = open_registry(store)
    engine = Engine.from_bundle(registry.open(registry.path(version).name if version else None, verify=False))
    click.echo(json.dumps(Coverage.of(engine, datetime.now(UTC)).as_json(), indent=1))


@models.command()
@click.argument("version", required=False)
@store_option
def verify(version: str | None, store: Path) -> None:
    """Compare every file of a model (all of them by default) with its checksum; exit 1 if one is damaged.

    \b
    Example:
      recsvc models verify
    """
    registry = open_registry(store)
    versions = [registry.path(version).name] if version else registry.versions()
    damaged = False
    for name in versions:
        problems = registry.verify(name)
        damaged = damaged or bool(problems)
        click.echo(f"{name}  {'sound' if not problems else 'damaged'}")
        for problem in problems:
            click.echo(f"  {problem}")
    if not versions:
        say(f"no models in {store}")
    if damaged:
        raise RefusedError("a model is damaged; do not publish it: train again, or restore it from a copy")


@models.command()
@click.argument("version")
@store_option
def publish(version: str, store: Path) -> None:
    """Verify a model and serve it from now on; running services pick it up within seconds.

    With a registry that several machines share, a model that only this one has is uploaded first, and each machine
    compares its files with their checksums before it serves them.

    \b
    Example:
      recsvc models publish 20261122T081500Z-1a2b3c4d
    """
    name = open_registry(store).publish(version, why="published by hand", now=datetime.now(UTC))
    say(f"published {name}")


@models.command()
@store_option
def rollback(store: Path) -> None:
    """Serve again what was published before.

    \b
    Example:
      recsvc models rollback
    """
    say(f"published {open_registry(store).rollback(now=datetime.now(UTC))}")


@models.command()
@click.option("--keep", type=click.IntRange(min=1), default=5, show_default=True, help="How many of the newest stay.")
@store_option
def prune(keep: int, store: Path) -> None:
    """Remove old models; the published one and the one before it always stay.

    \b
    Example:
      recsvc models prune --keep 3
    """
    for version in open_registry(store).prune(keep):
        click.echo(version)
