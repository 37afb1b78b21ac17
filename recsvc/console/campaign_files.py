"""The campaign files of a store: read, looked over while they are edited, and written whole or not at all."""

import fcntl
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.bundle import sync_directory, write_synced
from models.errors import InputError, RecsvcError, RefusedError, SettingsError
from recsvc.console.toml_text import toml_tables
from recsvc.offers.campaign import Campaign, campaign_of
from recsvc.offers.campaign.sections import NAME
from recsvc.offers.checking import check_campaign
from recsvc.offers.ready import ready_campaign
from recsvc.offers.targets import FOLDER

LONGEST = 100_000  # characters of a campaign file
OWN_ID = re.compile(r'^id\s*=\s*"[^"]*"', re.MULTILINE)


@dataclass(frozen=True)
class Checked:
    """What was found in a text: the campaign and `notes` on what could be better, or the `problem`."""

    campaign: Campaign | None
    notes: tuple[str, ...] = ()
    problem: str = ""


class CampaignFiles:
    """`campaigns/` in a store; a campaign's id is its file's name."""

    def __init__(self, store: Path) -> None:
        self.folder = store / FOLDER

    def names(self) -> list[str]:
        """The ids, in their order."""
        return sorted(path.stem for path in self.folder.glob("*.toml") if NAME.fullmatch(path.stem))

    def path(self, name: str) -> Path:
        """The file of a campaign. Raises InputError for an id that none has."""
        path = self.folder / f"{name}.toml"
        if not NAME.fullmatch(name) or not path.is_file():
            raise InputError(f"there is no campaign {name[:64]!r}")
        return path

    def read(self, name: str) -> str:
        """Its text."""
        return self.path(name).read_bytes().decode("utf-8", "replace")

    def check(self, name: str, text: str) -> Checked:
        """Everything that `recsvc offers check` looks at, and that it names nothing outside its folder."""
        try:
            campaign = campaign_of(_tables(text), self.folder)
            if campaign.id != name:
                raise SettingsError(
                    f"id in [campaign] is {campaign.id!r}; the file is called {name}.toml, so write {name!r}"
                )
            self._stay_inside(campaign)
            return Checked(campaign, tuple(check_campaign(campaign)))
        except (RecsvcError, OSError) as error:
            return Checked(None, problem=str(error))

    def save(self, name: str, text: str, *, instead_of: str) -> None:
        """Write the text, if the file still is as it was when its `digest` was `instead_of`.

        Raises RefusedError where somebody else changed it meanwhile.
        """
        with self._lock():
            if digest(self.read(name)) != instead_of:
                raise RefusedError(f"{name}.toml was changed by somebody else meanwhile")
            self._write(name, text)

    def make(self, name: str, ready: str) -> None:
        """A new campaign from one that ships. Raises InputError for an id that is none, or taken."""
        if not NAME.fullmatch(name):
            raise InputError(f"id is {name[:64]!r}; expected up to 64 letters, digits, '-' and '_'")
        text = OWN_ID.sub(f'id = "{name}"', ready_campaign(ready), count=1)
        with self._lock():
            if (self.folder / f"{name}.toml").exists():
                raise InputError(f"there is a campaign {name!r} already; choose another id")
            self._write(name, text)

    def _write(self, name: str, text: str) -> None:
        temporary = self.folder / f".{name}-{os.getpid()}"
        try:
            write_synced(temporary, text)
            os.replace(temporary, self.folder / f"{name}.toml")
            sync_directory(self.folder)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise RefusedError(f"{name}.toml cannot be written: {(error.strerror or str(error)).lower()}") from None

    def _stay_inside(self, campaign: Campaign) -> None:
        """A file that a console's user names must not be any file of the machine."""
        named = {
            "customers in [audience]": campaign.audience_file,
            "templates in [mail]": campaign.template_folder,
            "file in [benefit]": self.folder / campaign.benefit.file if campaign.benefit.file else None,
        }
        for key, path in named.items():
            if path is not None and not path.resolve().is_relative_to(self.folder.resolve()):
                raise SettingsError(f"{key} leads out of the folder of the campaigns; put it beside the campaign")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = (self.folder / ".lock").open("w")
        except OSError as error:
            raise RefusedError(f"the campaigns cannot be written: {(error.strerror or str(error)).lower()}") from None
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class Reach:
    """How many get the mail, and why the others do not. Where not all of `size` were looked at, but `seen` of them,
    both are counts of these."""

    size: int
    seen: int
    written: int
    left_out: Counter[str]

    @property
    def exact(self) -> bool:
        return self.seen >= self.size

    @property
    def about(self) -> int:
        """How many of all, estimated where not all were looked at."""
        return self.written if self.exact else round(self.written * self.size / self.seen) if self.seen else 0


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _tables(text: str) -> dict[str, object]:
    if len(text) > LONGEST:
        raise SettingsError(f"the text has {len(text)} characters; a campaign has up to {LONGEST}")
    return toml_tables(text)
