import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import make_server

from models.registry import Registry
from recsvc.cli import doctor as doctor_module
from recsvc.cli.check import Check
from recsvc.cli.doctor import Patient, doctor, examine
from recsvc.http.server import free_port
from recsvc.keys import Scope, create_key


def consult(store: Path, *options: str, **environment: str) -> Result:
    port = free_port("127.0.0.1", 0)
    arguments = ["--store", str(store), *([] if "--port" in options else ["--port", str(port)]), *options]
    return CliRunner().invoke(doctor, arguments, env=environment)


def finding(result: Result, name: str) -> str:
    """The line about one thing."""
    [line] = [line for line in result.stdout.splitlines() if line[4:].startswith(f"{name}  ")]
    return line


def test_all_is_well(store: Path, database: sa.Engine) -> None:
    create_key(database, name="shop", scope=Scope.SERVER, now=datetime.now(UTC))
    result = consult(store)
    assert result.exit_code == 0, result.output
    for name in ("recsvc", "extra train", "store", "model", "model age", "database", "API keys", "port"):
        assert finding(result, name).startswith("OK  ")
    assert finding(result, "secret").startswith("--")


def test_nothing_is_there_and_nothing_is_made(tmp_path: Path) -> None:
    result = consult(tmp_path / "store")
    assert result.exit_code == 1
    assert finding(result, "store").startswith("--")
    assert finding(result, "model").startswith("!!")
    assert finding(result, "model").endswith("→  recsvc train --purchases FILE")
    assert not (tmp_path / "store").exists()


def test_as_json(store: Path) -> None:
    result = consult(store, "--json")
    report = json.loads(result.stdout)
    assert report["ok"] is True
    assert {"name", "status", "detail", "remedy"} == set(report["checks"][0])
    assert {check["status"] for check in report["checks"]} <= {"OK", "--"}


def test_a_damaged_bundle(store: Path) -> None:
    registry = Registry(store)
    array = next(registry.path(str(registry.current())).glob("*.npy"))
    array.write_bytes(array.read_bytes() + b"x")
    line = finding(result := consult(store), "model")
    assert (result.exit_code, line.startswith("!!"), "damaged" in line) == (1, True, True)
    assert line.endswith("→  recsvc models rollback")


def test_a_published_bundle_that_is_gone(store: Path) -> None:
    (store / "bundles").rename(store / "elsewhere")
    assert "gone from the store" in finding(consult(store), "model")


def test_a_current_that_names_no_version(store: Path) -> None:
    (store / "current").write_text("latest\n")
    result = consult(store)
    assert (result.exit_code, finding(result, "model")[:2]) == (1, "!!")


def test_an_old_model(store: Path) -> None:
    later = datetime.now(UTC) + timedelta(days=45)
    checks = {check.name: check for check in examine(Patient(store, None, None, "127.0.0.1", 1, later))}
    assert checks["model age"] == Check("model age", "--", "45 days: tastes change", "recsvc train --purchases FILE")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written(store: Path) -> None:
    store.chmod(0o500)
    try:
        assert finding(consult(store), "store").startswith("!!")
    finally:
        store.chmod(0o700)


def test_a_database_that_is_down(store: Path) -> None:
    result = consult(store, RECSVC_DATABASE_URL="postgresql://shop:geheim@127.0.0.1:1/state")
    line = finding(result, "database")
    assert (result.exit_code, line[:2], "refused" in line, "geheim" in result.output) == (1, "!!", True, False)


def test_a_schema_from_the_future(store: Path, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    line = finding(consult(store), "database")
    assert line.startswith("!!")
    assert line.endswith("→  pip install --upgrade recsvc")


def test_keys_matter_where_others_can_reach_it(store: Path, database: sa.Engine) -> None:
    assert finding(consult(store), "API keys").startswith("--")
    assert finding(consult(store, "--host", "0.0.0.0"), "API keys").startswith("!!")
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    create_key(database, name="shop", scope=Scope.SERVER, now=datetime.now(UTC), expires_at=soon)
    assert "ends in 3 days" in finding(consult(store, "--host", "0.0.0.0"), "API keys")


def test_a_secret_that_others_can_read(store: Path) -> None:
    (store / "secret.key").write_text("x" * 64)
    (store / "secret.key").chmod(0o644)
    assert finding(consult(store), "secret").endswith(f"→  chmod 600 {store / 'secret.key'}")
    (store / "secret.key").chmod(0o600)
    assert finding(consult(store), "secret").startswith("OK")


def test_a_port_that_another_program_has(store: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        line = finding(consult(store, "--port", port), "port")
    assert line.startswith("!!")
    assert line.endswith(f"→  recsvc serve --port {int(port) + 1}")


def test_a_port_that_recsvc_has(store: Path, app: Flask) -> None:
    server = make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        line = finding(consult(store, "--port", str(server.server_port)), "port")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert line.startswith("OK")
    assert f"from model {Registry(store).current()}" in line


def test_an_extra_that_is_not_installed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "find_spec", lambda _: None)
    result = consult(store)
    assert result.exit_code == 0
    assert finding(result, "extra train").endswith("→  pip install 'recsvc[train]'")


def test_whose_pages_may_ask(store: Path) -> None:
    assert finding(consult(store), "pages").endswith("recsvc serve --origins https://shop.example")
    known = consult(store, RECSVC_ORIGINS="https://shop.example")
    assert finding(known, "pages") == f"OK  {'pages':<20}  those of https://shop.example may ask"
    for wrong in ({"RECSVC_ORIGINS": "*"}, {"RECSVC_RATE_LIMIT": "many"}):
        broken = consult(store, **wrong)
        assert broken.exit_code == 1
        assert finding(broken, "pages").startswith(f"!!  {'pages':<20}  {next(iter(wrong))} ")
