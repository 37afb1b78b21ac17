"""The price history, and what may be claimed against it: § 11 PAngV, and CJEU C-330/23.

A reduction may be announced only against the lowest price of the 30 days before it began, and its percentage is counted
from that price. Where the history does not reach back that far, nothing is claimed.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.errors import InputError
from recsvc.engine import Engine
from recsvc.state import writing
from recsvc.state.database import PATIENT
from recsvc.state.mailing import price_history

WINDOW = timedelta(days=30)
BLOCK = 5_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A reduction that may be announced: `lowest` of the 30 days before it, and the whole percents off that price."""

    lowest: float
    percent: int


def record_prices(engine: Engine, database: sa.Engine, now: datetime) -> int:
    """Write down the price at `now` of every listed item whose price is not the one last written; how many are new."""
    catalogue = engine.catalogue
    items, prices = current_prices(engine, now)
    newest = sa.select(price_history.c.item_id, sa.func.max(price_history.c.valid_from).label("at"))
    # What a clock that was ahead wrote holds from then on, and says nothing of today.
    newest = newest.where(price_history.c.valid_from <= now)
    newest_of = newest.group_by(price_history.c.item_id).subquery()
    query = sa.select(price_history.c.item_id, price_history.c.price).join(
        newest_of,
        (newest_of.c.item_id == price_history.c.item_id) & (newest_of.c.at == price_history.c.valid_from),
    )
    with database.connect() as connection:
        last: dict[str, float] = dict(map(tuple, connection.execute(query)))
    currencies = catalogue.texts["currency"]
    rows = (
        {"item_id": item_id, "valid_from": now, "price": price, "currency": currencies[item]}
        for item, price in zip(items.tolist(), prices.tolist(), strict=True)
        if last.get(item_id := catalogue.items[item]) != price
    )
    return _write(database, rows)


def current_prices(engine: Engine, now: datetime) -> tuple[Any, Any]:
    """The indices of listed items that have a price, and what they cost at `now`, a running sale included."""
    catalogue, seconds = engine.catalogue, now.timestamp()
    price = catalogue.numbers["price"]
    sale, times = catalogue.numbers["sale_price"], catalogue.times
    running = (times["sale_from"] <= seconds) & (seconds < times["sale_until"]) & ~np.isnan(sale)
    total = np.where(running, sale, price)
    items = np.flatnonzero(catalogue.listed & ~np.isnan(total))
    return items, total[items]


def import_prices(database: sa.Engine, path: Path) -> int:
    """Bring a CSV file with item_id, price and valid_from into the history; raises InputError naming file and line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _write(database, _rows(csv.DictReader(file), path))
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV in UTF-8 ({error})") from None


def _rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[dict[str, Any]]:
    for name in ("item_id", "price", "valid_from"):
        if name not in (reader.fieldnames or ()):
            raise InputError(f"{path} has no column {name}; expected item_id, price, valid_from and perhaps currency")
    for row in reader:
        place = f"{path}:{reader.line_num}"
        try:
            price = float(row["price"])
            at = datetime.fromisoformat(row["valid_from"].strip())
        except (TypeError, ValueError):
            raise InputError(f"{place}: expected a price such as 12.90 and a time such as 2026-03-01") from None
        if not 0 <= price < 1e12:
            raise InputError(f"{place}: price is {row['price']!r}; expected 0 or more")
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        yield {
            "item_id": row["item_id"], "valid_from": moment, "price": price, "currency": row.get("currency") or "",
        }  # fmt: skip


def _write(database: sa.Engine, rows: Iterable[dict[str, Any]]) -> int:
    insert: Any = (postgresql if database.dialect.name == "postgresql" else sqlite).insert(price_history)
    statement = insert.on_conflict_do_update(
        index_elements=["item_id", "valid_from"],
        set_={"price": insert.excluded.price, "currency": insert.excluded.currency},
    )
    waiting, written = iter(rows), 0
    while block := list(islice(waiting, BLOCK)):
        with writing(database, patience=PATIENT) as connection:
            connection.execute(statement, block)
        written += len(block)
    return written


class Claims:
    """What may be claimed of the items of one catalogue at one moment: only of those on sale, read once."""

    def __init__(self, engine: Engine, database: sa.Engine, now: datetime) -> None:
        catalogue = engine.catalogue
        items, prices = current_prices(engine, now)
        usual = catalogue.numbers["price"][items]
        reduced = np.flatnonzero(prices < usual)
        starts = catalogue.times["sale_from"][items[reduced]].tolist()
        wanted = [
            (catalogue.items[int(items[at])], float(prices[at]), int(start))
            for at, start in zip(reduced, starts, strict=True)
        ]
        self._claims: dict[str, Claim] = {}
        with database.connect() as connection:
            for block in (wanted[first : first + 1000] for first in range(0, len(wanted), 1000)):
                histories = _histories(connection, [item_id for item_id, _, _ in block], now)
                for item_id, price, start in block:
                    history = histories.get(item_id, [])
                    began = _began(history, price, start, now)
                    claim = reduction(history, price, began)
                    if claim is not None:
                        self._claims[item_id] = claim

    def of(self, item_id: str) -> Claim | None:
        """The claim for an item; None where nothing may be said."""
        return self._claims.get(item_id)


def reduction(history: list[tuple[datetime, float]], price: float, began: datetime) -> Claim | None:
    """The claim for a price since `began`, from (valid from, price) in order; None where the prices of the 30 days
    before are not all known, or one of them was as low, or the difference is below one percent."""
    first = began - WINDOW
    before = [(at, was) for at, was in history if at < began]
    if not before or before[0][0] > first:
        return None
    in_force = [was for place, (at, was) in enumerate(before) if at >= first or _until(before, place, began) > first]
    lowest = min(in_force)
    percent = int(100 * (lowest - price) / lowest + 1e-9) if lowest > 0 else 0
    return Claim(lowest, percent) if percent >= 1 else None


def _until(history: list[tuple[datetime, float]], place: int, end: datetime) -> datetime:
    return history[place + 1][0] if place + 1 < len(history) else end


def _began(history: list[tuple[datetime, float]], price: float, start: int, now: datetime) -> datetime:
    """Since when the price holds: the feed's beginning of the sale, or the first of the entries with this price at the
    end of the history, whichever is earlier."""
    began = now
    for at, was in reversed(history):
        if was != price:
            break
        began = at
    try:
        return min(began, datetime.fromtimestamp(start, UTC))
    except (OverflowError, ValueError, OSError):
        return began


def _histories(connection: sa.Connection, ids: list[str], now: datetime) -> dict[str, list[tuple[datetime, float]]]:
    query = sa.select(price_history.c.item_id, price_history.c.valid_from, price_history.c.price)
    query = query.where(price_history.c.valid_from <= now)
    found: dict[str, list[tuple[datetime, float]]] = {}
    for item_id, at, price in connection.execute(
        query.where(price_history.c.item_id.in_(ids)).order_by(price_history.c.valid_from)
    ):
        found.setdefault(item_id, []).append((at, price))
    return found
