"""What a shared registry publishes: one small object, replaced as a whole, that holds its history as well."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from models.errors import BundleError, InputError
from models.registry import VERSION, Publication

FORMAT = 1
MOST_REMEMBERED = 1000  # publications, and versions that were removed


@dataclass(frozen=True)
class Pointer:
    """The publications, oldest first, of which the last one is current; and the versions that were pruned.

    Whoever publishes, rolls back or prunes replaces it on the condition that it is still what was read, so that of two
    at once one is second and sees what the first one did.
    """

    publications: tuple[Publication, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def current(self) -> str | None:
        """The published version; None when nothing is."""
        return self.publications[-1].version if self.publications else None

    def publishing(self, version: str, why: str, now: datetime) -> "Pointer":
        """The next pointer; raises InputError for a version that was pruned meanwhile."""
        if version in self.gone:
            raise InputError(f"{version} was removed by `recsvc models prune`; see `recsvc models list`")
        entry = Publication(version, now.astimezone(UTC).isoformat(), why)
        return replace(self, publications=(*self.publications, entry)[-MOST_REMEMBERED:])

    def without(self, versions: Iterable[str]) -> "Pointer":
        """The next pointer, under which none of these can be published any more."""
        return replace(self, gone=(*self.gone, *versions)[-MOST_REMEMBERED:])

    def to_json(self) -> bytes:
        """What is stored; `current` is for people, the last publication says it."""
        table = {
            "format": FORMAT,
            "current": self.current,
            "publications": [asdict(entry) for entry in self.publications],
            "gone": list(self.gone),
        }
        return json.dumps(table, indent=0).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes, place: str) -> "Pointer":
        """Raises BundleError for what is no pointer, or of a newer format."""
        mend = "publish a model to mend it: `recsvc models publish VERSION`"
        try:
            table = json.loads(data)
            written = int(table["format"])
            if written > FORMAT:
                raise BundleError(f"{place}: format {written} is newer than {FORMAT}; upgrade recsvc on this machine")
            publications = tuple(
                Publication(str(entry["version"]), str(entry["at"]), str(entry["why"]))
                for entry in table["publications"]
            )
            gone = tuple(str(version) for version in table["gone"])
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{place}: not what recsvc wrote ({error!r}); {mend}") from None
        strange = [version for version in (*gone, *(p.version for p in publications)) if not VERSION.fullmatch(version)]
        if strange:
            raise BundleError(f"{place} holds {strange[0][:60]!r}, not a version; {mend}")
        return cls(publications, gone)
