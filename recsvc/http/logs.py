"""One JSON object a line on stderr: time, level, logger, message and what the caller adds; no ids of customers.

What is logged while a request is answered names it by its request_id and, as tracing systems do, its trace_id.
"""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# (request_id, trace_id) of the request that is being answered.
current_request: ContextVar[tuple[str, str] | None] = ContextVar("current_request", default=None)
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """`extra` becomes members of the object; an exception its traceback as text."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        asked = current_request.get()
        if asked is not None:
            line["request_id"], line["trace_id"] = asked
        line.update({name: value for name, value in vars(record).items() if name not in STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def trace_id_of(traceparent: str | None) -> str:
    """The trace that a W3C `traceparent` header names; a new one where there is none or it is not valid."""
    found = TRACEPARENT.fullmatch(traceparent) if traceparent and not traceparent.startswith("ff") else None
    return found[1] if found else secrets.token_hex(16)


def configure_logs(level: int = logging.INFO) -> None:
    """Send this process's log to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
