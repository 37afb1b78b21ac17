"""A folder of .eml files, one a reader, and a list of which is whose."""

import os
import shutil
from pathlib import Path
from typing import IO

from recsvc.offers.offer import Offer
from recsvc.offers.plain_files import Writer, csv_row, safe_cell
from recsvc.offers.sending.message import Message, MessageBuilder

FILES_A_FOLDER = 10_000


class SingleMails(Writer):
    """Mails by number, so that no id becomes a file name; `out` is the list."""

    def __init__(self, out: IO[bytes], folder: Path, builder: MessageBuilder) -> None:
        super().__init__(out)
        self._folder = folder
        self._builder = builder
        self._number = 0
        self._out.write(csv_row(["file", "customer_id", "email", "message_id"]))

    def entry(self, offer: Offer) -> Message:
        return self._builder.build(offer)

    def add(self, entry: Message) -> None:
        part = self._folder / f"{self._number // FILES_A_FOLDER:04d}"
        if self._number == 0:
            self._folder.mkdir(mode=0o700, parents=True)
        if self._number % FILES_A_FOLDER == 0:
            part.mkdir(mode=0o700)
        path = part / f"{self._number:07d}.eml"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(entry.raw)
        cells = (f"{part.name}/{path.name}", entry.customer_id, entry.recipient)
        self._out.write(csv_row([*map(safe_cell, cells), entry.message_id]))
        self._number += 1

    def move_to(self, final: Path) -> None:
        """The folder takes the place of an earlier one."""
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        self._folder.rename(final)
        shutil.rmtree(old, ignore_errors=True)
