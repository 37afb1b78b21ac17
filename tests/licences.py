"""`make licences`: docs/licences.md, the licence of every locked package, as its own metadata says it."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
LOCKS = {"serve": "serving image", "train": "trainer's image"}
LONGEST = 60
# Not installed on Linux, so that their metadata cannot be asked; what their projects say.
ELSEWHERE = {"colorama": "BSD-3-Clause", "tzdata": "Apache-2.0"}
HEAD = """# Licences

What the images hold besides recsvc itself (Apache-2.0, [LICENSE](../LICENSE)), and under which licences, as the
packages' own metadata says. `make licences` writes this page from `requirements/serve.txt` and `train.txt`; a
test holds it complete. The texts themselves lie beside the packages in the images (`*.dist-info`).

| package | licence | in |
|---|---|---|
"""


def locked(name: str) -> list[str]:
    """The packages of a lock, each once."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return sorted({found.lower() for found in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", text, re.MULTILINE)})


def licence_of(package: str) -> str | None:
    """Its licence in a few words; None where nothing says it."""
    try:
        facts = metadata(package)
    except PackageNotFoundError:
        return ELSEWHERE.get(package)
    return said_by(facts)


def said_by(facts: PackageMetadata) -> str | None:
    """By SPDX expression, classifiers or the field that came before both."""
    expression = field(facts, "License-Expression")
    if expression:
        return expression
    kinds = [line for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    named = [name for line in kinds if (name := line.rpartition(" :: ")[2]) != "OSI Approved"]
    if named:
        return ", ".join(named)
    first = (field(facts, "License").splitlines() or [""])[0].strip()
    return first if first and len(first) <= LONGEST and first.upper() != "UNKNOWN" else None


def field(facts: PackageMetadata, name: str) -> str:
    """A field of the metadata; '' where there is none."""
    return str(facts[name]).strip() if name in facts else ""


def rows() -> Iterator[tuple[str, str | None, str]]:
    """Package, licence, and which images have it."""
    holders = {name: set(locked(name)) for name in LOCKS}
    for package in sorted(set().union(*holders.values())):
        where = (
            "both"
            if all(package in held for held in holders.values())
            else next(LOCKS[name] for name, held in holders.items() if package in held)
        )
        yield package, licence_of(package), where


def main() -> int:
    """Write the page; exits with 1 where a licence is not known."""
    found = list(rows())
    unknown = [package for package, licence, _ in found if licence is None]
    if unknown:
        sys.stderr.write(
            f"no licence is known of {', '.join(unknown)}; look there, and enter it in tests/licences.py\n"
        )
        return 1
    PAGE.write_text(HEAD + "".join(f"| {a} | {b} | {c} |\n" for a, b, c in found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
