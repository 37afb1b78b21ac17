"""A registry that several machines share: what `recsvc doctor` says of it."""

from collections.abc import Iterator
from pathlib import Path

from models.registry import Registry
from models.remote_registry import RemoteRegistry, open_registry
from recsvc.cli.check import BROKEN, OK, OPEN, Check
from recsvc.http.keeper import Report


def shared_registry(store: Path) -> Iterator[Check]:
    """Whether it answers, and whether this machine has what it publishes; nothing where the store is all there is."""
    registry = open_registry(store)
    if not isinstance(registry, RemoteRegistry):
        return
    current = registry.current()
    if current is None:
        yield Check("registry", BROKEN, f"nothing is published in {registry.depot.url}", what_to_publish(registry))
    elif registry.serves(current):
        yield Check("registry", OK, f"{registry.depot.url} answers; {current} is published and on this machine")
    else:
        has = registry.copies.current() or "no model"
        detail = f"{current} is published in {registry.depot.url}, this machine has {has}"
        yield Check("registry", OPEN, detail, "recsvc serve")
    report = Report.read(store)
    if report is not None and report.url == registry.depot.url and report.problem:
        yield Check("registry", BROKEN, f"the service on this store says: {report.problem}")


def what_to_publish(registry: Registry) -> str:
    """The command that publishes the newest model, or trains the first one."""
    kept = registry.versions()
    return f"recsvc models publish {kept[-1]}" if kept else "recsvc train --purchases FILE"
