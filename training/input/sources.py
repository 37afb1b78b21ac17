"""Where purchases lie and how they are read: what a user says on the command line and in recsvc.toml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

CANONICAL = (
    "customer_id", "order_id", "line_id", "item_id", "quantity", "unit_price", "timestamp", "type", "currency",
)  # fmt: skip
# Files by URL: with --engine spark.
STORAGE_SCHEMES = ("file", "s3", "s3a", "gs", "abfs", "abfss", "hdfs")
DATABASE_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+_.]*://")


@dataclass(frozen=True, kw_only=True)
class PurchaseSource:
    """One place with purchases: a file, a glob, a directory, or a database URL with a query.

    `columns` maps canonical names to the columns of the file. Purchases at or after `until` are left out; a naive
    `until` is UTC. For the format complete-journey, the location 'completejourney' means the installed package's data.
    """

    location: str
    query: str | None = None
    format: str = "canonical"
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    until: datetime | None = None

    @property
    def is_url(self) -> bool:
        """Whether the location names files by URL."""
        return self.location.partition("://")[0].lower() in STORAGE_SCHEMES and "://" in self.location

    @property
    def is_database(self) -> bool:
        return not self.is_url and DATABASE_URL.match(self.location) is not None


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """Section [purchases] of recsvc.toml.

    `max_rejected_share` is the share of unreadable rows from which on training stops. `max_lines_per_customer` keeps
    the newest order lines of a customer beyond it, so that one till account does not outweigh a shop. `memory_gb` is
    what the reader's engine may hold in memory before it moves to disk. `late_days`: of a file or database that was
    read before, `recsvc train --since-last` reads rows again from so many days before the newest on.
    """

    max_rejected_share: float = 0.05
    max_lines_per_customer: int = 100_000
    memory_gb: float = 1.5
    late_days: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.max_rejected_share < 1:
            raise ValueError(f"max_rejected_share is {self.max_rejected_share}; expected 0 up to but not including 1")
        if self.max_lines_per_customer < 1:
            raise ValueError(f"max_lines_per_customer is {self.max_lines_per_customer}; expected at least 1")
        if self.memory_gb < 0.25:
            raise ValueError(f"memory_gb is {self.memory_gb}; expected at least 0.25")
        if self.late_days < 0:
            raise ValueError(f"late_days is {self.late_days}; expected at least 0")
