"""LightGBM without what it loads besides."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightgbm import Booster

# LightGBM loads these where they are installed, for interfaces of which nothing is used here: 75 MB of a worker's
# memory, and most of the time until it can rank.
UNUSED = ("sklearn", "pandas")
_loading = threading.Lock()


def booster(text: str) -> "Booster":
    """The trees of a LightGBM model as text. Loaded when first used, for only who ranks needs it.

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
