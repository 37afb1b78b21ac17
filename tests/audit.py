"""`make audit`: known vulnerabilities of everything locked, as far as the service that knows them can be reached.

Fails for a vulnerability. Where the service cannot be asked it says so loudly and
does not fail: a build must not depend on it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("serve", "train", "demo")
SECONDS = 180
# Vulnerabilities that were looked at and do not reach us, by id, with why: none so far.
ACCEPTED: dict[str, str] = {}


def say(text: str) -> None:
    """One line of the build's log."""
    sys.stdout.write(text + "\n")


def findings(report: str) -> list[str]:
    """The vulnerabilities in pip-audit's JSON, a line each; raises ValueError where it is no report."""
    table = json.loads(report)
    return [
        f"{package['name']} {package['version']}: {fault['id']}, "
        f"mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for package in table["dependencies"]
        for fault in package.get("vulns", ())
        if fault["id"] not in ACCEPTED
    ]


def audit(lock: Path, seconds: int = SECONDS) -> tuple[list[str], str | None]:
    """The lock's vulnerabilities, and why it could not be audited, if so."""
    with tempfile.TemporaryDirectory(prefix="recsvc-audit-") as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
        command += ["--progress-spinner", "off", "--timeout", "15", "--format", "json", "--output", str(out)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return [], f"no answer within {seconds} s"
        said = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
        try:
            return findings(out.read_text(encoding="utf-8")), None
        except (OSError, ValueError, KeyError):
            return [], said


def main() -> int:
    """One line a finding; exits with 1 for a vulnerability."""
    vulnerable = False
    for name in LOCKS:
        lock = ROOT / "requirements" / f"{name}.txt"
        found, problem = audit(lock)
        if problem is not None:
            # GitHub shows such a line on the build's page.
            say(f"::warning::NOT AUDITED: requirements/{name}.txt, for the service cannot be asked: {problem[:300]}")
            return 1 if vulnerable else 0
        say(f"requirements/{name}.txt: {len(found)} known vulnerabilities")
        for line in found:
            say(f"  {line}")
        vulnerable = vulnerable or bool(found)
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
