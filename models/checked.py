"""Bundles whose files were compared with their checksums on this machine, so that a start need not read them all again.

A file that is not the one that was compared has another inode, size, or time of change, which no program can set: then
the bundle is compared anew.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

FOLDER = "checked"


def is_checked(bundle: Path, files: Iterable[str]) -> bool:
    """Whether these files of the bundle are those that were compared."""
    try:
        noted = _place(bundle).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False
    return noted == stamp_of(bundle, files)


def stamp_of(bundle: Path, files: Iterable[str]) -> str | None:
    """What changes when one of the files does; None where one is missing. Taken before they are compared."""
    digest = hashlib.sha256()
    for name in ("manifest.json", *sorted(files)):
        try:
            found = (bundle / name).stat()
        except OSError:
            return None
        digest.update(f"{name} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\n".encode())
    return digest.hexdigest()


def note_checked(bundle: Path, stamp: str | None) -> None:
    """Remember that the files with this stamp are sound; a store that cannot be written is no reason to stop."""
    place = _place(bundle)
    temporary = place.with_name(f".{place.name}-{os.getpid()}-{os.urandom(4).hex()}")
    with contextlib.suppress(OSError):
        if stamp is not None and bundle.parent.name == "bundles":
            place.parent.mkdir(exist_ok=True)
            temporary.write_text(stamp, encoding="ascii")
            temporary.replace(place)


def forget_checked(bundle: Path) -> None:
    """The bundle is gone."""
    with contextlib.suppress(OSError):
        _place(bundle).unlink()


def _place(bundle: Path) -> Path:
    return bundle.parents[1] / FOLDER / bundle.name
