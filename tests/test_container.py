"""Dockerfile and compose.yaml: linted, held to their promises, and the serving target installed, started and asked."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest_image import ROOT, free_port, get_json, serving
from tests.dockerfile import Image, Stage, lineage, read_dockerfile

TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
# fmt: off
SERVICE_KEYS = frozenset((
    "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init", "mem_limit",
    "pids_limit", "ports", "profiles", "read_only", "restart", "security_opt", "shm_size", "stop_grace_period",
    "tmpfs", "user", "volumes",
))
# fmt: on


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_dockerfile(DOCKERFILE)


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOLS / "hadolint", "--no-color", "--config", ROOT / ".hadolint.yaml", path], capture_output=True, text=True
    )


def test_hadolint_finds_nothing() -> None:
    lint = hadolint(ROOT / "Dockerfile")
    assert (lint.returncode, lint.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nCMD recsvc serve\n")
    assert {"DL3007", "DL3025"} <= set(re.findall(r"DL\d+", hadolint(bad).stdout))


def test_yamllint_finds_nothing() -> None:
    files = [path for path in ROOT.iterdir() if path.suffix in (".yaml", ".yml")]
    lint = subprocess.run(
        [TOOLS / "yamllint", "--strict", "-c", ROOT / ".yamllint.yaml", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (lint.returncode, lint.stdout) == (0, "")


def test_continued_lines_and_comments_are_read() -> None:
    stages = read_dockerfile('# a\nFROM x AS y\nRUN one \\\n    # two\n    && three\nCMD ["a", "b c"]\n')
    run, command = stages["y"].instructions
    assert (run.keyword, run.arguments) == ("RUN", "one && three")
    assert command.words() == ["a", "b c"]


def test_a_plain_build_makes_the_service(stages: dict[str, Stage]) -> None:
    assert [*stages][-1] == "serve"


@pytest.mark.parametrize("target", ["serve", "train"])
def test_targets_run_as_nobody_in_particular_and_are_told_to_stop_by_name(
    stages: dict[str, Stage], target: str
) -> None:
    last = {step.keyword: step for stage in lineage(stages, target) for step in stage.instructions}
    assert last["USER"].arguments == "10001:10001"
    assert last["STOPSIGNAL"].arguments == "SIGTERM"
    assert last["VOLUME"].words() == ["/data", "/tmp"]
    assert last["CMD"].arguments.startswith('["recsvc"'), "exec form: the signal must reach recsvc, not a shell"


def test_the_base_is_pinned_and_fits_the_project(stages: dict[str, Stage]) -> None:
    assert stages["base"].base == "python:3.11-slim-bookworm"
    assert f'base.name="docker.io/library/{stages["base"].base}"' in DOCKERFILE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_only_the_operating_system_is_left_to_the_engine(serve_image: Image) -> None:
    assert [line.split()[0] for line in serve_image.left_out] == ["apt-get", "groupadd"]


def compose_problems(compose: Any, stages: dict[str, Stage], variables: frozenset[str]) -> list[str]:
    """What is wrong with a compose file, `variables` being those of RECSVC_* that the code reads."""
    found = []
    volumes = compose.get("volumes", {})
    for name, service in compose["services"].items():
        found += [f"{name}: unknown key {key}" for key in sorted(service.keys() - SERVICE_KEYS)]
        if service.get("build", {}).get("target", "serve") not in stages:
            found.append(f"{name}: no such target")
        hardened = service.get("read_only") is True and service.get("cap_drop") == ["ALL"]
        if not hardened or "no-new-privileges:true" not in service.get("security_opt", []):
            found.append(f"{name}: not hardened")
        if not any(str(mount).startswith("/tmp") for mount in service.get("tmpfs", [])):
            found.append(f"{name}: nowhere to write temporary files")
        for other in service.get("depends_on", {}):
            if "healthcheck" not in compose["services"].get(other, {}):
                found.append(f"{name}: waits for {other}, which has no health check")
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if not source.startswith("./") and source not in volumes:
                found.append(f"{name}: no such volume {source}")
        for variable, value in service.get("environment", {}).items():
            if variable.startswith("RECSVC_") and variable not in variables:
                found.append(f"{name}: nothing reads {variable}")
            if "PASSWORD" in variable and not value.startswith("${"):
                found.append(f"{name}: {variable} is written down")
        found += [
            f"{name}: port {port} is open to the network" for port in service.get("ports", []) if port[:4] != "127."
        ]
    return found


def variables_read() -> frozenset[str]:
    sources = (path for package in ("models", "recsvc", "training") for path in (ROOT / package).rglob("*.py"))
    return frozenset(name for path in sources for name in re.findall(r"RECSVC_[A-Z_]+", path.read_text("utf-8")))


def test_compose_has_no_problems(stages: dict[str, Stage]) -> None:
    assert compose_problems(yaml.safe_load(COMPOSE), stages, variables_read()) == []


@pytest.mark.parametrize(
    ("service", "change", "problem"),
    [
        ("service", {"volume": ["store:/data"]}, "service: unknown key volume"),
        ("service", {"build": {"target": "server"}}, "service: no such target"),
        ("service", {"read_only": False}, "service: not hardened"),
        ("database", {"cap_drop": []}, "database: not hardened"),
        ("trainer", {"tmpfs": []}, "trainer: nowhere to write temporary files"),
        ("trainer", {"depends_on": {"redis": {}}}, "trainer: waits for redis, which has no health check"),
        ("service", {"volumes": ["stores:/data"]}, "service: no such volume stores"),
        ("service", {"environment": {"RECSVC_STOER": "/data"}}, "service: nothing reads RECSVC_STOER"),
        ("database", {"environment": {"POSTGRES_PASSWORD": "secret"}}, "database: POSTGRES_PASSWORD is written down"),
        ("service", {"ports": ["8000:8000"]}, "service: port 8000:8000 is open to the network"),
    ],
)
def test_a_problem_of_compose_is_found(
    stages: dict[str, Stage], service: str, change: dict[str, Any], problem: str
) -> None:
    compose = yaml.safe_load(COMPOSE)
    compose["services"][service] |= change
    assert compose_problems(compose, stages, variables_read()) == [problem]


def files_outside_volumes(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file that the image's read-only part holds."""
    return {
        str(path.relative_to(root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in root.rglob("*")
        if path.relative_to(root).parts[0] not in ("data", "tmp")
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_starts_and_is_ready(serve_image: Image, tiny_store: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_store, serve_image.path("/data"), dirs_exist_ok=True)
    environment = serve_image.environment
    recsvc = serve_image.path("/opt/recsvc/bin/recsvc")
    before = files_outside_volumes(serve_image.root)

    refused = subprocess.run([str(recsvc), *serve_image.command[1:]], env=environment, capture_output=True, text=True)
    assert refused.returncode in (1, 2)
    assert "recsvc keys create" in refused.stderr

    make_key = [str(recsvc), "keys", "create", "--name", "shop"]
    key = subprocess.run(make_key, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    port = str(free_port())
    command = [word.replace("8000", port) for word in serve_image.command]
    health_check = [word.replace("8000", port) for word in serve_image.health_check]
    assert command != serve_image.command
    assert health_check != serve_image.health_check
    with serving([str(recsvc), *command[1:]], environment, health_check, tmp_path / "log"):
        assert get_json(f"http://127.0.0.1:{port}/health/ready")["status"] == "ready"
        answer = get_json(f"http://127.0.0.1:{port}/recommend?customer_id=coffee-3", {"X-API-Key": key})
        assert answer["items"]
    assert files_outside_volumes(serve_image.root) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_holds_no_trainer(serve_image: Image) -> None:
    recsvc = serve_image.path("/opt/recsvc/bin/recsvc")
    training = subprocess.run(
        [recsvc, "train", "--purchases", "x.csv"], env=serve_image.environment, capture_output=True, text=True
    )
    assert training.returncode == 2
    assert "pip install 'recsvc[train]'" in training.stderr
    assert "Traceback" not in training.stderr
