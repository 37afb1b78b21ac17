"""What every test gets: no way to the network, no settings from outside, and parts that CI must have."""

import ipaddress
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

pytest_plugins = ["tests.conftest_bucket", "tests.conftest_image", "tests.conftest_shop"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Files that take longest.
LONGEST = ("test_spark.py", "test_accuracy.py", "test_container.py", "test_events_served.py", "test_stopped.py")


def require(condition: object, missing: str) -> None:
    """Go on when `condition` holds. Without it a test fails in CI, on a person's machine it says why it is skipped."""
    if not condition:
        _do_without(missing)


def _do_without(missing: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"missing in CI: {missing}", pytrace=False)
    pytest.skip(f"NOT TESTED HERE, missing: {missing}")


def pytest_configure() -> None:
    """Shut the process off from the network, and from the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("RECSVC_")]:
        del os.environ[name]
    sys.addaudithook(_refuse_the_network)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first, those with browser tests last: Playwright leaves an event loop behind."""
    with_browser = {item.path for item in items if item.get_closest_marker("browser") is not None}
    turns = {name: turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: len(turns) + 1 if item.path in with_browser else turns.get(item.path.name, len(turns)))


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    match event, arguments:
        case ("socket.connect", (_, (str(host), *_))) | ("socket.getaddrinfo", (str(host), *_)):
            if not _is_this_machine(host):
                # Not an Exception: code under test that survives a failed connection must not hide it.
                pytest.fail(f"a test reached for {host!r}; tests talk to this machine alone")


def _is_this_machine(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """SQLAlchemy address of a database made for this run at 127.0.0.1, dropped afterwards."""
    server = sa.URL.create(
        "postgresql+psycopg",
        username=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD"),
        host="127.0.0.1",
        port=int(os.environ.get("PGPORT", "5432")),
        database="postgres",
    )
    plain = server.set(drivername="postgresql").render_as_string(hide_password=False)
    name = f"recsvc_test_{uuid.uuid4().hex}"
    try:
        connection = psycopg.connect(plain, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        _do_without(f"PostgreSQL ({str(error).splitlines()[0]})")
    with connection:
        connection.execute(f'create database "{name}"')
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this machine; ask it for a `new_context()` per test."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    require(path, "Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database; a test that takes it runs on both that recsvc keeps state in."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    name = f"recsvc_state_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'create database "{name}"')
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f'drop database "{name}" with (force)')
    admin.dispose()
