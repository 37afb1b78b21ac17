"""Engines of models beside the published one, for experiments that compare them."""

import logging
import threading
import time

from models.errors import RecsvcError
from recsvc.engine.answering import Engine
from recsvc.engine.live import LiveEngine

log = logging.getLogger(__name__)
MOST_KEPT = 3
REST_SECONDS = 10.0  # before a model that could not be loaded is tried again: another process may be fetching it


class Shelf:
    """Loads a model when it is first asked for; one that cannot be loaded is replaced by the published one.

    Answers name the model that they come from, and `problem` says what could not be loaded.
    """

    def __init__(self, live: LiveEngine) -> None:
        self.problem: str | None = None
        self._live, self._lock = live, threading.Lock()
        self._engines: dict[str, Engine | None] = {}
        self._not_before: dict[str, float] = {}

    def engine(self, version: str) -> Engine:
        """The engine of this version, or of the published one where `version` is ''."""
        current = self._live.current()
        if version in ("", current.version):
            return current
        with self._lock:
            if version not in self._engines or self._is_to_be_tried_again(version):
                if version not in self._engines and len(self._engines) >= MOST_KEPT:
                    self._engines.pop(next(iter(self._engines)))
                self._engines[version] = self._load(version)
            return self._engines[version] or current

    def _is_to_be_tried_again(self, version: str) -> bool:
        return self._engines[version] is None and time.monotonic() >= self._not_before[version]

    def _load(self, version: str) -> Engine | None:
        try:
            engine = Engine.from_bundle(self._live.registry.open(version))
        except (RecsvcError, OSError, KeyError, TypeError, ValueError) as error:
            self.problem = f"the model {version[:60]} of an experiment could not be loaded: {error}"
            log.error("bundle refused", extra={"problem": self.problem})
            self._not_before[version] = time.monotonic() + REST_SECONDS
            return None
        if not any(kept is None for other, kept in self._engines.items() if other != version):
            self.problem = None
        return engine
