"""training → models ← recsvc, and nothing else crosses (docs/architecture.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).parents[1]
OURS = frozenset({"models", "recsvc", "training"})
MODELS_MAY = frozenset({"numpy", "scipy", "lightgbm", "obstore"})  # the last one where a registry is in a bucket
TRAINER_ONLY = frozenset({"duckdb", "ibis", "implicit", "joblib", "matplotlib", "optuna", "pyspark", "sklearn"})
HEAVY = ("sklearn", "implicit", "joblib", "duckdb", "ibis", "obstore", "pandas", "pyarrow", "pyspark", "training")


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything the source imports, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield node.lineno, "." * level + (module or "")
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
                match node.args:
                    case [ast.Constant(value=str(name)), *_]:
                        yield node.lineno, name


def violations(package: str, source: str) -> list[str]:
    """Each import in `source`, a module of `package`, that the rules forbid: "line 3: recsvc imports training.data"."""
    return [
        f"line {line}: {package} imports {name}"
        for line, name in imports(source)
        if _forbidden(package, name.partition(".")[0])
    ]


def _forbidden(package: str, top: str) -> bool:
    if top == "":
        return True  # relative: says less of where a name comes from than the absolute form
    if package == "models":
        return top not in MODELS_MAY | {"models"} | sys.stdlib_module_names
    if package == "training":
        return top == "recsvc"
    return top in TRAINER_ONLY | {"training"}


@pytest.mark.parametrize("package", sorted(OURS))
def test_imports_cross_only_towards_models(package: str) -> None:
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources, f"{package}/ has no modules"
    found = [
        f"{path.relative_to(ROOT)} {text}"
        for path in sources
        for text in violations(package, path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("models", "import recsvc"),
        ("models", "from training.data import TrainingData"),
        ("models", "import sklearn.decomposition"),
        ("models", "def load():\n    from pandas import read_csv"),
        ("models", "from . import errors"),
        ("training", "from recsvc.engine import Engine"),
        ("training", "import importlib\nimportlib.import_module('recsvc.cli')"),
        ("recsvc", "import training"),
        ("recsvc", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from training.data import TrainingData"),
        ("recsvc", "import duckdb as db"),
        ("recsvc", "from implicit.als import AlternatingLeastSquares"),
        ("recsvc", "__import__('joblib')"),
    ],
)
def test_a_forbidden_import_is_found(package: str, source: str) -> None:
    assert len(violations(package, source)) == 1


@pytest.mark.parametrize(
    ("package", "source"),
    [
        (
            "models",
            "import json, numpy as np\nfrom scipy import sparse\nimport lightgbm\nfrom models.errors import InputError",
        ),
        (
            "training",
            "import implicit, ibis, duckdb\nfrom models.bundle import Bundle\nfrom training.data import TrainingData",
        ),
        ("recsvc", "import flask, numpy\nfrom models.registry import Registry\nfrom recsvc.engine import Engine"),
    ],
)
def test_an_allowed_import_is_let_through(package: str, source: str) -> None:
    assert violations(package, source) == []


def loaded_by(statement: str) -> set[str]:
    """Which of HEAVY a new interpreter has loaded after `statement`."""
    program = f"import sys\n{statement}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_importing_what_serves_loads_nothing_of_the_trainer() -> None:
    assert loaded_by("import recsvc, recsvc.cli.main, models") == set()


def test_loading_the_trainer_is_noticed() -> None:
    assert loaded_by("import training, joblib") == {"training", "joblib"}


def test_only_training_spark_imports_pyspark() -> None:
    importing = {
        path.relative_to(ROOT).parts[:2]
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if any(name.partition(".")[0] == "pyspark" for _, name in imports(path.read_text(encoding="utf-8")))
    }
    assert importing == {("training", "spark")}


def test_a_training_without_spark_loads_nothing_of_it() -> None:
    assert "pyspark" not in loaded_by("import training.commands, training.pipeline, training.settings")


def test_every_module_of_recsvc_loads_without_the_trainer() -> None:
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("models", "recsvc")
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    )
    require(find_spec("obstore"), "the extra object-storage")
    # One module speaks to object stores, and is loaded where a registry is in one.
    assert loaded_by("import " + ", ".join(modules)) == {"obstore"}
