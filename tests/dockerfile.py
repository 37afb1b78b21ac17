"""Reads a Dockerfile and carries out its steps in a directory, where no container engine runs.

Every stage shares one directory: the paths that the steps name do not collide, and a venv cannot be copied elsewhere.
Steps that set up the operating system (apt-get, groupadd) are left out.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM_COMMANDS = ("apt-get", "groupadd")
IMAGE_PATHS = re.compile(r"(?<![\w./-])/(opt|src|wheels|data|tmp)\b")


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined: `RUN`, `python -m venv /opt/recsvc`."""

    keyword: str
    arguments: str

    def words(self) -> list[str]:
        """The arguments in exec form, or split at spaces."""
        return json.loads(self.arguments) if self.arguments.startswith("[") else shlex.split(self.arguments)


@dataclass
class Stage:
    """A `FROM … AS name` and what follows it."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Image:
    """A built target: where its files lie, and how it is started and asked for its health."""

    root: Path
    environment: dict[str, str]
    command: list[str]
    health_check: list[str]
    left_out: list[str]

    def path(self, inside: str) -> Path:
        """The place of an absolute path of the image."""
        return self.root / inside.removeprefix("/")


def read_dockerfile(text: str) -> dict[str, Stage]:
    """The stages by name, in the file's order."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = "\n".join(lines).replace("\\\n", " ")
    stages: dict[str, Stage] = {}
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, arguments = line.partition(" ")
        if keyword == "FROM":
            base, _, name = arguments.partition(" AS ")
            stages[name] = Stage(name, base)
        else:
            stages[[*stages][-1]].instructions.append(Instruction(keyword, " ".join(arguments.split())))
    return stages


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """The stage after all those it starts from, oldest first."""
    stage = stages[name]
    return [*(lineage(stages, stage.base) if stage.base in stages else []), stage]


class Builder:
    """Builds one target of `source/Dockerfile` below `root`, with this machine's Python as that of the base image."""

    def __init__(self, source: Path, root: Path) -> None:
        self.source = source
        self.root = root
        self.stages = read_dockerfile((source / "Dockerfile").read_text(encoding="utf-8"))
        self.built: set[str] = set()
        self.left_out: list[str] = []
        for directory in ("bin", "data", "tmp"):
            (root / directory).mkdir(parents=True)
        python = root / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(_base_python())} "$@"\n')
        python.chmod(0o755)

    def build(self, target: str) -> Image:
        """Carry out the target's steps and those of every stage that it needs."""
        self._build(target)
        instructions = [step for stage in lineage(self.stages, target) for step in stage.instructions]
        last = {step.keyword: step for step in instructions}
        health = last.get("HEALTHCHECK")
        return Image(
            root=self.root,
            environment=self._environment(target),
            command=self._mapped(last["CMD"].words()),
            health_check=json.loads(health.arguments.partition(" CMD ")[2]) if health else [],
            left_out=self.left_out,
        )

    def _build(self, name: str) -> None:
        if name in self.built or name not in self.stages:
            return
        self.built.add(name)
        self._build(self.stages[name].base)
        # What pip needs to find its index and its cache is this machine's, as it would be the builder's.
        ours = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_")) or key == "HOME"}
        directory = self.root
        for step in self.stages[name].instructions:
            match step.keyword:
                case "WORKDIR":
                    directory = Path(self._map(step.arguments))
                    directory.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(step, directory)
                case "RUN" if any(command in step.arguments for command in SYSTEM_COMMANDS):
                    self.left_out.append(step.arguments)
                case "RUN":
                    environment = {**self._environment(name), **ours}
                    environment.pop("PIP_NO_CACHE_DIR", None)
                    _run(self._map(step.arguments), directory, environment)

    def _copy(self, step: Instruction, directory: Path) -> None:
        *sources, target = step.words()
        if sources[0].startswith("--from="):
            self._build(sources[0].removeprefix("--from="))
            if not (len(sources) == 2 and sources[1] == target):
                raise ValueError(f"COPY {step.arguments}: stages share their paths here, so these must be alike")
            return
        place = directory / self._map(target)
        for source in map(self.source.joinpath, sources):
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                into = place / source.name if target.endswith("/") else place
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, into)

    def _environment(self, name: str) -> dict[str, str]:
        environment = {"PATH": f"{self.root / 'bin'}:/usr/bin:/bin"}
        for stage in lineage(self.stages, name):
            for step in stage.instructions:
                if step.keyword == "ENV":
                    for word in step.words():
                        key, _, value = word.partition("=")
                        environment[key] = self._map(value).replace("$PATH", environment["PATH"])
        return environment

    def _map(self, text: str) -> str:
        return IMAGE_PATHS.sub(lambda found: str(self.root / found[1]), text)

    def _mapped(self, words: list[str]) -> list[str]:
        return [self._map(word) for word in words]


def _base_python() -> str:
    """The interpreter that this venv was made with: the tests' own packages must not be within reach."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def _run(command: str, directory: Path, environment: dict[str, str]) -> None:
    run = subprocess.run(
        ["/bin/sh", "-eu", "-c", command],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if run.returncode != 0:
        raise RuntimeError(f"RUN {command} exited {run.returncode}:\n{run.stdout[-4000:]}")
