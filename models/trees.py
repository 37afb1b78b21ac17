"""LightGBM's models: read from their text, and LightGBM itself without what it loads besides."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.errors import BundleError

if TYPE_CHECKING:
    from lightgbm import Booster

# LightGBM loads these where they are installed, for interfaces of which nothing is used here: 75 MB of a worker's
# memory, and most of the time until it can rank.
UNUSED = ("sklearn", "pandas")
_loading = threading.Lock()
# Bits of a node's decision_type.
CATEGORICAL, LEFT, ZERO, NAN = 1, 2, 4, 8


@dataclass(frozen=True, eq=False)
class Tree:
    """Inner nodes, the first of which is the root, and leaves. A value goes `left` where it is at most the node's
    `threshold`; of `left` and `right` those below 0 are leaves, numbered by their complement. `decision`: LightGBM's
    bits for what is missing. `value`: of each leaf."""

    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    decision: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: NDArray[np.float64]


def goes_right_when_missing(tree: Tree) -> NDArray[np.bool_]:
    """Where each node sends NaN: as it says, or as 0 where it knows nothing of missing values."""
    says = tree.decision & NAN > 0
    right: NDArray[np.bool_] = np.where(says, tree.decision & LEFT == 0, tree.threshold < 0)
    return right


def trees_of(text: str) -> list[Tree]:
    """The trees of a model as LightGBM writes it (version 4).

    Raises BundleError for a text that is none, or whose trees ask for categories, or take 0 for missing.
    """
    trees = [_tree(part.partition("\n\n")[0]) for part in text.split("\nTree=")[1:]]
    if not trees or "\nend of trees" not in text:
        raise BundleError("a ranker's file holds no LightGBM model; train again, or roll back")
    return trees


def names_of(text: str) -> tuple[str, ...]:
    """The features that a model names, in their order."""
    line = next((line for line in text.splitlines() if line.startswith("feature_names=")), "")
    return tuple(line.removeprefix("feature_names=").split())


def _tree(text: str) -> Tree:
    given = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def numbers(name: str) -> NDArray[np.float64]:
        return np.array(given.get(name, "").split(), np.float64)

    try:
        value, decision = numbers("leaf_value"), numbers("decision_type").astype(np.intp)
        names = ("split_feature", "left_child", "right_child")
        feature, left, right = (numbers(name).astype(np.intp) for name in names)
    except ValueError as error:
        raise BundleError(f"a ranker's file is damaged ({error}); train again, or roll back") from None
    threshold = numbers("threshold")
    if not len(feature) == len(threshold) == len(decision) == len(left) == len(right) == len(value) - 1:
        raise BundleError("a ranker's file is damaged: a tree of it is incomplete; train again, or roll back")
    if (decision & (CATEGORICAL | ZERO)).any():
        raise BundleError("a ranker's trees ask for categories, or take 0 for missing; recsvc reads neither")
    return Tree(feature, threshold, decision, left, right, value)


def booster(text: str) -> "Booster":
    """The model in LightGBM itself, for what trees alone do not tell. Loaded when first used: ranking does without.

    Raises lightgbm.basic.LightGBMError for a text that is none.
    """
    with _loading:
        if "lightgbm" not in sys.modules:
            with _hidden(UNUSED):
                importlib.import_module("lightgbm")
    from lightgbm import Booster

    return Booster(model_str=text)


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """While it lasts these cannot be imported, unless they already are."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: Python's own word for "not to be found"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
