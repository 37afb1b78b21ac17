"""`recsvc keys`: make, list and revoke API keys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import sqlalchemy as sa

from recsvc.cli.talk import print_table, say, store_option
from recsvc.keys import Scope, create_key, list_keys, parse_expiry, revoke_key
from recsvc.state import open_database


@click.group()
def keys() -> None:
    """API keys: who may ask over HTTP, and for what.

    \b
    Scopes:
      public   for a shop's pages, where anybody can read it: lists that are not personal
      server   for the shop's server: anybody's list
      admin    for whoever runs the service
    """


@keys.command()
@click.option("--name", required=True, help="What it is for, so that you know it in a year.")
@click.option("--scope", type=click.Choice([*Scope]), default=Scope.SERVER, show_default=True, help="What it may do.")
@click.option(
    "--expires", metavar="WHEN", help="After 90d, 12h or 8w, or at the end of a day such as 2027-01-31 (UTC)."
)
@store_option
def create(name: str, scope: Scope, expires: str | None, store: Path) -> None:
    """Make a key and print it: this once, for only its hash is kept.

    \b
    Example:
      recsvc keys create --name "web shop" --scope server --expires 365d
    """
    now = datetime.now(UTC)
    expires_at = parse_expiry(expires, now) if expires else None
    with _database(store) as database:
        key, token = create_key(database, name=name, scope=Scope(scope), now=now, expires_at=expires_at)
    ends = f"until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "until revoked"
    say(f"Key {key.key_id} ({key.scope}), valid {ends}. Keep it now: it cannot be shown again.")
    click.echo(token)


@keys.command("list")
@store_option
def list_(store: Path) -> None:
    """All keys, without their secrets.

    \b
    Example:
      recsvc keys list
    """
    now = datetime.now(UTC)
    with _database(store) as database:
        known = list_keys(database)
    if not known:
        say("No keys yet; make one with `recsvc keys create --name NAME`.")
        return
    print_table(
        ("id", "name", "scope", "status", "created", "expires"),
        (
            (key.key_id, key.name, key.scope, key.status(now), f"{key.created_at:%Y-%m-%d}", _day(key.expires_at))
            for key in known
        ),
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@store_option
def revoke(key_id: str, store: Path) -> None:
    """End a key for good; a running service refuses it within seconds.

    \b
    Example:
      recsvc keys revoke 3f9c2a10
    """
    with _database(store) as database:
        key = revoke_key(database, key_id, now=datetime.now(UTC))
    say(f"Key {key.key_id} ({key.name}) is revoked.")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


@contextmanager
def _database(store: Path) -> Iterator[sa.Engine]:
    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    try:
        yield database
    finally:
        database.dispose()
