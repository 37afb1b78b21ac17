"""Who gets nothing, so that what is brought can be measured: drawn by a hash, the same people every time."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from models.errors import SettingsError
from recsvc.state import writing
from recsvc.state.mailing import global_holdouts

BUCKETS = 10_000
MOST = 0.5
EVER = datetime.fromtimestamp(0, UTC)


def bucket(salt: str, experiment: str, customer_id: str) -> int:
    """SHA-256 of 'salt|experiment|customer', from 0 to 9999."""
    digest = hashlib.sha256(f"{salt}|{experiment}|{customer_id}".encode()).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def held_out(share: float, salt: str, campaign_id: str, customer_id: str) -> bool:
    """Whether the customer is in the campaign's holdout of this share, 0 to 1."""
    return share > 0 and bucket(salt, campaign_id, customer_id) < round(share * BUCKETS)


@dataclass(frozen=True, kw_only=True)
class GlobalHoldout:
    """The share of all customers, 0 to 0.5, whom no campaign reaches, besides each campaign's own holdout. It is kept
    in the database, so that no command and no worker can overlook it."""

    share: float = 0.0
    salt: str = ""
    since: datetime = EVER

    def __post_init__(self) -> None:
        if not 0 <= self.share <= MOST:
            raise SettingsError(f"share is {self.share:g}; expected 0 to {MOST}, such as 0.05 for one in twenty")

    def holds(self, customer_id: str) -> bool:
        """Whether the customer is one of them; no campaign's id is empty, so none draws the same people."""
        return held_out(self.share, self.salt, "", customer_id)


def read_global_holdouts(connection: sa.Connection) -> list[GlobalHoldout]:
    """All that was decided, the last one last; a share of 0 where nothing was."""
    query = sa.select(global_holdouts).order_by(global_holdouts.c.since)
    found = [GlobalHoldout(share=row.share, salt=row.salt, since=row.since) for row in connection.execute(query)]
    return found or [GlobalHoldout()]


def read_global_holdout(connection: sa.Connection) -> GlobalHoldout:
    """The one in force."""
    return read_global_holdouts(connection)[-1]


def decide_global_holdout(database: sa.Engine, decided: GlobalHoldout) -> None:
    """Hold out so many from now on; nothing changes where share and salt are those in force."""
    with writing(database) as connection:
        known = read_global_holdout(connection)
        if (known.share, known.salt) != (decided.share, decided.salt):
            row = {"since": decided.since, "share": decided.share, "salt": decided.salt}
            connection.execute(sa.insert(global_holdouts), [row])
