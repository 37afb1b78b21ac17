"""Ibis expressions on Spark: tables are Parquet in the work folder, so that a lost executor costs no more than its
share of one step."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documents call it

from training.input.engine import Tables
from training.spark.storage import Folder, file_system

# Spark's numbers for rows hold the partition above this bit.
PARTITION_BIT = 33


class SparkTables:
    """What `training.input` checks and nets rows with (training.input.engine.Tables), on Spark."""

    def __init__(self, session: SparkSession, folder: Folder) -> None:
        self.session, self.folder = session, folder
        self.ibis = ibis.pyspark.connect(session)
        with suppress(PySparkException):  # behind Spark Connect, spark.checkpoint.dir of the server says where
            session.sparkContext.setCheckpointDir(folder.at("checkpoints"))

    @property
    def parallelism(self) -> int:
        """Tasks that Spark thinks right for one step."""
        try:
            return max(2, 2 * int(self.session.sparkContext.defaultParallelism))
        except PySparkException:
            return int(str(self.session.conf.get("spark.sql.shuffle.partitions")))  # Spark Connect tells no more

    def frame(self, expression: ir.Table) -> DataFrame:
        """The expression as Spark's own data frame."""
        return self.session.sql(self.ibis.compile(_for_java(expression)))

    def create_table(self, name: str, obj: ir.Table) -> ir.Table:
        """Compute the expression once, into the folder."""
        return self.keep(name, self.frame(obj))

    def create_view(self, name: str, obj: ir.Table) -> ir.Table:
        """Give the expression a name."""
        return self.view(name, self.frame(obj))

    def keep(self, name: str, frame: DataFrame) -> ir.Table:
        """Compute a data frame once, into the folder."""
        self.write(name, frame)
        return self.view(name, self.read(name))

    def view(self, name: str, frame: DataFrame) -> ir.Table:
        """A data frame as an Ibis table."""
        frame.createOrReplaceTempView(name)
        return self.ibis.table(name)

    def write(self, name: str, frame: DataFrame) -> None:
        """Compute a data frame into the folder, and no more."""
        frame.write.mode("overwrite").parquet(self.folder.at(name))

    def read(self, name: str) -> DataFrame:
        """A table of the folder as Spark's own data frame."""
        return self.session.read.parquet(self.folder.at(name))

    def put(self, name: str, table: pa.Table) -> ir.Table:
        """A table of this process as one that executors read."""
        files, path = file_system(self.folder.at(name))
        files.create_dir(path)
        pyarrow.parquet.write_table(table, f"{path}/part.parquet", filesystem=files, row_group_size=1 << 20)
        return self.view(name, self.read(name))

    def fetch(self, name: str, expression: ir.Table) -> pa.Table:
        """The rows in this process, by way of the folder; in no particular order."""
        self.write(name, self.frame(expression))
        return self.folder.table(name)


def number_sorted(engine: Tables, name: str, rows: ir.Table, column: str, order_by: Sequence[str]) -> ir.Table:
    """Numbers rows from 0 by a distributed sort: Spark would compute a window over all rows on one executor."""
    assert isinstance(engine, SparkTables)
    kept = f"{name}_sorted"
    ordered = engine.frame(rows).sort(*order_by)
    engine.write(kept, ordered.withColumn("_at", F.monotonically_increasing_id()))
    frame = engine.read(kept)
    part = F.shiftright("_at", PARTITION_BIT)
    counts = sorted((int(row[0]), int(row[1])) for row in frame.groupBy(part.alias("part")).count().collect())
    starts, start = [], 0
    for number, count in counts:
        starts.append((number, start))
        start += count
    offsets = engine.session.createDataFrame(starts or [(0, 0)], "_part bigint, _start bigint")
    numbered = frame.join(F.broadcast(offsets), part == offsets["_part"])
    place = F.col("_start") + F.col("_at").bitwiseAND((1 << PARTITION_BIT) - 1)
    return engine.view(name, numbered.withColumn(column, place.cast("int")).drop("_at", "_part", "_start"))


def _for_java(expression: ir.Table) -> ir.Table:
    """The same expression with groups in regular expressions' replacements as Java writes them: $1 for \\1."""

    def replaced(node: Any, kwargs: dict[str, Any] | None) -> Any:
        if kwargs:
            node = node.__recreate__(kwargs)
        if isinstance(node, ops.RegexReplace) and isinstance(node.replacement, ops.Literal):
            text = node.replacement.value.replace("\\", "$")
            return ops.RegexReplace(node.arg, node.pattern, ops.Literal(text, node.replacement.dtype))
        return node

    return expression.op().replace(replaced).to_expr()
