"""Follows the published bundle: a worker notices a new one within seconds and swaps one reference."""

import logging
import threading
import time

from models.errors import RecsvcError, RefusedError
from models.registry import Registry
from recsvc.engine.answering import Engine

log = logging.getLogger(__name__)


class LiveEngine:
    """Hands out the engine of the published bundle; a bundle that cannot be loaded leaves the old one serving.

    A thread looks at `current` every `check_every` seconds and loads there, so that no request waits for a load;
    without `start()` the same is done by `refresh()`.
    """

    def __init__(self, registry: Registry, *, check_every: float = 1.0) -> None:
        self.registry = registry
        self.problem: str | None = None
        self._check_every = check_every
        self._engine: Engine | None = None
        self._seen: tuple[int, int] | None = None
        self._stop = threading.Event()
        self.refresh()

    def current(self) -> Engine:
        """The engine to answer with; raises RefusedError when nothing could be loaded yet."""
        engine = self._engine
        if engine is None:
            raise RefusedError(self.problem or f"no model is published in {self.registry.store}; run `recsvc train`")
        return engine

    @property
    def loaded(self) -> bool:
        return self._engine is not None

    def refresh(self) -> None:
        """Load the published bundle if it is another one than the last that was tried."""
        stamp = self.registry.stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        if stamp is None:
            # `current` is gone: keep serving what is loaded rather than nothing.
            self.problem = f"no model is published in {self.registry.store}" if self._engine is None else None
            return
        started = time.perf_counter()
        try:
            version = self.registry.current()
            if self._engine is None or self._engine.version != version:
                engine = Engine.from_bundle(self.registry.open(version))
                if self._engine is not None:
                    engine.warm()
                self._engine = engine
                log.info("bundle loaded", extra={"version": version, "seconds": time.perf_counter() - started})
            self.problem = None
        except (RecsvcError, OSError, KeyError, TypeError, ValueError) as error:
            self.problem = f"the published bundle could not be loaded: {error}"
            log.error("bundle refused", extra={"problem": self.problem})

    def start(self) -> None:
        """Look for a new bundle in the background until `stop()`."""
        threading.Thread(target=self._follow, name="recsvc-bundle", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _follow(self) -> None:
        # The first model serves at once and is warmed up beside; a later one before it takes over.
        if self._engine is not None:
            try:
                self._engine.warm()
            except RecsvcError as error:
                self.problem = str(error)
                log.error("model damaged", extra={"problem": self.problem})
        while not self._stop.wait(self._check_every):
            self.refresh()
