"""What the machine does to a command, as one line for a person: a disk that is full, a database that goes away."""

import errno
import sys

from models.errors import RecsvcError

FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
# Nothing that a program does wrong: the machine refuses, and says why.
REFUSED = FULL | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def failures() -> tuple[type[Exception], ...]:
    """The exceptions that `failure_of` has a word for; the database's only where a command has loaded it."""
    database = sys.modules.get("sqlalchemy.exc")
    return (OSError,) if database is None else (OSError, database.DBAPIError, database.TimeoutError)


def failure_of(error: Exception) -> RecsvcError | None:
    """The exception as an error for a person; None where it is a bug, which keeps its traceback."""
    if isinstance(error, OSError):
        if error.errno not in REFUSED:
            return None
        place = f"{error.filename}: " if error.filename is not None else ""
        remedy = "; free some disk space, or raise its quota, and run it again" if error.errno in FULL else ""
        return RecsvcError(f"{place}{error.strerror}{remedy}")
    import sqlalchemy as sa

    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError):
        return None
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    remedy = "free some disk space" if "full" in reason else "see `recsvc doctor`"
    return RecsvcError(f"the database failed: {reason}; {remedy}, and run it again")
