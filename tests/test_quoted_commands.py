"""Command lines that help texts and documents quote can be typed: each is parsed by the command that it names."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from recsvc.cli.main import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(?:sh|bash|console|shell)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Said of a file that only the reader has, not of how the line is written.
OF_THE_READER = re.compile(r"does not exist|is not readable|[Nn]o such file")


def help_texts(command: click.Command) -> Iterator[str]:
    yield command.help or ""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from help_texts(below)


def quoted() -> list[str]:
    texts = [*help_texts(main), *(block for path in DOCUMENTS for block in BLOCK.findall(path.read_text("utf-8")))]
    lines = (line.strip().removeprefix("$ ") for text in texts for line in re.sub(r"\\\n\s*", "", text).splitlines())
    return sorted({line for line in lines if re.match(r"(\w+=\S+ )*(\.venv/bin/)?recsvc \w", line)})


def problem_of(line: str) -> str | None:
    """What click says of a command line; None where it takes it."""
    words = shlex.split(re.split(r"\s[|>&]|;|\s{3}", line)[0], comments=True)
    start = next(place for place, word in enumerate(words) if word.endswith("recsvc"))
    command: click.Command = main
    context, rest = click.Context(main, info_name="recsvc"), words[start + 1 :]
    try:
        while isinstance(command, click.Group) and rest:
            _, below, rest = command.resolve_command(context, rest)
            assert below is not None
            command = below
        command.make_context(command.name, list(rest), parent=context)
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        said = error.format_message()
        return None if OF_THE_READER.search(said) else said
    return None


@pytest.mark.parametrize("line", quoted())
def test_can_be_typed(line: str) -> None:
    assert problem_of(line) is None


def test_there_are_some() -> None:
    assert len(quoted()) > 60


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("recsvc keys create --name a --scope everybody", "'everybody' is not one of"),
        ("recsvc serve --prot 8000", "No such option"),
        ("recsvc modles list", "No such command"),
    ],
)
def test_a_wrong_one_is_found(line: str, said: str) -> None:
    assert said in (problem_of(line) or "")
