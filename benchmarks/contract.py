"""Whether the service holds to its OpenAPI document: made-up requests, good and bad, alone and one after the other.

    python -m benchmarks.contract [--store DIR] [--cases 5000] [--seed 1]

schemathesis makes the requests from the document, for each operation and, by the document's links, in chains in which
an answer's recommendation_id is handed to the next question. None may end in a 500, nor in an answer that the document
does not have. Prints what was asked how often, and exits with 1 when anything was found. Works on a store of its own
that borrows the published bundle.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.serve import borrowed
from models.registry import Registry
from recsvc.engine import LiveEngine
from recsvc.engine.filters import MOST_CONDITIONS
from recsvc.http.app import create_app
from recsvc.http.settings import ServeSettings
from recsvc.state import open_database

STEPS = 10  # requests of a chain
LINKED = 0.2  # of all requests come in chains
# Of what has the right shape these refuse some all the same: a time that lies ahead, a signature that is forged.
PARTICULAR = ("/events",)
# Where lines of its own are good or bad, the request is neither.
LINES = ("/recommend/batch",)
LINKS = ("/recommend",)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: Any, value: Any) -> bytes:
    """JSON lines are text."""
    return str(value).encode()


def is_too_large(response: Any) -> bool:
    """Whether a filter was larger than a service bears, which no JSON schema can say of something nested."""
    return response.status_code == 400 and f"more than {MOST_CONDITIONS} conditions" in response.text


def ask_each(app: Flask, cases: int, first: int) -> tuple[Counter[str], list[str]]:
    """So many requests of each operation and kind; returns how many there were of each, and what was found."""
    api = schemathesis.openapi.from_wsgi("/openapi.json", app)
    asked: Counter[str] = Counter()
    found: list[str] = []
    for result in api.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        for mode in GenerationMode:
            if mode is GenerationMode.NEGATIVE and operation.path in LINES:
                continue
            name = f"{operation.method.upper()} {operation.path}, {mode.value}"
            try:
                made = operation.as_strategy(generation_mode=mode)
                _ask(made, name, cases, first, asked, particular=operation.path in PARTICULAR)
            except schemathesis.core.errors.InvalidSchema:
                continue  # nothing can be wrong about a request that has no fields
            except BaseException as error:  # a finding, which says what it is
                if isinstance(error, KeyboardInterrupt):
                    raise
                if "Unsatisfiable" not in type(error).__name__:
                    found.append(f"{name}: {error}")
    return asked, found


def _ask(made: Any, name: str, cases: int, first: int, asked: Counter[str], *, particular: bool) -> None:
    excluded: list[Any] = [positive_data_acceptance] if particular else []

    @seed(first)
    @settings(
        max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None,
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(case=made)
    def ask(case: "schemathesis.Case[Any]") -> None:
        asked[name] += 1
        response = case.call()
        if not is_too_large(response):
            case.validate_response(response, excluded_checks=excluded)

    ask()


def ask_in_chains(app: Flask, cases: int, first: int) -> tuple[Counter[str], list[str]]:
    """So many requests in chains along the document's links; returns how many of each operation, and what was found."""
    api = schemathesis.openapi.from_wsgi("/openapi.json", app).include(path=list(LINKS))
    asked: Counter[str] = Counter()
    machine = api.as_state_machine()

    class Chain(machine):  # type: ignore[valid-type, misc]
        def validate_response(self, response: Any, case: Any, *args: Any, **more: Any) -> None:
            asked[f"{case.operation.method.upper()} {case.operation.path}, in chains"] += 1
            if not is_too_large(response):
                super().validate_response(response, case, *args, **more)

    try:
        while asked.total() < cases:
            run_state_machine_as_test(
                seed(first + asked.total())(Chain),
                settings=settings(
                    max_examples=max(1, (cases - asked.total()) // STEPS), stateful_step_count=STEPS, deadline=None,
                    suppress_health_check=list(HealthCheck), database=None, phases=(Phase.generate, Phase.shrink),
                ),
            )  # fmt: skip
    except BaseException as error:  # a finding
        if isinstance(error, KeyboardInterrupt):
            raise
        return asked, [f"in chains: {error}"]
    return asked, []


def main() -> int:
    """Exits with 1 when the service does not hold to its document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("RECSVC_STORE", "var/store")))
    parser.add_argument("--cases", type=int, default=5_000, help="at least so many requests in all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recsvc-contract-") as folder:
        own, _ = borrowed(options.store, Path(folder))
        database = open_database(None, own)
        with database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM api_keys")  # so that every operation may be asked
        app = create_app(ServeSettings(store=own), LiveEngine(Registry(own)), database)
        kinds = 2 * sum(1 for _ in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations())
        each = -(-round(options.cases * (1 - LINKED)) // (kinds // 2))
        asked, found = ask_each(app, each, options.seed)
        more, faults = ask_in_chains(
            app, max(round(options.cases * LINKED), options.cases - asked.total()), options.seed
        )
        database.dispose()
    print("| operation | requests |\n|---|---|")
    for name, n in (asked + more).items():
        print(f"| {name} | {n:,} |")
    print(f"| **all** | **{(asked + more).total():,}** |")
    for fault in (*found, *faults):
        print(f"\n{fault}")
    return 1 if found or faults else 0


if __name__ == "__main__":
    sys.exit(main())
