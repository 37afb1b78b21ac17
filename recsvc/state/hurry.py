"""PostgreSQL connections that keep to the limit of `recsvc.state.patience`."""

from typing import Any

import psycopg
import sqlalchemy as sa

from recsvc.state.patience import left

SILENT = "the database does not answer"


class HurriedConnection(psycopg.Connection[Any]):
    """Keeps to the limit whatever it waits for: a statement, a commit or a ping."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        seconds = left()
        if seconds is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.0, seconds))
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()  # whatever comes on it later is an answer to nobody's question
            raise psycopg.OperationalError(SILENT) from None


def hurry(engine: sa.Engine) -> None:
    """Let the engine make such connections, and none once the limit is over."""

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> HurriedConnection:
        seconds = left()
        if seconds is not None and seconds <= 0:
            raise psycopg.OperationalError(SILENT)
        return HurriedConnection.connect(*arguments, **options)
