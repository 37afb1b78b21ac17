"""Follows the settings file of a running service."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from models.errors import SettingsError

log = logging.getLogger(__name__)
CHECK_SECONDS = 1.0
Settings = TypeVar("Settings")


class Following(Generic[Settings]):
    """What `read` finds in the file, which is looked at every CHECK_SECONDS at most, when it is asked for.

    A file that cannot be read leaves things as they were, and `problem` says why. Raises SettingsError for one that
    cannot be read at the start. `name` is what is read, in the log.
    """

    def __init__(self, path: Path | None, read: Callable[[Path | None], Settings], name: str) -> None:
        self._path, self._read, self._name = path, read, name
        self._settings = read(path)
        self._stamp = self._stamped()
        self._checked = time.monotonic()
        self.problem: str | None = None

    def current(self) -> Settings:
        """As the file has them now."""
        if self._path is not None and time.monotonic() - self._checked >= CHECK_SECONDS:
            self._checked = time.monotonic()
            self._refresh(self._path)
        return self._settings

    def _refresh(self, path: Path) -> None:
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._settings = self._read(path)
            self.problem = None
            log.info(f"{self._name} read")  # noqa: G004
        except SettingsError as error:
            self.problem = f"the {self._name} stay as they were: {error}"
            log.error(f"{self._name} refused", extra={"problem": self.problem})  # noqa: G004

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)
