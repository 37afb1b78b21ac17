"""The files that `recsvc recommend` reads and writes."""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import orjson

from models.errors import InputError
from recsvc.engine import Answer, Query

COLUMNS = (
    "customer_id",
    "query_id",
    "scenario",
    "model_version",
    "fallback",
    "rank",
    "item_id",
    "score",
    "source",
    "reason",
)
CSV_HEAD = (",".join(COLUMNS) + "\r\n").encode()
ROWS_A_GROUP = 100_000


def customer_ids(path: Path) -> Iterator[str]:
    """The column customer_id of a CSV file; raises InputError that names file and line."""
    with _opened(path) as lines:
        rows = csv.reader(lines)
        header = next(rows, None)
        if header is None:
            raise InputError(f"{path}: the file is empty; expected a header with customer_id")
        names = [name.strip().lstrip("\ufeff") for name in header]
        if "customer_id" not in names:
            raise InputError(f"{path}: no column customer_id; it has {', '.join(names)[:200]}")
        column = names.index("customer_id")
        for row in rows:
            if not row:
                continue
            if len(row) <= column or not row[column].strip():
                raise InputError(f"{path}:{rows.line_num}: no customer_id")
            yield row[column].strip()


def queries_of(path: Path, *, locale: str) -> Iterator[Query]:
    """JSON lines with query_id, items and, where known, customer_id; raises InputError that names file and line."""
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                table = json.loads(line)
            except ValueError as error:
                raise InputError(f"{place}: not JSON ({error})") from None
            if not isinstance(table, dict):
                raise InputError(f'{place}: expected an object such as {{"query_id": "1", "items": ["a"]}}')
            items = table.get("items", [])
            if not isinstance(items, list):
                raise InputError(f"{place}: items is {items!r}; expected a list of item ids")
            yield Query(
                query_id=_text(table.get("query_id"), f"{place}: query_id"),
                customer_id=_text(table.get("customer_id"), f"{place}: customer_id"),
                items=tuple(text for item in items if (text := _text(item, f"{place}: items")) is not None),
                locale=locale,
            )


def _text(value: Any, place: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InputError(f"{place} is {value!r}; expected a text")


class Tally:
    """Counts what went by."""

    def __init__(self) -> None:
        self.lists = self.filled = self.empty = 0

    def over(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """Pass answers through."""
        for answer in answers:
            self.lists += 1
            self.filled += answer.fallback is not None
            self.empty += not answer.items
            yield answer

    def add(self, other: "Tally") -> None:
        """What went by elsewhere."""
        self.lists += other.lists
        self.filled += other.filled
        self.empty += other.empty

    def summary(self, out: Path) -> str:
        """What was written, in a sentence."""
        return f"{self.lists:,} lists to {out}; {self.filled:,} with a fallback, {self.empty:,} empty"


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}: {error}") from None


def answer_json(answer: Answer) -> dict[str, Any]:
    """One list as the files hold it."""
    named = {"query_id": answer.query.query_id} if answer.query.query_id is not None else {}
    return {
        **named,
        "customer_id": answer.query.customer_id,
        "scenario": answer.query.scenario,
        "model_version": answer.model_version,
        "fallback": answer.fallback,
        "items": [
            {
                "item_id": item.product.item_id,
                "title": item.product.title,
                "score": item.score,
                "source": item.source,
                "reason": item.reason,
            }
            for item in answer.items
        ],
    }


def write_answers(answers: Iterable[Answer], out: Path | None) -> None:
    """Write lists as JSON lines, CSV or Parquet by the file's ending; a file appears whole or not at all."""
    if out is None:
        _write_jsonl(answers, sys.stdout.buffer)
        return
    writers = {".jsonl": _write_jsonl, ".csv": _write_csv, ".parquet": _write_parquet}
    if out.suffix not in writers:
        raise InputError(f"--out {out}: unknown ending {out.suffix!r}; use .jsonl, .csv or .parquet")
    with whole_file(out) as stream:
        writers[out.suffix](answers, stream)


@contextmanager
def whole_file(out: Path) -> Iterator[BinaryIO]:
    """A file that appears when the block ends, or not at all."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            yield stream
        os.replace(temporary, out)
    except OSError as error:
        raise InputError(f"--out {out}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _write_jsonl(answers: Iterable[Answer], stream: BinaryIO) -> None:
    stream.writelines(orjson.dumps(answer_json(answer), option=orjson.OPT_APPEND_NEWLINE) for answer in answers)


def answer_rows(answers: Iterable[Answer]) -> Iterator[tuple[Any, ...]]:
    """One row an item, by COLUMNS."""
    for answer in answers:
        head = (
            answer.query.customer_id,
            answer.query.query_id,
            answer.query.scenario,
            answer.model_version,
            answer.fallback,
        )
        for place, item in enumerate(answer.items, 1):
            yield (*head, place, item.product.item_id, item.score, item.source, item.reason)


def _write_csv(answers: Iterable[Answer], stream: BinaryIO) -> None:
    import io

    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(answer_rows(answers))
    text.detach()


def _write_parquet(answers: Iterable[Answer], stream: BinaryIO) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError("Parquet output needs pyarrow: pip install 'recsvc[train]', or write .jsonl or .csv") from None
    texts = {name: pa.string() for name in COLUMNS}
    schema = pa.schema({**texts, "rank": pa.int32(), "score": pa.float64()})
    with pq.ParquetWriter(stream, schema) as writer:
        rows = iter(answer_rows(answers))
        from itertools import islice

        while group := list(islice(rows, ROWS_A_GROUP)):
            columns = dict(zip(COLUMNS, zip(*group, strict=True), strict=True))
            writer.write_table(
                pa.table({name: pa.array(columns[name], schema.field(name).type) for name in COLUMNS}, schema=schema)
            )
