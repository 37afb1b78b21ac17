"""Disks that are full: a small file system where one can be mounted, and the limit of file sizes anywhere."""

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = 4096
BALLAST = "ballast"


class SmallDisk:
    """A file system of its own, filled and freed by a file that nobody else knows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def leave(self, n_bytes: int) -> None:
        """Take all space but so many bytes."""
        self.free()
        status = os.statvfs(self.path)
        with (self.path / BALLAST).open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, status.f_bavail * status.f_frsize - n_bytes))

    def free(self) -> None:
        """Give the space back."""
        (self.path / BALLAST).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[SmallDisk]:
    """Mount a file system in memory on `folder`; raises OSError where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        raise OSError(f"{folder}: a file system cannot be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


def can_mount() -> bool:
    """Whether this process may mount a file system: root on a machine may, root in most containers may not."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(prefix="recsvc-disk-") as folder:
        try:
            with small_disk(Path(folder) / "disk", 16 * PAGE):
                return True
        except OSError:
            return False


def limit_files(processes: Iterable[int], n_bytes: int | None) -> None:
    """Let running processes write no file beyond so many bytes, or (None) any again; Linux only."""
    for pid in processes:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (n_bytes if n_bytes is not None else -1, -1))
