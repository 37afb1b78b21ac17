"""What was bought, net of returns: each item of each order once, however often and from wherever it was told."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from math import nan
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray

from recsvc.measure.names import Book, Names
from recsvc.state.live_events import events

WHOLE_ORDER = -1
BLOCK = 20_000
EVENT, FILE = 0, 1  # what a file says of an order's item stands above what an event says
SMALLEST = 1e-9


def _(message: str) -> str:
    """Marks a text for translation; what it is in the reader's language is looked up when it is shown."""
    return message


@dataclass(frozen=True, eq=False)
class Purchases:
    """Equal-length arrays, one entry an item of an order, sorted by subject and time. `at` is in seconds since 1970,
    `revenue` and `margin` in currency units for the net `quantity` (0 for what was all returned); `margin` is NaN where
    nobody knows it. `notes` counts what was left out, and why."""

    subject: NDArray[np.int64]
    order: NDArray[np.int64]
    item: NDArray[np.int64]
    at: NDArray[np.float64]
    quantity: NDArray[np.float64]
    revenue: NDArray[np.float64]
    margin: NDArray[np.float64]
    currency: str = ""
    notes: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.subject)


@dataclass(frozen=True)
class Prices:
    """Item id → price and cost of the catalogue, for purchases that came without; `margin` where a cost is missing."""

    price: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None


class PurchaseReader:
    """Collects lines from events and files, then nets them. A line takes 64 bytes while it waits."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._lines = array("d")
        self._returns: list[tuple[int, int, float, int]] = []
        self._file_returns: set[tuple[int, int, float, float]] = set()
        self._currencies = Names()
        self.notes: Counter[str] = Counter()

    def add_line(
        self, who: int, order_id: str, item_id: str, at: float, quantity: float, price: float, currency: str = "",
        source: int = EVENT,
    ) -> None:  # fmt: skip
        """One item of an order. `price` is of one piece, NaN where it was not said."""
        order, item = self._book.orders.of(order_id), self._book.items.of(item_id)
        self._lines.extend((who, order, item, at, quantity, price, self._currencies.of(currency), source))

    def add_file_line(
        self, customer_id: str | None, order_id: str, item_id: str, at: float, quantity: float, price: float
    ) -> None:
        """A row of a file; a negative quantity is a return. The very same row again counts once, so that a file may be
        read twice."""
        if quantity < 0:
            self._file_returns.add((self._book.orders.of(order_id), self._book.items.of(item_id), at, -quantity))
        else:
            self.add_line(self._book.subject(customer_id, None), order_id, item_id, at, quantity, price, source=FILE)

    def add_events(self, connection: sa.Connection) -> None:
        """All purchases and returns that were told over HTTP, in the order in which they came."""
        for kind, customer_id, session_id, order_id, items, currency, at in _rows(connection):
            if kind == "return":
                self._add_return(order_id, orjson.loads(items))
                continue
            who = self._book.subject(customer_id, session_id)
            for item in orjson.loads(items):
                price = item["price"]
                self.add_line(
                    who, order_id, item["item_id"], float(at), item["quantity"], nan if price is None else price,
                    currency or "",
                )  # fmt: skip

    def _add_return(self, order_id: str, items: list[dict[str, Any]]) -> None:
        order = self._book.orders.of(order_id)
        if not items:
            self._returns.append((order, WHOLE_ORDER, 0.0, EVENT))
        for item in items:
            self._returns.append((order, self._book.items.of(item["item_id"]), item["quantity"], EVENT))

    def finish(self, prices: Prices) -> Purchases:
        """Net and sort what was collected."""
        table = np.frombuffer(self._lines, np.float64).reshape(-1, 8)
        table = table[_not_told_twice(table)]
        who, order, item = (table[:, place].astype(np.int64) for place in range(3))
        at, quantity, price = (table[:, place].copy() for place in range(3, 6))
        currency, source = (table[:, place].astype(np.int64) for place in (6, 7))
        first, quantity = _once(order, item, source, quantity, len(self._book.items) + 1)
        who, order, item, currency, source = (column[first] for column in (who, order, item, currency, source))
        at, price = at[first], price[first]
        quantity = np.maximum(quantity - self._returned(order, item, source), 0.0)
        named = np.bincount(currency, minlength=len(self._currencies))
        unnamed = self._currencies.find("")  # such as in files: taken to be the shop's own
        if unnamed >= 0 and named.sum() > named[unnamed]:
            named[unnamed] = 0
        main = int(named.argmax()) if len(named) else 0
        price = self._priced(item, price, prices)
        foreign = (currency != main) & (currency != unnamed)
        price[foreign] = 0.0
        self.notes[_("lines in another currency")] += int(foreign.sum())
        self.notes[_("lines without a price")] += int(np.isnan(price).sum())
        self.notes[_("lines of nobody")] += int((who < 0).sum())
        price = np.nan_to_num(price)
        cost = self._listed(item, prices.cost)
        stays = price * (nan if prices.margin is None else prices.margin)
        margin = np.where(np.isnan(cost), stays, price - cost) * quantity
        margin[quantity <= SMALLEST] = 0.0
        sort = np.lexsort((item, order, at, who))
        return Purchases(
            subject=who[sort],
            order=order[sort],
            item=item[sort],
            at=at[sort],
            quantity=quantity[sort],
            revenue=(price * quantity)[sort],
            margin=margin[sort],
            currency=str(next(islice(self._currencies.numbers, main, None), "")),
            notes={reason: count for reason, count in self.notes.items() if count},
        )

    def _returned(self, order: NDArray[np.int64], item: NDArray[np.int64], source: NDArray[np.int64]) -> Any:
        """How much of each line came back; what a file says of a line's returns stands above what events say."""
        returns = [*self._returns, *((of, what, quantity, FILE) for of, what, _, quantity in self._file_returns)]
        whole = {of for of, what, _, _ in returns if what == WHOLE_ORDER}
        told: dict[tuple[int, int], list[float]] = {}
        for of, what, quantity, origin in returns:
            told.setdefault((of, what), [0.0, 0.0])[origin] += quantity
        back = np.zeros(len(order))
        if not told:
            return back
        pairs = set(told)
        for place, (of, what, origin) in enumerate(zip(order.tolist(), item.tolist(), source.tolist(), strict=True)):
            if of in whole:
                back[place] = np.inf
            elif (of, what) in pairs:
                by_event, by_file = told[of, what]
                back[place] = by_file if by_file and origin == FILE else max(by_event, by_file)
                pairs.discard((of, what))
        self.notes[_("returns of unknown purchases")] += sum(1 for of, what in pairs if of not in whole)
        return back

    def _priced(self, item: NDArray[np.int64], price: NDArray[np.float64], prices: Prices) -> NDArray[np.float64]:
        return np.where(np.isnan(price), self._listed(item, prices.price), price)

    def _listed(self, item: NDArray[np.int64], values: Mapping[str, float]) -> NDArray[np.float64]:
        table = np.full(len(self._book.items) + 1, nan)
        for item_id, value in values.items():
            number = self._book.items.find(item_id)
            if number >= 0:
                table[number] = value
        return table[item]


def _not_told_twice(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """All but repetitions of the very same row of files."""
    kept = np.ones(len(table), np.bool_)
    of_files = np.flatnonzero(table[:, 7] == FILE)
    rows = table[of_files]
    sort = np.lexsort(rows.T)
    kept[of_files[sort[1:]]] = (np.diff(np.nan_to_num(rows[sort], nan=-1.0), axis=0) != 0).any(axis=1)
    return kept


def _once(
    order: NDArray[np.int64], item: NDArray[np.int64], source: NDArray[np.int64], quantity: NDArray[np.float64],
    items: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    """The place of each order's item, and its quantity: of files the rows' sum, of events what was said last."""
    if not len(order):
        return np.zeros(0, np.int64), quantity
    pair = order * items + item
    sort = np.lexsort((np.arange(len(pair)), source, pair))
    ends = np.flatnonzero(np.append(np.diff(pair[sort]) != 0, True))
    last = sort[ends]
    of_files = np.where(source[sort] == FILE, quantity[sort], 0.0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    sums = np.add.reduceat(of_files, starts)
    return last, np.where(source[last] == FILE, sums, quantity[last])


def _rows(connection: sa.Connection) -> Iterable[Any]:
    columns = (
        events.c.type, events.c.customer_id, events.c.session_id, events.c.order_id, events.c["items"],
        events.c.currency, seconds(events.c.happened_at, connection),
    )  # fmt: skip
    query = sa.select(*columns).where(of_types("purchase", "return")).order_by(events.c.seq)
    return streamed(connection, query)


def of_types(*types: str) -> sa.ColumnElement[bool]:
    """Events of these types, in words that lead SQLite through the table as it lies: by its index of types it would
    fetch half of the table row by row, and sort it afterwards."""
    return sa.func.coalesce(events.c.type, "").in_(types)


def streamed(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    """The rows, some thousand in memory at a time, as the driver gives them: of columns that need no conversion, a
    million rows need not be dressed up each."""
    text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    driver = connection.connection.dbapi_connection
    assert driver is not None
    # SQLite goes through the table step by step anyway; PostgreSQL does so for a cursor that has a name.
    named = {"name": "recsvc_rows", "binary": True} if connection.dialect.name == "postgresql" else {}
    with closing(driver.cursor(**named)) as cursor, ThreadPoolExecutor(1) as ahead:
        cursor.execute(text)
        coming = ahead.submit(cursor.fetchmany, BLOCK)
        while rows := coming.result():
            # The database fetches the next ones meanwhile.
            coming = ahead.submit(cursor.fetchmany, BLOCK)
            yield from rows


def seconds(column: sa.ColumnElement[Any], connection: sa.Connection) -> sa.ColumnElement[Any]:
    """A moment's column as seconds since 1970, counted by the database, which is quicker than reading dates."""
    if connection.dialect.name == "sqlite":
        return sa.func.unixepoch(sa.type_coerce(column, sa.Text), type_=sa.Integer)
    return sa.cast(sa.extract("epoch", column), sa.Float)
