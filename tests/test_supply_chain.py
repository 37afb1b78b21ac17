"""What recsvc is made of: a bill of materials, licences, and an audit that fails for a vulnerability alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import audit, licences
from tests.conftest import require
from tests.test_house_rules import pins

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "var" / "audit" / "bin"


@pytest.fixture(params=["serve", "train"])
def lock(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def bill_of(lock: str, out: Path) -> str:
    """The bill of materials of a lock, made as `make sbom` makes it."""
    require((TOOLS / "cyclonedx-py").exists(), "cyclonedx-py (make sbom)")
    recipe = subprocess.run(["make", "--dry-run", "--always-make", "sbom"], cwd=ROOT, capture_output=True, text=True)
    command = next(line for line in recipe.stdout.replace("\\\n", " ").splitlines() if "cyclonedx-py" in line)
    assert "--validate" in command  # against the schema, whose breach ends the command
    here = command.replace("in serve train", f"in {lock}").replace("var/sbom", str(out))
    subprocess.run(["bash", "-euc", here], cwd=ROOT, check=True, capture_output=True)
    return (out / f"{lock}.cdx.json").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_bill_of_materials_is_valid_and_complete(lock: str, tmp_path: Path) -> None:
    text = bill_of(lock, tmp_path)
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "1.6",
        "recsvc",
    )
    parts = {(part["name"].lower(), part["version"]) for part in bill["components"]}
    wanted = pins((ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8"))
    assert {(key.partition(" ")[0].partition("[")[0].lower(), version) for key, version in wanted.items()} <= parts
    for part in bill["components"]:
        assert part["purl"] == f"pkg:pypi/{part['name'].lower()}@{part['version']}"
        assert any(reference.get("hashes") for reference in part["externalReferences"]), part["name"]


def test_every_locked_package_has_its_licence_on_the_page(lock: str) -> None:
    page = licences.PAGE.read_text(encoding="utf-8")
    listed = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1] for line in page.splitlines() if " | " in line
    }
    packages = licences.locked(lock)
    assert {package for package in packages if package not in listed} == set(), "renew the page: make licences"
    said = {package: licence for package, licence, _ in licences.rows() if licence is not None}
    other = {
        package: (listed[package], said[package])
        for package in packages
        if said.get(package) not in (None, listed[package])
    }
    assert other == {}, "renew the page: make licences"
    assert all(listed[package].strip() for package in packages)


def test_no_page_lists_what_is_not_locked() -> None:
    page = licences.PAGE.read_text(encoding="utf-8")
    listed = {line.split(" | ")[0].removeprefix("| ") for line in page.splitlines()[8:] if " | " in line}
    assert listed - {package for name in licences.LOCKS for package in licences.locked(name)} == set()


REPORT = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": []}]},
        {"name": "unknown", "skip_reason": "not found"},
    ],
    "fixes": [],
}


def test_a_vulnerability_fails_the_audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.findings(json.dumps(REPORT)) == ["bad 2.0: PYSEC-1, mended in 2.1"]
    monkeypatch.setattr(audit, "audit", lambda lock: (audit.findings(json.dumps(REPORT)), None))
    assert audit.main() == 1
    assert "requirements/serve.txt: 1 known vulnerabilities" in capsys.readouterr().out


def test_a_service_that_cannot_be_asked_is_said_loudly_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    require((TOOLS / "pip-audit").exists(), "pip-audit (make audit)")
    monkeypatch.setattr(sys, "executable", str(TOOLS / "python"))
    # Nobody answers there: to the tool it is a machine without a network.
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("::warning::NOT AUDITED: requirements/serve.txt")


@pytest.mark.parametrize("text", ["", "{}", "no json"])
def test_no_report_is_no_finding(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        audit.findings(text)
