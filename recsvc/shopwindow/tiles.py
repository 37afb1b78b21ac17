"""Drawn tiles for items without a picture: a pictogram on a calm ground, the same for a category every time."""

import re
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from recsvc.plain import shortened

FOLDER = Path(__file__).parent
TILE_PATH = "/shopwindow/tile.svg"
DEFAULT = "basket"
WIDTH, HEIGHT = 480, 320
WHOLE, CLOSE = f"0 0 {WIDTH} {HEIGHT}", "116 30 248 248"
LONGEST_CATEGORY = 200
SEPARATOR = ">"
_DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@dataclass(frozen=True)
class Motifs:
    """What motifs.toml says: ordered rules, and the grounds that go with each motif."""

    rules: Sequence[tuple[str, re.Pattern[str]]]
    general: Sequence[tuple[str, re.Pattern[str]]]
    tints: Mapping[str, Sequence[str]]


@lru_cache(maxsize=1)
def motifs() -> Motifs:
    tables = tomllib.loads((FOLDER / "motifs.toml").read_text(encoding="utf-8"))
    tints = {motif: tables["tints"][kind] for kind, members in tables["kinds"].items() for motif in members}
    return Motifs(_rules(tables["rules"]), _rules(tables["general"]), tints)


def _rules(lines: Sequence[str]) -> list[tuple[str, re.Pattern[str]]]:
    rules = []
    for line in lines:
        motif, _, keywords = line.partition(":")
        words = "|".join(re.escape(keyword.strip()) for keyword in keywords.split(","))
        rules.append((motif.strip(), re.compile(rf"\b(?:{words})")))
    return rules


@lru_cache(maxsize=1)
def drawings() -> Mapping[str, str]:
    """The inside of each pictogram, 120 by 120, by its name."""
    found = {}
    for path in sorted((FOLDER / "pictograms").glob("*.svg")):
        match = _DRAWING.search(path.read_text(encoding="utf-8"))
        assert match is not None, path
        found[path.stem] = match[1].strip()
    return found


def motif_of(category: str) -> str:
    """The pictogram for a category path such as 'GROCERY > CHEESE > STRING CHEESE'; `basket` for what nobody knows."""
    parts = [re.sub(r"[^a-z0-9&]+", " ", part.lower()) for part in reversed(category.split(SEPARATOR))]
    for rules in (motifs().rules, motifs().general):
        for part in parts:
            for motif, pattern in rules:
                if pattern.search(part):
                    return motif
    return DEFAULT


@lru_cache(maxsize=4096)
def tile_svg(category: str, *, close: bool = False) -> str:
    """An SVG picture that fills any box; `close` fills small ones with the pictogram.

    Presentation attributes alone: no style, script, font or address is in it.
    """
    category = shortened(category, LONGEST_CATEGORY)
    motif = motif_of(category)
    seed = zlib.crc32(category.encode())
    tints = motifs().tints[motif]
    ground = tints[seed % len(tints)]
    # Two soft discs keep neighbours of one kind from looking stamped.
    left, top, size = 40 + seed % 120, 20 + (seed >> 8) % 130, 90 + (seed >> 16) % 70
    right, bottom = WIDTH - left // 2, HEIGHT - top // 2
    title = escape(category.rpartition(SEPARATOR)[2].strip() or category)
    # The outer picture has no shape of its own, so that it fills any box; the inner one is cut at its sides to do so.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="100%" role="img"><title>{title}</title>'
        f'<svg width="100%" height="100%" viewBox="{CLOSE if close else WHOLE}" preserveAspectRatio="xMidYMid slice">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>'
        f'<circle cx="{left}" cy="{top}" r="{size}" fill="#ffffff" fill-opacity=".32"/>'
        f'<circle cx="{right}" cy="{bottom}" r="{size * 3 // 4}" fill="#ffffff" fill-opacity=".28"/>'
        f'<ellipse cx="240" cy="262" rx="82" ry="9" fill="#33413a" fill-opacity=".10"/>'
        f'<g transform="translate(132 46) scale(1.8)">{drawings()[motif]}</g>'
        "</svg></svg>\n"
    )


def tile_address(category: str, *, close: bool = False) -> str:
    """Where the shop window answers with the tile of a category path."""
    parameters = {"category": shortened(category, LONGEST_CATEGORY)} | ({"close": "1"} if close else {})
    return f"{TILE_PATH}?{urlencode(parameters)}"
