"""Everybody's lists by several processes: each makes the lines of whole blocks, and they are written in order."""

import csv
import io
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from models.errors import RecsvcError
from models.remote_registry import open_registry
from recsvc.engine import Answer, Engine, Query
from recsvc.files import Tally, answer_json, answer_rows
from recsvc.offers.processes import in_a_process, spare_collections

BLOCK = 2_048


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that another process needs to make the same lines; `wishes` are fields of a `Query`, `kind` '.jsonl' or
    '.csv'."""

    store: Path
    version: str
    wishes: Mapping[str, Any]
    locale: str
    now: datetime
    kind: str


@dataclass(frozen=True)
class Lines:
    """The lines of a block of customers, and what was counted of them."""

    text: bytes
    tally: Tally


def lines_by_processes(recipe: Recipe, customers: int, processes: int) -> Iterator[Lines]:
    """The lines of all `customers` of the model, in their order; no process is left at the end.

    Raises what a process raised, and RecsvcError when one ended.
    """
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin, (recipe,))
    try:
        waiting: deque[Future[Lines]] = deque()
        for start in range(0, customers, BLOCK):
            waiting.append(pool.submit(_make, start, min(start + BLOCK, customers)))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise RecsvcError(
            "a process ended before its lists were made (out of memory?), so no file was written; run it again, with "
            "--processes 1 where memory is short"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def jsonl_lines(answers: Iterable[Answer]) -> bytes:
    """A JSON object a line."""
    return b"".join(orjson.dumps(answer_json(answer), option=orjson.OPT_APPEND_NEWLINE) for answer in answers)


def csv_lines(answers: Iterable[Answer]) -> bytes:
    """A line an item, without a header."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(answer_rows(answers))
    return text.getvalue().encode()


ENCODE: Mapping[str, Callable[[Iterable[Answer]], bytes]] = {".jsonl": jsonl_lines, ".csv": csv_lines}


class _Mine:
    """What a process of the pool keeps from one block to the next."""

    recipe: Recipe
    engine: Engine | None = None


def _begin(recipe: Recipe) -> None:
    in_a_process()
    _Mine.recipe = recipe


def _make(start: int, end: int) -> Lines:
    recipe = _Mine.recipe
    if _Mine.engine is None:
        bundle = open_registry(recipe.store).open(recipe.version, verify=False)
        _Mine.engine = Engine.from_bundle(bundle, in_bulk=True)
        spare_collections()
    engine, tally = _Mine.engine, Tally()
    asked = (
        Query(customer_id=one, locale=recipe.locale, **recipe.wishes) for one in known_customers(engine, start, end)
    )
    text = ENCODE[recipe.kind](tally.over(engine.recommend_many(asked, now=recipe.now)))
    return Lines(text, tally)


def known_customers(engine: Engine, start: int, end: int) -> Iterator[str]:
    """The ids of these customers, without those who were erased."""
    return (one for one in (engine.customers[c] for c in range(start, end)) if engine.customers.find(one) >= 0)
