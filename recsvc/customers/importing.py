"""Bring a file of customers into the table; the same file twice changes nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from models.errors import InputError
from recsvc.customers.consent import log_changes
from recsvc.customers.fields import PARSERS, FieldError
from recsvc.customers.files import CustomerFile, Row
from recsvc.state import writing
from recsvc.state.database import PATIENT
from recsvc.state.schema import customers

BLOCK = 5_000
SHOWN_REJECTS = 10


@dataclass
class ImportSummary:
    """`rows` read = `accepted` + `rejected`; a customer twice in the file is accepted twice and the later row holds.

    `reasons` counts the rejected rows by reason; `examples` holds (line, reason) of the first ones.
    """

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, reason: str) -> None:
        self.rejected += 1
        self.reasons[reason] += 1
        if len(self.examples) < SHOWN_REJECTS:
            self.examples.append((line, reason))


def import_customers(
    engine: sa.Engine, file: CustomerFile, *, now: datetime, advance: Callable[[int], None] = lambda _: None
) -> ImportSummary:
    """Insert or update one customer a row, in transactions of BLOCK rows, so that others can write in between.

    Only the columns that the file has are changed for a customer already known; a new one gets no consent that the
    file does not give. What changes of a consent is logged. Who objected by the unsubscribe link stays unwritten to,
    unless the file's consent_at is later than that. `advance` is told of each number of rows done. Raises InputError
    when no row can be used.
    """
    summary = ImportSummary(columns=file.columns, ignored_columns=file.ignored)
    statement = _upsert(engine.dialect.name, file.columns)
    for block in _blocks(file, summary):
        if block:
            rows = [{**row, "updated_at": now} for row in block.values()]
            with writing(engine, patience=PATIENT) as connection:
                log_changes(connection, rows, source=f"import of {file.path.name}", now=now)
                connection.execute(statement, rows)
        advance(BLOCK)
    if not summary.rows:
        raise InputError(f"{file.path} has a header but no rows")
    if not summary.accepted:
        line, reason = summary.examples[0]
        raise InputError(f"{file.path}: none of {summary.rows} rows can be used; line {line}: {reason}")
    return summary


def _blocks(file: CustomerFile, summary: ImportSummary) -> Iterator[dict[str, dict[str, Any]]]:
    """Parsed rows by customer id, BLOCK lines of the file at a time."""
    parsers = [(name, PARSERS[name]) for name in file.columns]
    block: dict[str, dict[str, Any]] = {}
    for row in file.rows:
        summary.rows += 1
        _parse(row, parsers, block, summary)
        if summary.rows % BLOCK == 0:
            yield block
            block = {}
    if block:
        yield block


def _parse(
    row: Row,
    parsers: Sequence[tuple[str, Callable[[object], object]]],
    block: dict[str, dict[str, Any]],
    summary: ImportSummary,
) -> None:
    if row.problem is not None:
        summary.reject(row.line, row.problem)
        return
    try:
        values = {name: parse(cell) for (name, parse), cell in zip(parsers, row.cells, strict=True)}
    except FieldError as error:
        summary.reject(row.line, str(error))
        return
    summary.accepted += 1
    block[str(values["customer_id"])] = values


def _upsert(dialect: str, columns: Sequence[str]) -> sa.Insert:
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(customers)
    changing = [name for name in columns if name != "customer_id"]
    if not changing:
        return insert.on_conflict_do_nothing()  # type: ignore[no-any-return]
    # A row that says nothing new keeps its updated_at.
    differs = sa.or_(*(customers.c[name].is_distinct_from(insert.excluded[name]) for name in changing))
    values = {name: insert.excluded[name] for name in (*changing, "updated_at")}
    return insert.on_conflict_do_update(index_elements=["customer_id"], set_=values, where=differs)  # type: ignore[no-any-return]
