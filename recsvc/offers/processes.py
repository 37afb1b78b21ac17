"""Several processes for one export: each makes whole blocks, the book of mails and the files take them in order."""

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from pathlib import Path

from models.errors import RecsvcError, RefusedError
from recsvc.customers.table import Customer
from recsvc.offers.blocks import Blocks, Made
from recsvc.offers.campaign import Campaign
from recsvc.offers.run import Run, run_of_version

MOST_PROCESSES = 4  # the book of mails takes a fifth of the time, and one block after another
LEAST_EACH = 10_000  # customers; a process takes a second or two to begin
STOPPED = -1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that another process needs to make the same offers."""

    campaign: Campaign
    store: Path
    version: str
    now: datetime
    locale: str | None
    formats: tuple[str, ...]
    record: bool

    @classmethod
    def of(cls, run: Run, store: Path, *, formats: tuple[str, ...], record: bool) -> "Recipe":
        """Of a run opened from the store."""
        return cls(
            campaign=run.campaign, store=store, version=run.engine.version, now=run.now, locale=run.maker.locale,
            formats=formats, record=record,
        )  # fmt: skip


class Turns:
    """Lets numbered blocks pass one after another, in several processes; one that fails stops those behind it."""

    def __init__(self, context: SpawnContext) -> None:
        self._next = context.Value("q", 0, lock=False)
        self._changed = context.Condition()

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """Wait for this block's turn; the next one's is when the block ends. Raises RefusedError when one failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._next.value in (number, STOPPED))
            if self._next.value == STOPPED:
                raise RefusedError("an earlier part of the export failed")
        following = STOPPED
        try:
            yield
            following = number + 1
        finally:
            with self._changed:
                self._next.value = following
                self._changed.notify_all()


def default_processes(customers: int) -> int:
    """One for each core that this process may use, at most MOST_PROCESSES, each with at least LEAST_EACH customers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_PROCESSES, customers // LEAST_EACH))


@contextmanager
def made_by_processes(
    recipe: Recipe, blocks: Iterable[Sequence[Customer]], processes: int
) -> Iterator[Iterator[Made]]:  # fmt: skip
    """What comes of each block, in order, some of them in the making; no process is left at the end. Raises what a
    process raised, and RecsvcError when one ended."""
    context = multiprocessing.get_context("spawn")  # a fork would share the database's connections
    pool = ProcessPoolExecutor(processes, context, _begin, (recipe, Turns(context)))
    try:
        yield _in_order(pool, blocks, 2 * processes)
    except BrokenProcessPool:
        raise RecsvcError(
            "a process of the export ended before its work was done (out of memory?), so no file was written; run it "
            "again, with --processes 1 where memory is short"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, blocks: Iterable[Sequence[Customer]], most: int) -> Iterator[Made]:
    waiting: deque[Future[Made]] = deque()
    for number, block in enumerate(blocks):
        waiting.append(pool.submit(_make, number, block))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class _Mine:
    """What a process of the pool keeps from one block to the next."""

    recipe: Recipe
    turns: Turns
    blocks: Blocks | None = None


def _begin(recipe: Recipe, turns: Turns) -> None:
    """Once in each process."""
    in_a_process()
    _Mine.recipe, _Mine.turns = recipe, turns


def in_a_process() -> None:
    """What every process of a pool does first: it ends with its parent, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who pressed Ctrl-C is answered by the process that began it all
    threading.Thread(target=_end_with_parent, name="recsvc-parent", daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed says nothing to its children, and they would wait for it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _make(number: int, block: Sequence[Customer]) -> Made:
    if _Mine.blocks is None:
        try:
            _Mine.blocks = _opened(_Mine.recipe, _Mine.turns)
        except Exception as error:
            with _Mine.turns.of(number):
                raise error
    return _Mine.blocks.make(number, block)


def _opened(recipe: Recipe, turns: Turns) -> Blocks:
    run = run_of_version(recipe.campaign, recipe.store, recipe.version, now=recipe.now, locale=recipe.locale)
    blocks = Blocks(run, recipe.formats, record=recipe.record, turn=turns.of)
    spare_collections()
    return blocks


def spare_collections() -> None:
    """Offers hold no cycles: looking for some, among all that is kept too, takes a fifth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
