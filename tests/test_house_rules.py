"""What holds for every file of the repository, and for the locks."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGES = ("models", "recsvc", "training")
LONGEST = 320
# Written so that this file does not match itself.
FOREIGN = re.compile(
    r"/wor[k]/|/far[m]/|/roo[t]/|/hom[e]/\w|/User[s]/\w|/op[t]/(wheels|pypi)|/tmp/la[b]|\.librar[y]\b"
    r"|--index-ur[l]|extra-index-ur[l]|pypi\.or[g]|pythonhosted\.or[g]"
)


def repository_files() -> Iterator[tuple[Path, str]]:
    """Every text file that is, or is about to be, under version control."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            yield path.relative_to(ROOT), content.decode("utf-8")


def foreign_places(text: str) -> list[str]:
    """Lines that name a path of somebody's machine, or where packages come from."""
    return [line.strip() for line in text.splitlines() if FOREIGN.search(line)]


def test_no_file_names_a_machine_or_an_index() -> None:
    # The flags that keep index addresses out of the locks have to be named where the locks are made.
    found = [
        f"{path}: {line}"
        for path, text in repository_files()
        for line in foreign_places(text.replace("--no-emit-index-url", ""))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "open('/wor" + "k/data.csv')",
        "STORE = '/roo" + "t/store'",
        "data = '/hom" + "e/ada/orders.csv'",
        "--extra-index-ur" + "l https://packages.example/simple",
        "https://pypi.or" + "g/simple",
    ],
)
def test_a_foreign_place_is_found(line: str) -> None:
    assert foreign_places(f"a\n  {line}\nb") == [line]


def test_no_module_is_longer_than_one_can_hold_in_mind() -> None:
    lengths = {str(path): text.count("\n") for path, text in repository_files() if path.suffix == ".py"}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_every_folder_of_modules_is_a_typed_package() -> None:
    paths = {path for path, _ in repository_files()}
    folders = {path.parent for path in paths if path.suffix == ".py" and path.parts[0] in PACKAGES}
    # Alembic finds its versions by folder; it needs no package there.
    assert {folder for folder in folders if folder / "__init__.py" not in paths and folder.name != "versions"} == set()
    assert {Path(package) / "py.typed" for package in PACKAGES} <= paths


def pins(lock: str) -> dict[str, str]:
    """Requirement, with its marker, and its version; several lines of one name where Python versions differ."""
    return {f"{name} {marker or ''}".strip(): version for name, version, marker in _entries(lock)}


def _entries(lock: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^([\w.\[\]-]+)==([^\s;]+)(?: ; (.+?))?(?= \\$)", lock, re.MULTILINE)


def unhashed(lock: str) -> list[str]:
    """Requirements of a lock that carry no hash, and lines that are no requirement at all."""
    joined = lock.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line for line in lines if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_carry_hashes_and_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "http" not in text
    assert unhashed(text) == []
    assert pins(text)


def test_a_requirement_without_a_hash_is_found() -> None:
    digest = "--hash=sha256:" + "0" * 64
    good = f"flask==3.1.3 \\\n    {digest}\n    # via recsvc\nnumpy==2.4.6 ; python_version < '3.12' \\\n    {digest}\n"
    assert unhashed(good) == []
    assert unhashed(good + "click==8.5.1\n--index https://packages.example\n") == [
        "click==8.5.1",
        "--index https://packages.example",
    ]
    assert pins(good) == {"flask": "3.1.3", "numpy python_version < '3.12'": "2.4.6"}


@pytest.mark.parametrize("name", ["serve", "train", "demo"])
def test_what_runs_is_what_was_tested(name: str) -> None:
    tested = pins((ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8"))
    runs = pins((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
    versions: dict[str, set[str]] = {}
    for requirement, version in tested.items():
        versions.setdefault(requirement.partition(" ")[0], set()).add(version)
    other = {key: version for key, version in runs.items() if version not in versions.get(key.partition(" ")[0], set())}
    # Python 3.11 to 3.13 on Linux and macOS are what we test; a marker may speak of other systems.
    assert {key for key in other if "win32" not in key} == set()


@pytest.mark.parametrize(
    ("name", "extras"),
    [("serve", ["postgres"]), ("train", ["train", "postgres"]), ("demo", ["train", "demo"]), ("dev", ["dev", "demo"])],
)
def test_locks_hold_what_the_project_asks_for(name: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[<>=!~ ]", line)[0].lower() for line in asked} - {"recsvc"}
    locked = {
        key.partition(" ")[0].partition("[")[0] for key in pins((ROOT / "requirements" / f"{name}.txt").read_text())
    }
    assert names <= locked


def test_the_serving_lock_holds_no_trainer() -> None:
    locked = pins((ROOT / "requirements" / "serve.txt").read_text(encoding="utf-8"))
    assert locked.keys().isdisjoint({"implicit", "scikit-learn", "duckdb", "pandas", "joblib", "pytest"})
