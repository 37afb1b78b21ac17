"""A mail server on this machine that remembers what it took, and misbehaves on demand."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from recsvc.offers.campaign import load_campaign
from recsvc.offers.run import Run
from tests.offers.conftest import NOW
from tests.offers.made_up import CAMPAIGN


@dataclass
class Mailbox:
    """What was taken, in order. `answer` may say what a mail is answered with after its end."""

    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answer: Callable[[str], str] = lambda _: "250 taken"
    recipient_answer: Callable[[str], str] = lambda _: "250 fine"
    slow: float = 0.0
    lock: Any = field(default_factory=threading.Lock)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        told = self.recipient_answer(address)
        if told.startswith("250"):
            envelope.rcpt_tos.append(address)
        return told

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        told = self.answer(recipient)
        if self.slow:
            await asyncio.sleep(self.slow)
        if told == "hang up":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 never heard"
        if told.startswith("250"):
            with self.lock:
                assert isinstance(envelope.original_content, bytes)
                self.raw.append(envelope.original_content)
                self.recipients.append(recipient)
        return told

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]

    def wait_until_quiet(self, seconds: float = 0.5) -> None:
        before = -1
        while before != len(self.raw):
            before = len(self.raw)
            time.sleep(seconds)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp_port(mailbox: Mailbox) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    yield port
    controller.stop()


@pytest.fixture
def sending_file(tmp_path: Path) -> Path:
    path = tmp_path / "sending.toml"
    text = CAMPAIGN.replace("n = 1", "n = 3")
    path.write_text(text.replace("from_name", 'service_url = "https://r.shop.example"\nfrom_name'), encoding="utf-8")
    return path


@pytest.fixture
def sending_run(run: Run, sending_file: Path) -> Run:
    return Run.of(load_campaign(sending_file), run.engine, run.database, run.secret, now=NOW)
