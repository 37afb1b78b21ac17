"""`recsvc evaluate` from the outside."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from training.evaluate.commands import evaluate, shop_name


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_whole_way(tiny_shop: Path, tmp_path: Path) -> None:
    result = run(
        "--purchases", tiny_shop / "purchases.csv", "--products", tiny_shop / "products.csv",
        "--store", tmp_path / "store",
        "--horizon", "1w", "--windows", 2, "-k", 5, 10, "--customers-sample", 30,
        "--json", tmp_path / "results.json", "--html", tmp_path / "report.html", "--locale", "de",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("2 windows of 7 days: ")
    home = next(line for line in lines if line.startswith("home: "))
    assert "recsvc against" in home
    assert any(line.startswith("own purchases") and "baseline" in line for line in lines)
    assert "\x1b" not in result.stdout
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert content["results"]["horizon_days"] == 7
    assert content["results"]["k"] == [5, 10]
    assert {window["judged"] for window in content["results"]["windows"]} == {30}
    assert content["input"]["rows_read"] > 0
    assert "wiederkehrenden Kunden" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not list((tmp_path / "store").glob("bundles/*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--horizon", "soon"], "'soon' is no length of time; expected days or weeks, such as 28d or 4w"),
        (["--horizon", "0d"], "no length of time"),
        (["--windows", "0"], "--windows"),
        (["-k", "0"], "-k"),
        (["-k", "10", "101"], "101"),
        (["--customers-sample", "0"], "--customers-sample"),
    ],
)
def test_wrong_usage_is_named(tmp_path: Path, arguments: list[str], says: str) -> None:
    result = run("--purchases", tmp_path / "none.csv", *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_a_directory_that_is_missing_is_found_before_the_work(tmp_path: Path) -> None:
    result = run("--purchases", tmp_path / "none.csv", "--html", tmp_path / "no" / "report.html")
    assert "there is no directory" in str(result.exception)


def test_an_address_of_a_database_is_not_shown() -> None:
    assert shop_name(["postgresql://ann:secret@db/shop", "data/orders.csv"]) == "postgresql, orders.csv"
