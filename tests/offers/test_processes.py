"""Exports by several processes: the same files and the same book as by one, and nothing half done when one ends."""

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import RecsvcError, RefusedError
from models.registry import Registry
from recsvc.customers.table import Customer
from recsvc.offers.audience import Audience
from recsvc.offers.campaign import Campaign, load_campaign
from recsvc.offers.export import ExportSummary, export_offers
from recsvc.offers.processes import LEAST_EACH, MOST_PROCESSES, Turns, default_processes
from recsvc.offers.run import run_of_version
from recsvc.state.mailing import benefit_counters, benefit_uses, mails
from tests.conftest_shop import run_recsvc
from tests.offers.conftest import NOW
from tests.offers.made_up import CAMPAIGN

READERS = 2_300
FORMATS = ("csv", "jsonl", "mailchimp", "brevo", "ses", "eml")
BENEFITS = """
[shop]
base_probability = 0.5
margin = 0.9

[[benefits]]
id = "scarce"
kind = "points"
value = 10
uplift = 2.0
cap_total = 1500
code_mode = "unique_per_customer"
"""
MORE = """
[benefit]
file = "benefits.toml"

[holdout]
share = 0.1

[export]
brevo_template = 7
ses_template = "offers"
"""


@pytest.fixture(name="campaign", scope="module")
def fixture_campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "benefits.toml").write_text(BENEFITS, encoding="utf-8")
    text = CAMPAIGN.replace('scenario = "again"', 'scenario = "home"') + MORE
    (folder / "campaign.toml").write_text(text, encoding="utf-8")
    return load_campaign(folder / "campaign.toml")


@pytest.fixture(name="peopled", scope="module")
def fixture_peopled(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny shop's store with READERS customers, most of whom the model does not know."""
    store = tmp_path_factory.mktemp("peopled") / "store"
    shutil.copytree(tiny_store, store)
    rows = "".join(
        f"n{at:05d},n{at}@mail.example,{'de' if at % 2 else 'en'},{at % 20 != 0:d},{at % 3 != 0:d}\n"
        for at in range(READERS)
    )
    known = "".join(f"coffee-{at},coffee{at}@mail.example,de,1,1\n" for at in range(1, 4))
    (store / "secret.key").write_text("5" * 64, encoding="ascii")  # the same for every copy
    people = store.with_name("people.csv")
    people.write_text("customer_id,email,locale,email_ok,profiling_ok\n" + known + rows, encoding="utf-8")
    assert run_recsvc("customers", "import", people, "--store", store, "--quiet").exit_code == 0
    return store


@pytest.fixture(name="fresh_store")
def fixture_fresh_store(peopled: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies of that store, by name, for exports to write to."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(peopled, tmp_path / name / "store"))

    return copy


def export(
    store: Path, campaign: Campaign, processes: int, advance: Callable[[int], None] = lambda _: None
) -> ExportSummary:  # fmt: skip
    version = Registry(store).current()
    assert version is not None
    run = run_of_version(campaign, store, version, now=NOW, locale=None)
    try:
        return export_offers(
            run, run.audience(), store.with_name("out"), formats=FORMATS, processes=processes, store=store,
            advance=advance,
        )  # fmt: skip
    finally:
        run.database.dispose()


def files_of(store: Path) -> dict[str, bytes]:
    out = store.with_name("out")
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def book_of(store: Path) -> list[list[Any]]:
    engine = sa.create_engine(f"sqlite:///{store / 'recsvc.db'}")
    with engine.connect() as connection:
        found = [
            [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))]
            for table in (mails, benefit_counters, benefit_uses)
        ]
    engine.dispose()
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_processes_write_what_one_writes(fresh_store: Callable[[str], Path], campaign: Campaign) -> None:
    alone, together = fresh_store("alone"), fresh_store("together")
    seen: list[int] = []
    of_one, of_three = export(alone, campaign, 1), export(together, campaign, 3, seen.append)
    assert of_three.written > 1_700
    assert of_three.benefits["scarce"] == 1_500
    assert sum(seen) == READERS + 3
    assert of_three.as_json() | {"files": []} == of_one.as_json() | {"files": []}
    one, three = files_of(alone), files_of(together)
    assert one.keys() == three.keys()
    assert [name for name in one if one[name] != three[name]] == []
    assert book_of(alone) == book_of(together)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_process_that_is_killed_ends_the_export_and_it_may_be_run_again(
    fresh_store: Callable[[str], Path], campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = fresh_store("broken"), fresh_store("whole")
    blocks = Audience.blocks

    def until_one_is_killed(audience: Audience) -> Iterator[list[Customer]]:
        for number, block in enumerate(blocks(audience)):
            if number == 2:
                child = multiprocessing.active_children()[0]
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
            yield block

    monkeypatch.setattr(Audience, "blocks", until_one_is_killed)
    with pytest.raises(RecsvcError, match="a process of the export ended before its work was done"):
        export(broken, campaign, 2)
    monkeypatch.undo()
    assert list(broken.with_name("out").iterdir()) == []
    assert multiprocessing.active_children() == []
    assert {row[3] for row in book_of(broken)[0]} <= {"claimed", "holdout"}
    assert export(broken, campaign, 2).written == export(whole, campaign, 1).written
    assert book_of(broken) == book_of(whole)
    assert files_of(broken) == files_of(whole)


def test_what_goes_wrong_in_a_process_is_told_as_it_is(
    fresh_store: Callable[[str], Path], campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fresh_store("store")
    version = Registry(store).current()
    assert version is not None
    run = run_of_version(campaign, store, version, now=NOW, locale=None)
    audience = run.audience()
    monkeypatch.setenv("RECSVC_DATABASE_URL", "mysql://nowhere")
    with pytest.raises(RecsvcError, match="RECSVC_DATABASE_URL names 'mysql'"):
        export_offers(run, audience, store.with_name("out"), formats=("jsonl",), processes=2, store=store)
    run.database.dispose()
    assert list(store.with_name("out").iterdir()) == []


def test_turns_pass_in_order_and_a_failure_stops_those_behind_it() -> None:
    turns = Turns(multiprocessing.get_context("spawn"))
    order: list[int | str] = []

    def block(number: int) -> None:
        try:
            with turns.of(number):
                order.append(number)
                if number == 2:
                    raise ValueError
        except (ValueError, RefusedError) as error:
            order.append(f"{number}: {type(error).__name__}")

    threads = [threading.Thread(target=block, args=(number,)) for number in (3, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, "2: ValueError", "3: RefusedError"]


def test_few_customers_need_one_process() -> None:
    assert default_processes(0) == default_processes(2 * LEAST_EACH - 1) == 1
    assert 1 <= default_processes(10**9) <= MOST_PROCESSES
