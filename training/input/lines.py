"""Which line of a text file a record stands on: records are not lines where a quoted cell goes over several."""

import csv
import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.input.files import InputFile, open_bytes

BLOCK_BYTES = 1 << 24
LONGEST_CELL = (1 << 31) - 1


def lines_at(file: InputFile, places: NDArray[np.integer]) -> NDArray[np.int64]:
    """The line (from 1) on which each byte stands; `places` ascending."""
    lines = np.ones(len(places), np.int64)
    start, newlines = 0, 0
    with open_bytes(file.path, file.compression) as stream:
        while len(places) and start <= places[-1] and (block := stream.read(BLOCK_BYTES)):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
            here = (places >= start) & (places < start + len(block))
            lines[here] = 1 + newlines + np.searchsorted(ends, places[here] - start)
            start += len(block)
            newlines += len(ends)
    return lines


def lines_of_records(file: InputFile, ordinals: NDArray[np.integer], refused_lines: set[int]) -> NDArray[np.int64]:
    """The line (from 1) on which each record starts; `ordinals` ascending from 0, counted without the refused records.

    Parquet rows and elements of a JSON array have no lines: they count from 1.
    """
    if file.kind == "parquet" or file.is_array:
        return np.asarray(ordinals, np.int64) + 1
    lines = np.zeros(len(ordinals), np.int64)
    starts = _record_starts(file)
    accepted, found = -1, 0
    for line in starts:
        if line in refused_lines:
            continue
        accepted += 1
        if accepted == ordinals[found]:
            lines[found] = line
            found += 1
            if found == len(ordinals):
                break
    return lines


def _record_starts(file: InputFile) -> Iterator[int]:
    with open_bytes(file.path, file.compression) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        if file.kind == "json":
            yield from (number for number, line in enumerate(text, 1) if line.strip())
            return
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(text, delimiter=file.separator)
        next(filter(None, reader), None)  # the header
        start = reader.line_num + 1
        for row in reader:
            if row:
                yield start
            start = reader.line_num + 1
