"""What exists is documented: modules, classes, functions, commands, settings, variables; and links lead somewhere.

Docstrings: every module, and every public class, function and method has one, except a method that a base class
documents for all that derive from it; one that is tiny, where name and types say all; and the pairs that carry a
contract of docs/architecture.md (`arrays`, `from_arrays`) or of Alembic. What is private needs one once it is long.
"""

import ast
import dataclasses
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from recsvc.cli.main import main
from recsvc.events import EventSettings
from training.settings import TrainingSettings

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "recsvc", "training")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
TINY_LINES, LONG_LINES = 8, 40
CONTRACTS = frozenset({"arrays", "from_arrays", "upgrade", "downgrade"})


def sources() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, path.read_text(encoding="utf-8")


def documents() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS if path.exists())


def undocumented(source: str, promised: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Class ('' for none) and name of what lacks a docstring; `promised` are methods that base classes document."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else [("", "module")]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner, body in [("", tree.body), *((node.name, node.body) for node in classes)]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not ast.get_docstring(node):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                private = node.name.startswith("_") or owner.startswith("_")
                tiny = lines <= (LONG_LINES if private else TINY_LINES) and not isinstance(node, ast.ClassDef)
                if not (tiny or (private and isinstance(node, ast.ClassDef)) or (owner and node.name in promised)):
                    found.append((owner, node.name))
    return found


def promised_by_our_bases() -> frozenset[str]:
    """The methods that a class of ours documents for all that derive from it, or implement it as a protocol."""
    classes = [node for _, source in sources() for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base).partition("[")[0] for node in classes for base in node.bases}
    return frozenset(
        method.name
        for node in classes
        if node.name in bases or any(ast.unparse(base).startswith("Protocol") for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
    )


def overrides_an_outside_method(path: Path, owner: str, name: str) -> bool:
    if not owner:
        return False
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    bases = getattr(module, owner).__mro__[1:]
    return any(name in vars(base) for base in bases if base.__module__.partition(".")[0] not in PACKAGES)


def test_everything_public_says_what_its_types_cannot() -> None:
    promised = promised_by_our_bases()
    found = [
        f"{path.relative_to(ROOT)}: {owner}{'.' if owner else ''}{name}"
        for path, source in sources()
        for owner, name in undocumented(source, promised)
        if name not in CONTRACTS and not overrides_an_outside_method(path, owner, name)
    ]
    assert not found, "\n".join(["no docstring:", *found])


LONG_BODY = "\n".join(f"        a{n} = {n}" for n in range(LONG_LINES))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 1", [("", "module")]),
        ('"""M."""\nclass Shop:\n    x = 1', [("", "Shop")]),
        (f'"""M."""\ndef train():\n{LONG_BODY}', [("", "train")]),
        (f'"""M."""\ndef _train():\n{LONG_BODY}', [("", "_train")]),
        ('"""M."""\ndef f():\n    return 1', []),
        ('"""M."""\nclass _Row:\n    x = 1', []),
        (f'"""M."""\nclass Shop:\n    "S."\n    def run(self):\n{LONG_BODY}', [("Shop", "run")]),
    ],
)
def test_a_missing_docstring_is_found(source: str, found: list[tuple[str, str]]) -> None:
    assert undocumented(source) == found


def commands(command: click.Command, path: tuple[str, ...] = ("recsvc",)) -> Iterator[tuple[str, click.Command]]:
    """Every command below `command` with its full name: `recsvc offers export`."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


ALL_COMMANDS = dict(commands(main))
LEAVES = {name: command for name, command in ALL_COMMANDS.items() if not isinstance(command, click.Group)}


def test_the_commands_of_the_trainer_are_among_them() -> None:
    assert {"recsvc train", "recsvc serve", "recsvc offers export", "recsvc models rollback"} <= LEAVES.keys()


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_help_says_what_a_command_does(name: str) -> None:
    command = ALL_COMMANDS[name]
    assert command.help, f"{name} has no help"
    assert command.get_short_help_str()
    silent = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert silent == []


@pytest.mark.parametrize("name", LEAVES)
def test_help_shows_an_example_that_names_the_command(name: str) -> None:
    text = LEAVES[name].help or ""
    assert "Example:" in text
    assert name in text.partition("Example:")[2]


@pytest.mark.parametrize("name", LEAVES)
def test_documents_tell_of_every_command(name: str) -> None:
    assert re.search(rf"{name}\b", documents()), f"no document mentions `{name}`"


def test_every_variable_has_its_row() -> None:
    read = {name for _, source in sources() for name in re.findall(r"RECSVC_[A-Z][A-Z_]*", source)}
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(RECSVC_[A-Z_]+)`", page, re.MULTILINE))
    assert documented == read


def test_every_setting_has_its_row_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+\.\w+)` \| `([^`]+)` \| \w.* \|$", page, re.MULTILINE))
    sections: dict[str, Any] = {
        field.name: getattr(TrainingSettings(), field.name) for field in dataclasses.fields(TrainingSettings)
    }
    settings = {
        (f"{name}.{field.name}", str(getattr(section, field.name)) or '""')
        for name, section in {**sections, "events": EventSettings()}.items()
        for field in dataclasses.fields(section)
    }
    assert rows == settings


def anchors(markdown: str) -> set[str]:
    """The fragments that its headings answer to, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", _without_code(markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, markdown: str) -> list[str]:
    """Relative links that lead to no file, or to no heading of it."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(markdown)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists():
            found.append(target)
        elif fragment and there.suffix == ".md":
            text = markdown if there == path else there.read_text(encoding="utf-8")
            if fragment not in anchors(text):
                found.append(target)
    return found


def _without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, path.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Some words, here\n")
    page = "# Top\n[a](there.md) [b](there.md#some-words-here) [c](#top) [d](https://shop.example)\n"
    (tmp_path / "page.md").write_text(page)
    assert broken_links(tmp_path / "page.md", page) == []
    page += "[e](gone.md) [f](there.md#gone) [g](#gone)\n```\n[h](gone.md)\n```\n"
    assert broken_links(tmp_path / "page.md", page) == ["gone.md", "there.md#gone", "#gone"]


def test_pages_that_code_refers_to_exist() -> None:
    named = {name for _, source in sources() for name in re.findall(r"\bdocs/[\w/-]+\.\w+", source)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
