"""What must not happen, however bad the night: each fault again and again, in numbers that a test has no time for.

    python -m benchmarks.faults [kills] [publishers] [bits] [database] [malformed] …

Without a name all run, one after the other. Prints one JSON object a fault; exits with 1 where one of them found
`failures`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.faults import database, kills, malformed, publishers

FAULTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "kills": kills.measure,
    "publishers": publishers.measure_publishers,
    "bits": publishers.measure_bits,
    "database": database.measure,
    "malformed": malformed.measure,
}


def main() -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", choices=[[], *FAULTS], metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--files", type=int, default=1_000, help="malformed: so many files")
    parser.add_argument("--kills", type=int, default=100, help="kills: so many trainings")
    parser.add_argument("--rounds", type=int, default=10, help="publishers: so many pairs of trainings")
    parser.add_argument("--flips", type=int, default=200, help="bits: so many bits and cut ends")
    parser.add_argument("--postgres", metavar="URL", help="database: a server on which one may be made")
    parser.add_argument("--gone", type=float, default=60.0, help="database: for so many seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for name in options.faults or FAULTS:
        started = time.monotonic()
        outcome = FAULTS[name](options)
        print(json.dumps({"fault": name, **outcome, "seconds": round(time.monotonic() - started)}), flush=True)
        failed = failed or bool(outcome["failures"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
