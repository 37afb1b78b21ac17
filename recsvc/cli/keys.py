"""`recsvc keys`: make, list, rotate and revoke API keys, and the secret of customer tokens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import sqlalchemy as sa

from models.errors import InputError
from recsvc.cli.talk import print_table, say, store_option
from recsvc.http.signing import read_secret
from recsvc.keys import (
    CustomerTokens,
    Scope,
    create_key,
    list_keys,
    parse_expiry,
    revoke_key,
    rotate_key,
    usable,
)
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
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.SERVER.value,
    show_default=True,
    help="What it may do.",
)
@click.option(
    "--expires", metavar="WHEN", help="After 90d, 12h or 8w, or at the end of a day such as 2027-01-31 (UTC)."
)
@store_option
def create(name: str, scope: str, expires: str | None, store: Path) -> None:
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


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--grace", metavar="SPAN", default="7d", show_default=True, help="How long the old key goes on: 12h, 7d or 2w."
)
@store_option
def rotate(key_id: str, grace: str, store: Path) -> None:
    """Make a key in the place of another and print it; the old one goes on for a while, so that nothing breaks.

    The new one has the name, the scope and the length of life of the old one.

    \b
    Example:
      recsvc keys rotate 3f9c2a10 --grace 2w
    """
    now = datetime.now(UTC)
    ends = parse_expiry(grace, now)
    with _database(store) as database:
        key, token = rotate_key(database, key_id, grace=ends - now, now=now)
    say(f"Key {key.key_id} takes the place of {key_id}, which ends at {ends:%Y-%m-%d %H:%M} UTC at the latest.")
    if key.scope.includes(Scope.SERVER):
        say(f"Tokens signed for {key_id} end with it: `recsvc keys token-secret {key.key_id}` prints the new secret.")
    click.echo(token)


@keys.command("token-secret")
@click.argument("key_id", metavar="ID")
@store_option
def token_secret(key_id: str, store: Path) -> None:
    """Print the secret with which the shop's server signs customer tokens (docs/security.md).

    ID names a key of scope server or admin; a token ends with its key. Whoever has the secret can ask for anybody's
    list: it belongs on the shop's server, never into a page.

    \b
    Example:
      recsvc keys token-secret 3f9c2a10
    """
    with _database(store) as database:
        known = {key.key_id: key for key in usable(list_keys(database), datetime.now(UTC))}
    key = known.get(key_id)
    if key is None or not key.scope.includes(Scope.SERVER):
        raise InputError(f"no server key in force has the id {key_id[:40]!r}; see `recsvc keys list`")
    click.echo(CustomerTokens(read_secret(os.environ.get("RECSVC_SECRET"), store)).secret_of(key_id))


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


@contextmanager
def _database(store: Path) -> Iterator[sa.Engine]:
    database = open_database(os.environ.get("RECSVC_DATABASE_URL"), store)
    try:
        yield database
    finally:
        database.dispose()
