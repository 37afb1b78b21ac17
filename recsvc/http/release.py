"""Which release this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """The installed version, such as '0.1.0'."""
    try:
        return version("recsvc")
    except PackageNotFoundError:  # run from a checkout that nobody installed
        return "0+checkout"
