"""The promises of tests/conftest.py: a run cannot reach the network, and CI cannot skip."""

import os
import socket

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser

from tests.conftest import require


def test_what_is_there_is_no_matter() -> None:
    require("chromium", "Chromium")


def test_what_is_missing_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="missing in CI: Chromium"):
        require(None, "Chromium")


def test_what_is_missing_is_skipped_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED HERE, missing: Chromium"):
        require(None, "Chromium")


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "shop.example"])
def test_the_network_is_out_of_reach(host: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"'{host}'"):
        socket.create_connection((host, 80), timeout=1)


def test_the_network_is_out_of_reach_without_a_look_up() -> None:
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match="'192.0.2.1'"):
        client.connect(("192.0.2.1", 80))


def test_this_machine_is_within_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_settings_from_outside_do_not_reach_the_tests() -> None:
    assert [name for name in os.environ if name.startswith("RECSVC_")] == []


@pytest.mark.postgres
def test_postgres_is_empty_and_ours(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("select current_database()")).startswith("recsvc_test_")
        connection.execute(sa.text("create temporary table t (n int)"))
    engine.dispose()


@pytest.mark.browser
def test_chromium_draws_a_page(chromium: Browser) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content("<h1>recsvc</h1>")
        assert page.inner_text("h1") == "recsvc"
