"""A mail server's certificate: trusted by its authority's file, refused without it, always looked at."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from models.errors import RefusedError, SettingsError
from recsvc.offers.sending.message import Message
from recsvc.offers.sending.server import Connection, ServerSettings
from tests.conftest_shop import run_recsvc
from tests.offers.sending.conftest import Mailbox

MESSAGE = Message("c1", "shop@shop.example", "kim@mail.example", "<1@shop.example>", b"Subject: x\r\n\r\nHello\r\n")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def certificate(folder: Path, name: str, address: str = "IP:127.0.0.1") -> Path:
    """A certificate signed by itself, beside its key."""
    folder.mkdir(exist_ok=True)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    subprocess.run([*made, "-addext", f"subjectAltName={address}", *files], check=True, capture_output=True)
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"), "own")


@pytest.fixture
def tls_port(mailbox: Mailbox, own: Path) -> Iterator[int]:
    """A server that takes mail after STARTTLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own.with_suffix(".key"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, ready_timeout=30, tls_context=context, require_starttls=True
    )
    controller.start()
    yield port
    controller.stop()


def hand_over(port: int, ca_file: Path | None) -> str:
    connection = Connection(ServerSettings.parse(f"smtp://127.0.0.1:{port}", None if ca_file is None else str(ca_file)))
    try:
        return connection.hand_over(MESSAGE, lambda: None).state
    finally:
        connection.close()


def test_by_its_own_authority_a_certificate_is_taken_and_the_mail_goes_over_tls(
    tls_port: int, own: Path, mailbox: Mailbox
) -> None:
    assert hand_over(tls_port, own) == "sent"
    assert mailbox.recipients == ["kim@mail.example"]
    assert hand_over(tls_port, None) == "refused"  # without TLS this server takes nothing


@pytest.mark.parametrize(("name", "address"), [("foreign", "IP:127.0.0.1"), ("elsewhere", "DNS:mail.shop.example")])
def test_another_authority_or_name_is_refused_with_a_remedy(
    tls_port: int, mailbox: Mailbox, tmp_path: Path, name: str, address: str
) -> None:
    with pytest.raises(
        RefusedError, match="a certificate that is not trusted: .*; call it by the name .* RECSVC_SMTP_CA"
    ):
        hand_over(tls_port, certificate(tmp_path, name, address))
    assert mailbox.recipients == []


def test_a_name_that_the_certificate_has_not_is_refused(tls_port: int, own: Path, mailbox: Mailbox) -> None:
    settings = ServerSettings.parse(f"smtp://localhost:{tls_port}", str(own))
    with pytest.raises(RefusedError, match="Hostname mismatch.*call it by the name that its certificate has"):
        Connection(settings).hand_over(MESSAGE, lambda: None)
    assert mailbox.recipients == []


def test_the_command_says_it_and_sends_nothing(
    tls_port: int, own: Path, mailbox: Mailbox, shop_store: Path, sending_file: Path, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("RECSVC_SMTP_URL", f"smtp://127.0.0.1:{tls_port}")
    monkeypatch.setenv("RECSVC_SMTP_CA", str(certificate(tmp_path / "tls", "foreign")))
    send = ("offers", "send", sending_file, "--no-dry-run", "--rate", "0", "--store", shop_store)
    refused = run_recsvc(*send)
    assert (refused.exit_code, mailbox.recipients) == (1, [])
    assert "set RECSVC_SMTP_CA to the file of the authority that signed it" in refused.stderr
    monkeypatch.setenv("RECSVC_SMTP_CA", str(own))
    assert run_recsvc(*send).exit_code == 0
    assert len(mailbox.recipients) == 4


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), ("x", "which holds no certificate")])
def test_a_file_that_is_no_authority(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=f"RECSVC_SMTP_CA is .* {reason}"):
        ServerSettings.parse("smtp://mail.shop.example", str(path))
