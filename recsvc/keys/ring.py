"""The keys as one worker knows them: read every few seconds beside the requests, never by one of them."""

import threading
import time
from collections.abc import Mapping

import sqlalchemy as sa

from models.errors import RecsvcError
from recsvc.keys.records import ApiKey, list_keys
from recsvc.state.database import unreachable
from recsvc.state.migrate import migrate


class KeyRing:
    """All keys of the database, at most a few seconds old; the last known ones while it is down.

    A request that finds the copy old starts a reading in a thread and waits for it no longer than `patience` seconds;
    while a reading runs, others go on with what is known. So a new key works and a revoked one stops after
    `fresh_for` seconds, and a database that hangs costs one request a moment and the others nothing.
    """

    def __init__(self, database: sa.Engine, *, fresh_for: float = 2.0, patience: float = 0.25) -> None:
        self._database = database
        self._fresh_for = fresh_for
        self._patience = patience
        self._keys: Mapping[str, ApiKey] | None = None
        self._error: str | None = None
        self._migrated = False
        self._lock = threading.Lock()
        self._started = float("-inf")
        self._finished = threading.Event()
        self._finished.set()

    def keys(self, *, younger_than: float | None = None) -> Mapping[str, ApiKey] | None:
        """The keys by id; None when the database has not been readable since this worker started."""
        if time.monotonic() - self._started >= (self._fresh_for if younger_than is None else younger_than):
            self._refresh(self._patience)
        return self._keys

    @property
    def problem(self) -> str | None:
        """Why the database could not be read just now; None when it could."""
        if not self._finished.is_set() and time.monotonic() - self._started > 2 * self._patience:
            return "the database does not answer"
        return self._error

    def check_database(self, patience: float) -> str | None:
        """Read the database now, waiting up to `patience` seconds; returns the problem, None when it is up."""
        if not self._refresh(patience):
            return "the database does not answer"
        return self._error

    def _refresh(self, patience: float) -> bool:
        """Read in a thread of its own, unless one is reading; whether it was done in time."""
        with self._lock:
            mine = self._finished.is_set()
            if mine:
                self._finished.clear()
                self._started = time.monotonic()
        if mine:
            threading.Thread(target=self._read, name="recsvc-keys", daemon=True).start()
        elif time.monotonic() - self._started > patience:
            return False  # that reading hangs: waiting again would not help
        return self._finished.wait(patience)

    def _read(self) -> None:
        try:
            if not self._migrated:
                migrate(self._database)
                self._migrated = True
            self._keys = {key.key_id: key for key in list_keys(self._database)}
            self._error = None
        except (sa.exc.SQLAlchemyError, OSError) as error:
            self._error = str(unreachable(self._database, error))
        except RecsvcError as error:
            self._error = str(error)
        finally:
            self._finished.set()
