"""Dense rows to work on, kept from one use to the next: making one anew costs more than a row's few values."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_kept = threading.local()


@contextmanager
def row_of_zeros(length: int, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """At least `length` zeros for this thread alone. Whoever writes to them has them zero again when leaving; where an
    error keeps it from that, the row is thrown away."""
    rows = _kept.__dict__
    name = np.dtype(dtype).str
    row = rows.pop(name, None)
    if row is None or len(row) < length:
        row = np.zeros(length, dtype)
    yield row
    rows[name] = row
