"""The Spark session of one training: the master that is set, and what our tables and blocks need of it."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from models.errors import InputError, RecsvcError
from training.spark.settings import SparkSettings

# A row of packed histories is megabytes: few of them at a time, and files cut small enough for every core.
OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.sql.files.maxPartitionBytes": str(32 << 20),
    "spark.sql.files.openCostInBytes": str(1 << 20),
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.ansi.enabled": "true",
}
# Fixed when Spark starts; s3:// is what everybody else calls Hadoop's s3a://.
AT_START = {
    "spark.ui.showConsoleProgress": "false",
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
}
LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false"}


@contextmanager
def open_session(settings: SparkSettings) -> Iterator[SparkSession]:
    """Spark, started or reached, stopped when the block ends. Raises InputError where there is none."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("recsvc train")
    if settings.master:
        # Where both are set, PySpark refuses: the setting goes before the environment.
        os.environ.pop("SPARK_REMOTE", None)
        is_connect = settings.master.startswith("sc://")
        builder = builder.remote(settings.master) if is_connect else builder.master(settings.master)
    else:
        is_connect = "SPARK_REMOTE" in os.environ
    if not is_connect:
        for name, value in {**AT_START, **(LOOPBACK if settings.master.startswith("local") else {})}.items():
            builder = builder.config(name, value)
    with warnings.catch_warnings():
        # Tables come and go as Arrow: of pandas, only small answers see anything.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(pyspark|ibis)\..*")
        session = _start(builder, settings.master or os.environ.get("SPARK_REMOTE", "Spark"))
        try:
            if not is_connect:
                session.sparkContext.setLogLevel("ERROR")
            for name, value in OPTIONS.items():
                session.conf.set(name, value)
            if settings.partitions:
                session.conf.set("spark.sql.shuffle.partitions", str(settings.partitions))
            yield session
        except (PySparkException, Py4JError, ConnectionError) as error:
            raise RecsvcError(
                f"Spark stopped: {_first_line(error)}; what it wrote above says more. Where memory was short, raise "
                "spark.driver.memory or spark.executor.memory"
            ) from error
        finally:
            # A JVM that died cannot be told to stop.
            with suppress(PySparkException, Py4JError, ConnectionError):
                session.stop()


def _start(builder: SparkSession.Builder, place: str) -> SparkSession:
    try:
        return builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        remedy = "is Java 17 or newer installed (JAVA_HOME), and does `master` in [spark] name a running Spark?"
        raise InputError(f"{place}: cannot be started or reached ({_first_line(error)}); {remedy}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:300]
