"""One object of a depot that several machines read often, and change only on the condition that nobody else did."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from models.depot import Depot
from models.errors import RefusedError, UnreachableError

NO_MARK = '"00000000000000000000000000000000" 1'  # of no object
TRIES, PAUSE = 30, 0.05  # of changing it while others do; seconds, growing
Result = TypeVar("Result")


class SharedObject:
    """`read` asks one small question, which is answered without a body where nothing changed."""

    def __init__(self, depot: Depot, name: str) -> None:
        self.place = f"{depot.url}/{name}"
        self._depot, self._name = depot, name
        self._data: bytes | None = None
        self._mark: str | None = None

    def read(self) -> bytes | None:
        """What it holds now; None where it is not there. Raises UnreachableError."""
        try:
            found = self._depot.read(self._name, unless=self._mark)
        except FileNotFoundError:
            self._data = self._mark = None
        else:
            if found is not None:
                self._data, self._mark = found.data, found.mark
        return self._data

    def change(self, change: Callable[[bytes | None], tuple[bytes | None, Result]]) -> Result:
        """Replace it by the first of what `change` makes of it (None: by nothing else); asked again where somebody else
        was first. Returns the second.

        Raises RefusedError where the depot takes no notice of conditions, and UnreachableError.
        """
        for turn in range(TRIES):
            before = self.read()
            after, result = change(before)
            if after is None or after == before or self._replace(after):
                return result
            time.sleep(PAUSE * turn * random.random())  # noqa: S311
        raise UnreachableError(f"{self.place}: others change it all the time; try again")

    def _replace(self, data: bytes) -> bool:
        if self._data is None or self._mark is None:
            return self._depot.create(self._name, data)
        if self._depot.replace(self._name, self._data, NO_MARK):
            raise RefusedError(
                f"{self.place}: the store writes without looking at the condition (If-Match), so that two who publish "
                "at once could undo each other; use one that does, or a mounted directory (file://)"
            )
        return self._depot.replace(self._name, data, self._mark)
