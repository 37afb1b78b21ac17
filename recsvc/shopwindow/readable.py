"""Names that a till writes in capitals, as a shop would write them; for the eye only, answers keep the till's."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from recsvc.plain import one_line

WORDING = Path(__file__).parent / "wording.toml"
SEPARATOR = ">"
# Produce is labelled with what its crate holds ("BANANAS 40 LB"), which is not what a customer takes home.
CRATES = "PRODUCE"
LARGEST_BAG = 5
FEWEST_IN_A_PACK = 4  # below it, 1/2 is a half
LARGEST_SIZE = 1000
_SIZE = re.compile(r"\s+(?P<size>\.?\d[\d./\- ]*\s*[A-Z]{1,6}(?:\s+(?:FT|OZ|CAN|BAG|PK))?|PT|GAL?|QT)\s*$")
_QUOTED = re.compile(r"([“„])([^“”„]+)([”“])")
_KEPT_CAPITALS = frozenset({"BBQ", "TV", "USA", "DVD", "CD", "HBC"})


@dataclass(frozen=True)
class Wording:
    """What wording.toml says; keys in capitals."""

    names: Mapping[str, str]
    lead: Mapping[str, str]
    categories: Mapping[str, str]
    turned: Mapping[str, str]
    words: Mapping[str, str]
    units: Mapping[str, str]


@lru_cache(maxsize=1)
def wording() -> Wording:
    return Wording(**tomllib.loads(WORDING.read_text(encoding="utf-8")))


@lru_cache(maxsize=100_000)
def readable_title(title: str, category: str = "", *, sized: bool = True) -> str:
    """'Milk, 1 gal' for 'FLUID MILK WHITE ONLY 1 GA', without `sized` 'Milk'.

    A title that does not shout stays as it is.
    """
    title = one_line(title)
    if not _shouts(title):
        return title
    path = [part.strip() for part in category.split(SEPARATOR)]
    name, size = _split(title, path[-1])
    words = wording()
    written = words.names.get(name)
    if written is None:
        written = _turned(_spoken(name))
        lead = words.lead.get(path[1]) if len(path) > 1 else None
        if lead and lead.lower() not in written.lower():
            written = f"{lead}, {written}" if written else lead
        written = _capitalised(written) or title
    spoken = _size(size, crate=path[0] == CRATES)
    return f"{written}, {spoken}" if spoken and sized else written


@lru_cache(maxsize=10_000)
def readable_category(category: str) -> str:
    """The part of a category path that names a shelf: 'Canned fish' for 'GROCERY > SEAFOOD - SHELF STABLE > TUNA'."""
    path = [part.strip() for part in one_line(category).split(SEPARATOR) if part.strip()]
    if not path:
        return ""
    shelf = path[min(1, len(path) - 1)]
    if shelf == "OTHER":
        shelf = path[0]
    known = wording().categories.get(shelf)
    return known or (_capitalised(_spoken(shelf)) if _shouts(shelf) else shelf)


def readable_reason(reason: str) -> str:
    """A reason with the title that it quotes made readable, without the size: the kind of thing is what counts."""
    return _QUOTED.sub(lambda match: f"{match[1]}{readable_title(match[2], sized=False)}{match[3]}", reason)


def _shouts(text: str) -> bool:
    return text == text.upper() and sum(character.isalpha() for character in text) > 2


def _split(title: str, kind: str) -> tuple[str, str]:
    """Name and size: where the title begins with its category's last part, the rest is the size."""
    if kind and title.startswith(kind) and title != kind:
        # "SUGAR (600) 4 LB": what comes between is a number of the till's.
        return kind, re.sub(r"^\s*\(\d+\)", "", title[len(kind) :]).strip()
    found = _SIZE.search(title)
    if found is None or title == kind:
        return title, ""
    return title[: found.start()].strip(), found["size"].strip()


def _spoken(name: str) -> str:
    """Capitals to small letters, word by word; a bracket that is never closed, and what follows it, goes."""
    text = re.sub(r"\([^)]*$|\([\d ]*\)|\((?:BULK|PKG)[^)]*\)", " ", name)
    text = re.sub(r"\s*(&|(?<!W)/)\s*", r" \1 ", text)
    text = re.sub(r"\s+-+\s*|-+\s+|\s*:\s*", ", ", text)
    text = re.sub(r"\bW/(?=\w)", "with ", text)
    words = wording().words

    def written(match: re.Match[str]) -> str:
        word = match[0]
        return word if word in _KEPT_CAPITALS else words.get(word, word.lower())

    text = re.sub(r"[A-Z]+", written, text)
    text = re.sub(r"\s+([,/)])", r"\1", re.sub(r"\(\s*\)", "", text))
    return re.sub(r"(?:,\s*)+", ", ", " ".join(text.split())).strip(" ,/&-.")


def _turned(text: str) -> str:
    first, _, rest = text.partition(" ")
    return f"{rest} {first}" if rest.replace(" ", "").isalpha() and first.upper() in wording().turned else text


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _size(size: str, *, crate: bool) -> str:
    size = re.sub(r"^L\s+(?=[\d.])", "", size)
    packs = re.fullmatch(r"(\d+)\s*(?:PK)?/([\d.]+)\s*([A-Z]+)", size)
    if packs is not None and int(packs[1]) >= FEWEST_IN_A_PACK and wording().units.get(packs[3]):
        return f"{packs[1]} × {packs[2]} {wording().units[packs[3]]}"
    found = re.fullmatch(r"(\.?\d[\d./\- ]*)?\s*([A-Z][A-Z /]*)?\.?", size)
    if found is None:
        return ""
    number, unit = (found[1] or "").strip(), (found[2] or "").strip()
    if crate and (unit in ("CT", "") or (unit.startswith("LB") and _first_number(number) > LARGEST_BAG)):
        return ""
    known = wording().units
    spoken = " ".join(filter(None, (known.get(word, "") for word in unit.split())))
    if not number:
        return f"1 {spoken}" if spoken else ""
    if not spoken or _first_number(number) > LARGEST_SIZE or (number, unit) == ("1", "CT"):
        return ""
    return f"{'0' if number.startswith('.') else ''}{number} {spoken}"


def _first_number(text: str) -> float:
    found = re.match(r"\d*\.?\d+", text)
    return float(found[0]) if found else 0.0
