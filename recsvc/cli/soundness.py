"""What a bad night can leave behind: `recsvc doctor` looks whether the store and the state still hold together."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from models.errors import BundleError
from models.registry import VERSION, Registry
from recsvc.cli.check import BROKEN, OK, OPEN, Check
from recsvc.state.mailing import benefit_counters, benefit_uses, mails

LEAST_FREE = 64 << 20
BUNDLES_OF_ROOM = 3  # a training writes a bundle, and its tables beside it
TRAIN = "recsvc train --purchases FILE"


def space(store: Path) -> Iterator[Check]:
    """Whether another training fits on the disk."""
    if not store.exists():
        return
    registry = Registry(store)
    sizes = [size_of(registry.bundles / version) for version in registry.versions()]
    needed = max(LEAST_FREE, BUNDLES_OF_ROOM * max(sizes, default=0))
    free = shutil.disk_usage(store).free
    said = f"{free / 2**20:,.0f} MB are free under {store}"
    if free < needed:
        detail = f"{said}; a training needs about {needed / 2**20:,.0f}, and events are refused on a full disk"
        yield Check("disk", BROKEN, detail, "recsvc models prune --keep 2")
    else:
        yield Check("disk", OK, said)


def leftovers(store: Path) -> Iterator[Check]:
    """Work directories whose training is gone: the next one removes them."""
    found = [path for path in sorted((store / "work").glob("*")) if not owned(path)]
    if found:
        size = sum(map(size_of, found)) / 2**20
        what = "1 directory" if len(found) == 1 else f"{len(found)} directories"
        detail = f"{what} of trainings that were killed, {size:,.1f} MB; the next training removes them"
        yield Check("leftovers", OPEN, detail, TRAIN)
    elif store.exists():
        yield Check("leftovers", OK, "no training was cut short")


def owned(work: Path) -> bool:
    """Whether a training that still runs, here or on another machine, holds the directory."""
    try:
        with (work / "lock").open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def history(store: Path) -> Iterator[Check]:
    """Whether the history can be read, and ends with what is published."""
    try:
        lines = (store / "history.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return
    current = Registry(store).current()
    publications = [version for line in lines if line.strip() and (version := version_in(line)) is not None]
    cut = sum(bool(line.strip()) for line in lines) - len(publications)
    again = f"recsvc models publish {current}" if current else TRAIN
    if not publications or publications[-1] != current:
        last = publications[-1] if publications else "nothing"
        yield Check("history", OPEN, f"ends with {last}, but {current or 'nothing'} is published", again)
    elif cut:
        yield Check(
            "history", OPEN, f"{cut} of {len(publications) + cut} lines cannot be read; rollback goes on without"
        )
    else:
        yield Check("history", OK, f"{len(publications)} publications, the last of them is what is published")


def version_in(line: bytes) -> str | None:
    """The version that a line of the history names; None for a line that a crash cut short."""
    try:
        version = json.loads(line)["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) and VERSION.fullmatch(version) else None


def other_models(registry: Registry, current: str | None) -> Iterator[Check]:
    """Models that are kept but not published: whether their manifests can be read (`models verify` reads all)."""
    others = [version for version in registry.versions() if version != current]
    broken = []
    for version in others:
        try:
            registry.manifest(version)
        except BundleError:
            broken.append(version)
    if broken:
        detail = f"{len(broken)} of {len(others)} models that are kept cannot be read, such as {broken[0]}"
        yield Check("other models", OPEN, detail, f"rm -r {registry.bundles / broken[0]}")
    elif others:
        yield Check("other models", OK, f"{len(others)} kept")


def state(database: sa.Engine) -> Iterator[Check]:
    """Whether the database's file is whole (SQLite), and whether its tables agree with each other."""
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            problem = connection.scalar(sa.text("PRAGMA quick_check(1)"))
            if problem != "ok":
                detail = f"the database is damaged: {problem}"
                yield Check("state", BROKEN, detail, f"sqlite3 {database.url.database} .recover | sqlite3 recovered.db")
                return
        wrong = miscounted(connection)
        if wrong is not None:
            yield Check("state", BROKEN, wrong)
            return
        flying = connection.scalar(sa.select(sa.func.count()).select_from(mails).where(mails.c.state == "sending"))
    if flying:
        detail = f"{flying} mails are being sent, or were when their sender died; sending again settles them"
        yield Check("state", OPEN, detail, "recsvc offers send CAMPAIGN.toml --no-dry-run")
    else:
        yield Check("state", OK, "whole, and its tables agree")


def miscounted(connection: sa.Connection) -> str | None:
    """A benefit that was given more often than its counter says, so that its cap may be passed; None where none was.

    A counter may well say more: the uses of erased customers are deleted, and stay counted.
    """
    uses = (
        sa.select(benefit_uses.c.benefit_id, sa.func.count().label("n"))
        .where(benefit_uses.c.released_at.is_(None))
        .group_by(benefit_uses.c.benefit_id)
        .subquery()
    )
    both = benefit_counters.outerjoin(uses, uses.c.benefit_id == benefit_counters.c.benefit_id)
    counted = sa.func.coalesce(uses.c.n, 0)
    found = connection.execute(
        sa.select(benefit_counters.c.benefit_id, benefit_counters.c.used, counted)
        .select_from(both)
        .where(benefit_counters.c.used < counted)
        .order_by(benefit_counters.c.benefit_id)
    ).first()
    return (
        None
        if found is None
        else f"benefit {found[0]} is counted {found[1]} times and was given {found[2]} times: restore a backup"
    )


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # it has just gone
            continue
    return total
