"""What `recsvc doctor` finds."""

from dataclasses import dataclass

OK, BROKEN, OPEN = "OK", "!!", "--"


@dataclass(frozen=True)
class Check:
    """One finding. `status` is OK, !! for what is broken or -- for what is not set up; `remedy` is a command."""

    name: str
    status: str
    detail: str
    remedy: str | None = None
