"""A folder of .eml files, one a reader, and a list of which is whose."""

import csv
import os
import shutil
from pathlib import Path
from typing import IO

from recsvc.offers.offer import Offer
from recsvc.offers.plain_files import Utf8Text, Writer, safe_cell
from recsvc.offers.sending.message import MessageBuilder

FILES_A_FOLDER = 10_000


class SingleMails(Writer):
    """Mails by number, so that no id becomes a file name; `out` is the list."""

    def __init__(self, out: IO[bytes], folder: Path, builder: MessageBuilder) -> None:
        super().__init__()
        self._folder = folder
        self._builder = builder
        self._number = 0
        folder.mkdir(mode=0o700, parents=True)
        self._list = csv.writer(Utf8Text(out), lineterminator="\n")
        self._list.writerow(["file", "customer_id", "email", "message_id"])

    def write(self, offer: Offer) -> None:
        message = self._builder.build(offer)
        part = self._folder / f"{self._number // FILES_A_FOLDER:04d}"
        if self._number % FILES_A_FOLDER == 0:
            part.mkdir(mode=0o700)
        path = part / f"{self._number:07d}.eml"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.raw)
        place = f"{part.name}/{path.name}"
        self._list.writerow([safe_cell(cell) for cell in (place, offer.customer_id, message.recipient)]
                            + [message.message_id])  # fmt: skip
        self._number += 1

    def move_to(self, final: Path) -> None:
        """The folder takes the place of an earlier one."""
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        self._folder.rename(final)
        shutil.rmtree(old, ignore_errors=True)
