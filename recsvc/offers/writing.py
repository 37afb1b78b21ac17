"""Files of offers, complete or not there at all: which formats there are, and how they appear."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from models.errors import InputError, RefusedError
from recsvc.offers.campaign import Campaign
from recsvc.offers.plain_files import JsonLines, WideCsv, Writer
from recsvc.offers.sending.message import MessageBuilder
from recsvc.offers.single_mails import SingleMails
from recsvc.offers.tools import Brevo, Klaviyo, Mailchimp, SendGrid, Ses

# What follows the campaign's id in the file's name, and what writes it.
MAKERS: Mapping[str, tuple[str, Callable[[IO[bytes], Campaign], Writer]]] = {
    "csv": ("csv", WideCsv),
    "jsonl": ("jsonl", JsonLines),
    "mailchimp": ("mailchimp.csv", Mailchimp),
    "klaviyo": ("klaviyo.jsonl", Klaviyo),
    "brevo": ("brevo.jsonl", Brevo),
    "sendgrid": ("sendgrid.jsonl", SendGrid),
    "ses": ("ses.jsonl", Ses),
}
FORMATS = (*MAKERS, "eml")


@contextmanager
def offer_files(
    folder: Path, campaign: Campaign, formats: tuple[str, ...], builder: MessageBuilder | None = None
) -> Iterator[tuple[list[Writer], list[Path]]]:
    """Writers, and the files that appear when the block ends well; if it does not, what was there before stays.

    `builder` makes the mails of the format eml: a folder of them, and a list. Raises RefusedError while another export
    writes the same file, and SettingsError for a tool whose template the campaign does not name.
    """
    with ExitStack() as stack:
        writers: list[Writer] = []
        finals = [folder / f"{campaign.id}.{_ending(name)}" for name in formats]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            outs = [stack.enter_context(_part(final)) for final in finals]
        except OSError as error:
            raise InputError(f"{folder}: {(error.strerror or str(error)).lower()}; choose another --out") from None
        for name, out in zip(formats, outs, strict=True):
            if name == "eml":
                assert builder is not None
                mails = folder / f".{campaign.id}.eml.parts"
                shutil.rmtree(mails, ignore_errors=True)
                stack.callback(shutil.rmtree, mails, ignore_errors=True)
                writers.append(SingleMails(out, mails, builder))
            else:
                writers.append(MAKERS[name][1](out, campaign))
        yield writers, finals
        for writer in writers:
            writer.finish()
        for out in outs:
            out.flush()
            os.fsync(out.fileno())
        for writer, final in zip(writers, finals, strict=True):
            if isinstance(writer, SingleMails):
                writer.move_to(folder / f"{campaign.id}.eml")
            _part_path(final).replace(final)


def entry_makers(campaign: Campaign, formats: tuple[str, ...], builder: MessageBuilder | None = None) -> list[Writer]:
    """The same writers without files, for what their `entry` makes."""
    makers: list[Writer] = []
    for name in formats:
        if name == "eml":
            assert builder is not None
            makers.append(SingleMails(BytesIO(), Path(os.devnull), builder))
        else:
            makers.append(MAKERS[name][1](BytesIO(), campaign))
    return makers


def _ending(name: str) -> str:
    return "eml.csv" if name == "eml" else MAKERS[name][0]


@contextmanager
def _part(final: Path) -> Iterator[IO[bytes]]:
    """The unfinished file beside the final one: ours alone, readable for its owner alone, gone when not finished."""
    path = _part_path(final)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=1 << 20) as out:
        busy = f"another export is writing {final}; wait for it, or choose another --out"
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(busy) from None
        # Whoever held the lock may have renamed this very file to its final name; then it is not ours to empty.
        if not path.exists() or path.stat().st_ino != os.fstat(descriptor).st_ino:
            raise RefusedError(busy)
        os.ftruncate(descriptor, 0)  # what a killed export left behind
        try:
            yield out
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _part_path(final: Path) -> Path:
    return final.with_name(f".{final.name}.part")
