"""Settings of a training on Spark."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """Section [spark] of recsvc.toml.

    `master`: where Spark runs, such as `local[*]` or `spark://host:7077`; empty: what Spark's own configuration names,
    and if that names nothing, this machine. `work`: URL of a folder for intermediate tables that the driver and all
    executors reach, such as `s3://bucket/recsvc-work`; empty: the store's own, which is enough where all share its file
    system. `sample_customers`: of so many customers at most the driver holds histories, for rankers, the reference
    customers and tuning. `block_customers`: customers, or guests' orders, that an executor computes at once.
    `partitions`: parts in which tables are shuffled and factors are solved, 0: as many as Spark thinks right.
    """

    master: str = ""
    work: str = ""
    sample_customers: int = 100_000
    block_customers: int = 1_000
    partitions: int = 0

    def __post_init__(self) -> None:
        if self.sample_customers < 1_000:
            raise ValueError(f"sample_customers is {self.sample_customers}; expected at least 1000")
        if not 64 <= self.block_customers <= 100_000:
            raise ValueError(f"block_customers is {self.block_customers}; expected 64 to 100000")
        if self.partitions < 0:
            raise ValueError(f"partitions is {self.partitions}; expected at least 0 (Spark's own choice)")
