"""A standalone Spark cluster on loopback: a master and two workers, each in a process group of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

HOME = Path(pyspark.__file__).parent
# For a few thousand rows, compiling costs more than it saves: interpret plans, and let the JVM compile lightly.
LIGHT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
DEFAULTS = {
    "spark.driver.extraJavaOptions": LIGHT,
    "spark.executor.extraJavaOptions": LIGHT,
    "spark.executor.memory": "600m",
    "spark.driver.memory": "600m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
LONGEST_START = 60.0


@dataclass
class Cluster:
    """`url` of the master; `workers` may be killed."""

    url: str
    folder: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def kill_a_worker(self) -> None:
        """kill -9 to a worker and its executors, as when a machine is gone."""
        worker = self.workers.pop()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        for executor in children_of(worker.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(executor, signal.SIGKILL)

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs to know."""
        return {"SPARK_CONF_DIR": str(self.folder), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}

    def has_lost_a_worker(self) -> bool:
        """Whether the master has noticed."""
        return re.search(r"Removing worker .* on", (self.folder / "master.log").read_text()) is not None


def children_of(pid: int) -> list[int]:
    """Processes of the group `pid`, which outlive its leader."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, rest = stat.read_text().rpartition(") ")
            if int(rest.split()[2]) == pid:
                found.append(int(stat.parent.name))
    return found


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Start it, and leave nothing of it behind."""
    folder.mkdir(parents=True)
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in DEFAULTS.items()))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        log = folder / "master.log"
        master = _start(log, folder, "master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        processes.append(master)
        url = _wait_for(log, r"Starting Spark master at (spark://[\d.]+:\d+)", master)
        cluster = Cluster(url, folder)
        for number in (1, 2):
            log = folder / f"worker-{number}.log"
            options = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
            options += ["--work-dir", str(folder / f"worker-{number}"), url]
            worker = _start(log, folder, "worker.Worker", *options)
            processes.append(worker)
            cluster.workers.append(worker)
            _wait_for(log, "(Successfully registered with master)", worker)
        yield cluster
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(log: Path, folder: Path, name: str, *options: str) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "SPARK_HOME": str(HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": LIGHT,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_PYTHON": sys.executable,
    }
    with log.open("wb") as out:
        return subprocess.Popen(
            [HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", *options],
            env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def _wait_for(log: Path, pattern: str, process: "subprocess.Popen[bytes]") -> str:
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_START:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[1]
        assert process.poll() is None, log.read_text(errors="replace")
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace"))
