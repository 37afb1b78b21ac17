"""deploy/kubernetes: built by kubectl, held against Kubernetes' own schemas, and against what recsvc reads and says."""

import copy
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from recsvc.cli.main import main
from recsvc.http.server import DRAIN_SECONDS
from recsvc.http.supervisor import REST
from tests.conftest import require
from tests.conftest_image import ROOT
from tests.dockerfile import lineage, read_dockerfile
from tests.test_container import TOOLS, variables_read

MANIFESTS = ROOT / "deploy" / "kubernetes"
WAYS = ("base", "overlays/cpu", "overlays/example")
OLDEST, NEWEST = "1.29", "1.37"
# Read by the clouds' own tools, and so by obstore.
CLOUD = re.compile(r"(AWS|GOOGLE|AZURE)_[A-Z_]+")
SECRET_KEYS = {"database-url", "secret", "previous-secret", "hmac-key", "orders-url"}
Document = dict[str, Any]


@cache
def built(way: str) -> tuple[Document, ...]:
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    require(kubectl, "kubectl (make .venv/.installed-dev)")
    build = subprocess.run([str(kubectl), "kustomize", MANIFESTS / way], capture_output=True, text=True)
    assert (build.returncode, build.stderr) == (0, "")
    return tuple(yaml.safe_load_all(build.stdout))


def one(documents: tuple[Document, ...], kind: str, name: str = "recsvc") -> Document:
    (found,) = (each for each in documents if each["kind"] == kind and each["metadata"]["name"] == name)
    return copy.deepcopy(found)


def pods(documents: tuple[Document, ...]) -> Iterator[tuple[str, Document]]:
    """Each kind's pod, by the target of the Dockerfile that its image is."""
    yield "serve", one(documents, "Deployment")["spec"]["template"]["spec"]
    yield "train", one(documents, "CronJob", "recsvc-train")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def schema_problems(document: Document, version: str) -> list[str]:
    require(find_spec("kubernetes_validate"), "Kubernetes' schemas (make .venv/.installed-dev)")
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{document['kind']}: {error.message}"]
    return []


def test_yamllint_finds_nothing() -> None:
    lint = subprocess.run(
        [TOOLS / "yamllint", "--strict", "-c", ROOT / ".yamllint.yaml", MANIFESTS], capture_output=True, text=True
    )
    assert (lint.returncode, lint.stdout) == (0, "")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("way", WAYS)
def test_kubernetes_knows_every_field(way: str, version: str) -> None:
    assert [problem for document in built(way) for problem in schema_problems(document, version)] == []
    kinds = {document["kind"] for document in built(way)}
    assert kinds == {
        "ConfigMap", "CronJob", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service",
        "ServiceAccount",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "template", "spec", "terminationGraceSeconds"), 50),
        ("Deployment", ("spec", "replicas"), "two"),
        ("PodDisruptionBudget", ("spec", "maxUnavailabe"), 1),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), None),
        ("Service", ("spec", "ports"), [{"targetPort": "http"}]),
    ],
)
def test_a_field_that_kubernetes_does_not_know_is_found(kind: str, path: tuple[str, ...], value: object) -> None:
    document = one(built("base"), kind)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert len(schema_problems(document, NEWEST)) == 1


def pod_problems(target: str, pod: Document) -> list[str]:
    """What of our own promises a pod breaks."""
    found = []
    own = pod["securityContext"]
    if not own["runAsNonRoot"] or (own["runAsUser"], own["runAsGroup"]) != (10001, 10001):
        found.append("runs as somebody else than its image")
    if own["seccompProfile"] != {"type": "RuntimeDefault"} or pod["automountServiceAccountToken"]:
        found.append("may do more than it needs")
    (container,) = pod["containers"]
    confined = container["securityContext"]
    if not confined["readOnlyRootFilesystem"] or confined["capabilities"] != {"drop": ["ALL"]}:
        found.append("is not confined")
    if confined["allowPrivilegeEscalation"] or "memory" not in container["resources"]["limits"]:
        found.append("has no bounds")
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    stages = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    last = {step.keyword: step for stage in lineage(stages, target) for step in stage.instructions}
    volumes = {volume["name"] for volume in pod["volumes"]}
    found += [f"cannot write to {path}" for path in last["VOLUME"].words() if path not in mounts]
    found += [f"no such volume {name}" for name in mounts.values() if name not in volumes]
    for variable in container["env"]:
        name = variable["name"]
        if name.startswith("RECSVC_") and name not in variables_read():
            found.append(f"nothing reads {name}")
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        if reference and (reference["name"] != "recsvc" or reference["key"] not in SECRET_KEYS):
            found.append(f"no such secret {reference}")
        if not reference and any(word in name for word in ("SECRET", "PASSWORD", "DATABASE", "KEY")):
            found.append(f"{name} is written down")
    return found


@pytest.mark.parametrize("way", WAYS)
def test_pods_keep_the_promises_of_their_images(way: str) -> None:
    assert {target: pod_problems(target, pod) for target, pod in pods(built(way))} == {"serve": [], "train": []}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"env": [{"name": "RECSVC_STOER", "value": "/data"}]}, "nothing reads RECSVC_STOER"),
        ({"env": [{"name": "RECSVC_SECRET", "value": "abc"}]}, "RECSVC_SECRET is written down"),
        ({"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}, "cannot write to /data"),
    ],
)
def test_a_promise_that_is_broken_is_found(change: Document, problem: str) -> None:
    _, pod = copy.deepcopy(next(pods(built("base"))))
    pod["containers"][0] |= change
    assert pod_problems("serve", pod) == [problem]


@pytest.mark.parametrize("way", WAYS)
def test_every_setting_of_the_environment_is_read(way: str) -> None:
    maps = [each for each in built(way) if each["kind"] == "ConfigMap"]
    (settings,) = (each["data"] for each in maps if each["metadata"]["name"].startswith("recsvc-environment"))
    known = variables_read()
    assert [name for name in settings if name not in known and not CLOUD.fullmatch(name)] == []
    assert settings["RECSVC_REGISTRY"].startswith("s3://")
    (config,) = (each["data"]["recsvc.toml"] for each in maps if each["metadata"]["name"] == "recsvc-settings")
    assert "[placements.home]" in config


@pytest.mark.parametrize("way", WAYS)
def test_the_settings_file_can_be_read(way: str, tmp_path: Path) -> None:
    from recsvc.experiments import read_experiments
    from recsvc.placements import read_placements

    (config,) = (each["data"] for each in built(way) if "recsvc.toml" in each.get("data", {}))
    (tmp_path / "recsvc.toml").write_text(config["recsvc.toml"])
    assert "home" in read_placements(tmp_path / "recsvc.toml")
    assert read_experiments(tmp_path / "recsvc.toml") == {}


@pytest.mark.parametrize("way", WAYS)
def test_probes_are_answered_and_there_is_time_to_leave(way: str, client: FlaskClient) -> None:
    pod = one(built(way), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}
    for probe in probes.values():
        assert client.get(probe["httpGet"]["path"]).status_code == 200
        assert probe["httpGet"]["port"] == container["ports"][0]["name"]
    # Neither may a database or a registry that is down restart a pod.
    assert {probes[kind]["httpGet"]["path"] for kind in ("startup", "liveness")} == {"/health/live"}
    environment = {each["name"]: each.get("value") for each in container["env"]}
    leave, ready = float(environment["RECSVC_LEAVE_SECONDS"]), probes["readiness"]
    assert leave > ready["periodSeconds"] * (ready["failureThreshold"] + 1)
    assert pod["terminationGracePeriodSeconds"] > leave + REST + DRAIN_SECONDS
    stages = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    command = [step for step in stages["serve"].instructions if step.keyword == "CMD"][-1].words()
    assert command[command.index("--port") + 1] == str(container["ports"][0]["containerPort"])
    requests = container["resources"]["requests"]
    assert int(requests["cpu"]) >= int(environment["RECSVC_WORKERS"] or 1)


@pytest.mark.parametrize("way", WAYS)
def test_everything_means_the_same_pods(way: str) -> None:
    documents = built(way)
    deployment = one(documents, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    wanted = [
        deployment["spec"]["selector"]["matchLabels"],
        one(documents, "Service")["spec"]["selector"],
        one(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in spread),
    ]
    trainer = one(documents, "CronJob", "recsvc-train")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    for selector in wanted:
        assert selector.items() <= labels.items()
        assert not selector.items() <= trainer.items()
    scaled = one(documents, "HorizontalPodAutoscaler")["spec"]
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert scaled["minReplicas"] > one(documents, "PodDisruptionBudget")["spec"]["maxUnavailable"]
    assert "replicas" not in deployment["spec"]


def test_replicas_follow_a_latency_that_is_measured(client: FlaskClient) -> None:
    adapter = yaml.safe_load((MANIFESTS / "prometheus-adapter.yaml").read_text(encoding="utf-8"))
    (rule,) = adapter["rules"]["custom"]
    metrics = one(built("base"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [each["type"] for each in metrics] == ["Pods", "Resource"]
    assert metrics[0]["pods"]["metric"]["name"] == rule["name"]["as"]
    (route,) = re.findall(r'route=~"([^"]+)"', rule["metricsQuery"])
    for path in ("/recommend", "/v1/recommend", "/health/live"):
        client.get(path)
    name = rule["seriesQuery"].partition("{")[0]
    series = re.findall(rf'^{name}{{le="\S+",route="(\S+)"}}', client.get("/metrics").text, re.MULTILINE)
    assert {found for found in series if re.fullmatch(route, found)} == {"/recommend", "/v1/recommend"}
    (left,) = one(built("overlays/cpu"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert left["resource"]["name"] == "cpu"


@pytest.mark.parametrize("way", WAYS)
def test_the_trainings_command_is_one(way: str) -> None:
    _, pod = list(pods(built(way)))[1]
    (container,) = pod["containers"]
    program, command, *arguments = container["args"]
    assert program == "recsvc"
    found = main.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    found.make_context(command, arguments)
