"""`recsvc explain`: the past, the list, and why or why not, in plain words and as JSON."""

from pathlib import Path

import orjson
import pytest

from tests.conftest_shop import run_recsvc


def test_the_command_tells_the_past_and_the_list(tiny_store: Path) -> None:
    result = run_recsvc("explain", "coffee-3", "-n", "3", "--store", tiny_store)
    assert result.exit_code == 0
    assert "Customer coffee-3: 8 orders of 5 different items since 2026-01-08." in result.stdout
    assert "2026-02-26" in result.stdout
    assert "regularly" in result.stdout


def test_the_command_tells_why_not(tiny_store: Path) -> None:
    result = run_recsvc("explain", "breakfast-3", "sold-out", "--store", tiny_store)
    assert result.exit_code == 0
    assert "is not in `home`: not in stock" in result.stdout
    unknown = run_recsvc("explain", "nobody", "unheard-of", "--store", tiny_store)
    assert unknown.exit_code == 0
    assert "does not know customer 'nobody'" in unknown.stderr
    assert "not in the catalogue" in unknown.stdout
    assert "filled the list" in unknown.stdout


def test_the_command_answers_in_json_and_in_german(tiny_store: Path) -> None:
    result = run_recsvc(
        "explain", "coffee-3", "--json", "--locale", "de", "--scenario", "complements", "--items", "pasta, tomato",
        "-n", "2", "--store", tiny_store,
    )  # fmt: skip
    table = orjson.loads(result.stdout)
    assert (table["customer_id"], table["known"], table["scenario"]) == ("coffee-3", True, "complements")
    assert table["past"]["last"][0]["day"] == "2026-02-26"
    assert table["items"][0]["reason"].startswith("Passt gut zu")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("explain",), "Missing argument 'CUSTOMER'"),
        (("explain", "a", "--items", "milk,unheard-of"), "--items: 'unheard-of' is not in the catalogue"),
        (("explain", "a", "--scenario", "hoome"), "hoome"),
        (("explain", "a", "-n", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage_is_refused(tiny_store: Path, arguments: tuple[str, ...], told: str) -> None:
    result = run_recsvc(*arguments, "--store", tiny_store)
    assert result.exit_code == 2
    assert told in result.stderr
