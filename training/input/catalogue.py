"""The catalogue of a training: every item of the feed and every item bought."""

from typing import TypeVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.catalogue import ALWAYS, AVAILABILITY, LABELS, NEVER, NUMBERS, TEXTS, TIMES, Catalogue
from models.errors import InputError
from models.strings import IdIndex, StringTable
from training.input.report import Finding

Kind = TypeVar("Kind", np.int64, np.uint8, np.bool_)
EXAMPLES = 3
DEFAULT_TIMES = {"sale_from": ALWAYS, "sale_until": NEVER, "available_from": ALWAYS, "expires": NEVER}


def describe_items(items: ir.Table, rows: ir.Table, feed: ir.Table | None) -> pa.Table:
    """One row an item in the order of its code: id, TEXTS, LABELS, NUMBERS, TIMES, availability, listed, in_feed.

    What a feed does not have keeps the name that its purchases give it, or its id, and is listed only where there is
    no feed.
    """
    named = rows.filter(rows.title.notnull()).group_by(bought_id=rows.item).agg(name=rows.title.max())
    known = items.left_join(named, items.id == named.bought_id)
    if feed is None:
        described = known.select(
            "code",
            "id",
            title=ibis.coalesce(known.name, known.id),
            listed=ibis.literal(True),
            in_feed=ibis.literal(False),
        )
    else:
        columns = {name: feed[name] for name in (*TEXTS, *LABELS, *NUMBERS, *TIMES, "availability", "listed")}
        described = known.left_join(feed.select(feed_id=feed.id, **columns), [("id", "feed_id")])
        in_feed = described.feed_id.notnull()
        described = described.select(
            "code", "id", *(name for name in columns if name not in ("title", "listed")),
            title=in_feed.ifelse(described.title, ibis.coalesce(described.name, described.id)),
            listed=described.listed.fill_null(False),
            in_feed=in_feed,
        )  # fmt: skip
    return described.order_by("code").drop("code").to_pyarrow()


def items_outside(items: pa.Table, bought: NDArray[np.bool_]) -> tuple[Finding, Finding]:
    """Items bought that the feed does not have, and items of the feed never bought.

    Raises InputError where no item is both.
    """
    in_feed = items["in_feed"].to_numpy(zero_copy_only=False)
    if not (in_feed & bought).any():
        examples = [repr(items["id"][int(np.flatnonzero(mask)[0])].as_py()) for mask in (bought, in_feed)]
        raise InputError(
            f"no item bought is in the products feed: purchases have ids like {examples[0]}, "
            f"the feed has ids like {examples[1]}"
        )
    return _finding(items, bought & ~in_feed, "bought, but not in the catalogue"), _finding(
        items, in_feed & ~bought, "in the catalogue, but never bought"
    )


def _finding(items: pa.Table, mask: NDArray[np.bool_], reason: str) -> Finding:
    first = np.flatnonzero(mask)[:EXAMPLES]
    return Finding(reason=reason, count=int(mask.sum()), examples=tuple(items["id"].take(first).to_pylist()))


def build_catalogue(items: pa.Table) -> Catalogue:
    """The catalogue of these items, as `describe_items` describes them; a column that is missing has its default."""
    n_items = len(items)
    category, categories = _categories(items)
    availability = _column(items, "availability")
    return Catalogue(
        items=IdIndex.of(items["id"].to_pylist()),
        texts={name: string_table(_column(items, name)) for name in (*TEXTS, *LABELS)},
        numbers={name: _numbers(_column(items, name)) for name in NUMBERS},
        times={name: _filled(_column(items, name), DEFAULT_TIMES[name], np.int64) for name in TIMES},
        availability=_filled(availability, AVAILABILITY.index("in_stock"), np.uint8),
        listed=_filled(_column(items, "listed"), False, np.bool_),
        category=category if n_items else np.zeros(0, np.int32),
        categories=categories,
    )


def string_table(column: pa.ChunkedArray) -> StringTable:
    """The texts of an Arrow column, null as '', without a Python object for each."""
    if not len(column):
        return StringTable.of([])
    array = column.cast(pa.large_string()).fill_null("").combine_chunks()
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    texts = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data is not None else np.zeros(0, np.uint8)
    return StringTable(texts, ends - ends[0])


def _column(items: pa.Table, name: str) -> pa.ChunkedArray:
    return items[name] if name in items.column_names else pa.chunked_array([pa.nulls(len(items))])


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _filled(column: pa.ChunkedArray, default: int, kind: type[Kind]) -> NDArray[Kind]:
    arrow = pa.from_numpy_dtype(kind)
    return np.asarray(
        column.cast(arrow).fill_null(pa.scalar(kind(default), arrow)).to_numpy(zero_copy_only=False), kind
    )


def _categories(items: pa.Table) -> tuple[NDArray[np.int32], StringTable]:
    """Each item's place (−1: none) among the distinct paths, and these in ascending order."""
    encoded = _column(items, "product_type").cast(pa.large_string()).fill_null("").combine_chunks().dictionary_encode()
    paths = encoded.dictionary.to_pylist()
    ordered = sorted(filter(None, paths))
    place = {path: number for number, path in enumerate(ordered)}
    numbers = np.array([place.get(path, -1) for path in paths], np.int32)
    return numbers[encoded.indices.to_numpy()], StringTable.of(ordered)
