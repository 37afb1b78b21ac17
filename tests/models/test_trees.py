"""LightGBM in a process of its own: what is loaded with it."""

import subprocess
import sys

import lightgbm
import numpy as np

TABLE = np.arange(200, dtype=np.float32).reshape(100, 2)
LOAD = """
import sys
from models.trees import booster
trees = booster(sys.stdin.read())
print(trees.num_trees(), [name for name in ("sklearn", "pandas") if name in sys.modules])
import sklearn
print(sklearn.__name__)
"""


def test_the_trees_are_loaded_without_what_they_do_not_need() -> None:
    label = (TABLE[:, 0] > 90).astype(np.int8)
    text = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(TABLE, label), 3).model_to_string()
    done = subprocess.run([sys.executable, "-c", LOAD], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3 []", "sklearn"]
