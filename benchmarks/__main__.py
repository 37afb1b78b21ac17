"""Run every benchmark, one after the other, each in a process of its own, so that none warms up for the next."""

import pkgutil
import subprocess
import sys

import benchmarks

NO_MEASUREMENTS = ("__main__", "assortment", "bare", "cost", "coupons", "generate", "serve_cases", "tile")

# Takes long, and has a target of its own: make bench-scale.
APART = ("scale",)


def main() -> int:
    """Exits with the number of benchmarks that failed."""
    failed = 0
    for module in pkgutil.iter_modules(benchmarks.__path__, prefix="benchmarks."):
        if module.name.removeprefix("benchmarks.") in (*NO_MEASUREMENTS, *APART):
            continue
        print(f"\n{module.name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", module.name], check=False).returncode != 0
    return failed


sys.exit(main())
