"""What became of benefits: redeemed, as the shop says; or ended unredeemed, and free to be given again."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from models.errors import InputError
from recsvc.offers.benefits.reserve import give_back
from recsvc.state import writing
from recsvc.state.database import PATIENT
from recsvc.state.mailing import benefit_counters, benefit_uses

COLUMNS = ("customer_id", "benefit_id")


@dataclass
class Settled:
    """`redeemed` uses are newly known; `unknown` lines name a benefit that their customer was not given, or not so
    often; `released` counts by benefit what ended unredeemed."""

    redeemed: int = 0
    unknown: int = 0
    released: Counter[str] = field(default_factory=Counter)


def read_redemptions(path: Path) -> Iterator[tuple[str, str]]:
    """(customer, benefit) of each line of a CSV file; raises InputError naming file and line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            for name in COLUMNS:
                if name not in (lines.fieldnames or ()):
                    raise InputError(f"{path} has no column {name}; expected {' and '.join(COLUMNS)}")
            for line in lines:
                if not all(line[name] for name in COLUMNS):
                    raise InputError(f"{path}:{lines.line_num}: expected {' and '.join(COLUMNS)}")
                yield line["customer_id"], line["benefit_id"]
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV in UTF-8 ({error})") from None


def settle(database: sa.Engine, redemptions: Iterable[tuple[str, str]], *, now: datetime) -> Settled:
    """Mark what was redeemed, then give caps and budgets back what has ended without.

    `redemptions` are all there were so far: of a benefit that a customer was given more than once, the oldest uses are
    taken as the redeemed ones, so that the same list again changes nothing. A redemption that is told after its use was
    given back counts again.
    """
    settled, uses = Settled(), benefit_uses.c
    counted = Counter(redemptions)
    with writing(database, patience=PATIENT) as connection:
        # Whoever gives benefits waits for this lock, as `reserve` does for others.
        locked = sa.select(benefit_counters.c.benefit_id).order_by(benefit_counters.c.benefit_id)
        connection.execute(locked.with_for_update()).all()
        for (customer_id, benefit_id), times in counted.items():
            _redeem(connection, customer_id, benefit_id, times, settled, now)
        ended = sa.and_(uses.expires_at <= now, uses.redeemed_at.is_(None), uses.released_at.is_(None))
        sums = sa.select(uses.benefit_id, sa.func.count(), sa.func.sum(uses.cost_minor)).group_by(uses.benefit_id)
        for benefit_id, times, cost in connection.execute(sums.where(ended)).all():
            give_back(connection, benefit_id, int(cost), times)
            settled.released[benefit_id] = times
        connection.execute(sa.update(benefit_uses).where(ended).values(released_at=now))
    return settled


def _redeem(
    connection: sa.Connection, customer_id: str, benefit_id: str, times: int, settled: Settled, now: datetime
) -> None:
    uses = benefit_uses.c
    mine = (uses.customer_id == customer_id) & (uses.benefit_id == benefit_id)
    query = sa.select(uses.campaign_id, uses.edition, uses.cost_minor, uses.redeemed_at, uses.released_at)
    found = connection.execute(query.where(mine).order_by(uses.at, uses.campaign_id, uses.edition)).all()
    settled.unknown += max(times - len(found), 0)
    for row in found[:times]:
        if row.redeemed_at is not None:
            continue
        this = mine & (uses.campaign_id == row.campaign_id) & (uses.edition == row.edition)
        connection.execute(sa.update(benefit_uses).where(this).values(redeemed_at=now, released_at=None))
        if row.released_at is not None:
            give_back(connection, benefit_id, -row.cost_minor, -1)
        settled.redeemed += 1
