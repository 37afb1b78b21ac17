"""Work beside the main thread."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class InThread(Generic[Result]):
    """Runs `work` in a thread of its own. The thread is a daemon: Ctrl-C ends a training at once, whatever it is at."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._results: list[Result] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="recsvc-work", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._errors.append(error)

    def result(self) -> Result:
        """What the work returned; raises what it raised."""
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._results[0]
