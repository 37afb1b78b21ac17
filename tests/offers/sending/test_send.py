"""Sending: what the server says, what breaks, and that nobody gets a mail twice."""

import re
import smtplib
import socket
import ssl
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from models.errors import RefusedError, SettingsError
from recsvc.customers.consent import object_to_mail
from recsvc.offers.ledger import FREE_TO_SEND
from recsvc.offers.markup import loose_styles, markup_faults
from recsvc.offers.run import Run
from recsvc.offers.sending.book import SendingBook, sole_sender
from recsvc.offers.sending.message import Message
from recsvc.offers.sending.send import SendOptions, SendSummary, send_campaign
from recsvc.offers.sending.server import Connection, Outcome, ServerSettings
from recsvc.state import writing
from recsvc.state.mailing import mails
from tests.offers.conftest import NOW
from tests.offers.sending.conftest import Mailbox

READERS = {"kim@mail.example", "sam@mail.example", "noprofile@mail.example", "new@mail.example"}


def send(run: Run, port: int, store: Path, **changes: object) -> SendSummary:
    options = SendOptions(**{"dry_run": False, "rate": 0.0, **changes})  # type: ignore[arg-type]
    server = ServerSettings(host="127.0.0.1", port=port, timeout=5, last_timeout=5)
    audience = run.audience(free=FREE_TO_SEND)
    return send_campaign(run, audience, server, store, options=options, clock=lambda: datetime.now(UTC))


def states(database: sa.Engine) -> dict[str, str]:
    with database.connect() as connection:
        return dict(map(tuple, connection.execute(sa.select(mails.c.customer_id, mails.c.state))))


def test_each_reader_gets_one_mail_and_no_second_one(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:
    first = send(sending_run, smtp_port, tmp_path)
    assert dict(first.outcomes) == {"sent": 4}
    assert set(mailbox.recipients) == READERS
    assert len(mailbox.recipients) == 4
    again = send(sending_run, smtp_port, tmp_path)
    assert dict(again.outcomes) == {}
    assert again.left_out["mailed already"] == 4
    assert len(mailbox.recipients) == 4


def test_what_the_server_took_is_sound(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:  # fmt: skip
    send(sending_run, smtp_port, tmp_path)
    for raw, message in zip(mailbox.raw, mailbox.messages(), strict=True):
        lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        (link,) = [line for line in lines if line.startswith(b"List-Unsubscribe: ")]
        assert re.fullmatch(rb"List-Unsubscribe: <https://r\.shop\.example/u/[A-Za-z0-9_-]+>", link)
        assert lines.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") == 1
        assert message.defects == []
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        text, html = (part.get_content() for part in message.iter_parts())
        assert markup_faults(html) == loose_styles(html) == []
        assert "<html" not in text
        url = link[19:-1].decode()
        assert url in text
        assert url in html


def test_a_dry_run_sends_and_writes_nothing(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path, database: sa.Engine
) -> None:
    summary = send(sending_run, smtp_port, tmp_path, dry_run=True)
    assert summary.outcomes["ready"] == 4
    assert mailbox.raw == []
    assert states(database) == {}


def test_who_objects_between_making_and_sending_gets_nothing(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path, database: sa.Engine
) -> None:
    begin = SendingBook.begin

    def objecting(book: SendingBook, customer_id: str, address: str, now: datetime) -> None:
        if customer_id == "coffee-1":
            object_to_mail(database, "coffee-1", source="unsubscribe link", now=now)
        begin(book, customer_id, address, now)

    with patch.object(SendingBook, "begin", objecting):
        summary = send(sending_run, smtp_port, tmp_path)
    mailbox.wait_until_quiet()
    assert set(mailbox.recipients) == READERS - {"kim@mail.example"}
    assert summary.left_out["objected to e-mail"] == 1
    assert "coffee-1" not in states(database)


def test_what_the_server_refuses_is_not_tried_again_and_what_it_defers_is(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path, database: sa.Engine
) -> None:
    mailbox.recipient_answer = lambda to: "550 5.1.1 no such user" if to.startswith("kim") else "250 fine"
    mailbox.answer = lambda to: "451 4.7.1 later" if to.startswith("sam") else "250 taken"
    summary = send(sending_run, smtp_port, tmp_path)
    assert dict(summary.outcomes) == {"sent": 2, "refused": 1, "deferred": 1}
    assert any("no such user" in problem for problem in summary.problems)
    assert states(database)["coffee-1"] == "refused"
    mailbox.recipient_answer = lambda _: "250 fine"
    mailbox.answer = lambda _: "250 taken"
    again = send(sending_run, smtp_port, tmp_path)
    assert dict(again.outcomes) == {"sent": 1}
    assert sorted(mailbox.recipients) == sorted(READERS - {"kim@mail.example"})


def test_an_answer_that_never_comes_leaves_the_mail_unsure(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path, database: sa.Engine
) -> None:
    mailbox.answer = lambda to: "hang up" if to.startswith("kim") else "250 taken"
    summary = send(sending_run, smtp_port, tmp_path, connections=1)
    assert dict(summary.outcomes) == {"sent": 3, "unsure": 1}
    assert states(database)["coffee-1"] == "unsure"
    mailbox.answer = lambda _: "250 taken"
    assert dict(send(sending_run, smtp_port, tmp_path).outcomes) == {}
    assert dict(send(sending_run, smtp_port, tmp_path, retry_unsure=True).outcomes) == {"sent": 1}


def test_a_server_that_hangs_up_before_the_end_is_tried_again(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:
    # A proxy that cuts the first connection in the middle of the mail's text.
    listener = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()

    def relay() -> None:
        for number in range(8):
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", smtp_port))
            threading.Thread(target=pump, args=(upstream, client, None), daemon=True).start()
            threading.Thread(target=pump, args=(client, upstream, 700 if number == 0 else None), daemon=True).start()

    def pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(256):
                passed += len(data)
                if limit is not None and passed > limit:
                    cut.set()
                    break
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    threading.Thread(target=relay, daemon=True).start()
    summary = send(sending_run, listener.getsockname()[1], tmp_path, connections=1)
    listener.close()
    assert cut.is_set()
    mailbox.wait_until_quiet(0.1)
    # The line that ends a mail may leave before the break is seen; then the mail is unsure, and never sent twice.
    assert summary.outcomes["sent"] + summary.outcomes["unsure"] == 4
    assert summary.outcomes["sent"] >= 3
    counts = Counter(mailbox.recipients)
    assert max(counts.values()) == 1
    assert sum(counts.values()) == summary.outcomes["sent"]


def test_what_broke_off_before_its_end_is_begun_again(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:
    broken: list[str] = []
    begin = Connection._begin

    def breaking(connection: Connection, smtp: smtplib.SMTP, message: Message) -> Outcome | None:
        if not broken:
            broken.append(message.recipient)
            raise ConnectionResetError("in the middle")
        return begin(connection, smtp, message)

    with patch.object(Connection, "_begin", breaking):
        summary = send(sending_run, smtp_port, tmp_path, connections=1)
    assert dict(summary.outcomes) == {"sent": 4}
    assert Counter(mailbox.recipients) == dict.fromkeys(READERS, 1)


def test_a_server_that_is_not_there_loses_nothing(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    with pytest.raises(RefusedError, match=f"the mail server 127.0.0.1:{closed} cannot be reached"):
        send(sending_run, closed, tmp_path)
    assert dict(send(sending_run, smtp_port, tmp_path).outcomes) == {"sent": 4}


def test_outside_the_schedule_nothing_is_sent(sending_file: Path, run: Run, smtp_port: int, tmp_path: Path) -> None:
    from recsvc.offers.campaign import load_campaign

    with sending_file.open("a", encoding="utf-8") as text:
        text.write("\n[schedule]\nend = 2026-03-01\n")
    late = Run.of(load_campaign(sending_file), run.engine, run.database, run.secret, now=NOW)
    with pytest.raises(RefusedError, match="nothing may be sent now: the campaign ended on"):
        send(late, smtp_port, tmp_path)


def test_without_one_click_nothing_is_sent(run: Run, smtp_port: int, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="service_url in .mail. must be an https:// address"):
        send(run, smtp_port, tmp_path)


def test_two_senders_of_a_campaign_do_not_work_at_once(sending_run: Run, smtp_port: int, tmp_path: Path) -> None:
    with sole_sender(tmp_path, sending_run.campaign), pytest.raises(RefusedError, match="is being sent already"):
        send(sending_run, smtp_port, tmp_path)


def test_two_machines_send_each_mail_once(sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path) -> None:
    mailbox.slow = 0.05
    threads = [
        threading.Thread(target=send, args=(sending_run, smtp_port, tmp_path / str(number))) for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mailbox.wait_until_quiet(0.1)
    assert Counter(mailbox.recipients) == dict.fromkeys(READERS, 1)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, "RECSVC_SMTP_URL is not set; expected smtp://"),
        ("mail.example:25", "RECSVC_SMTP_URL is no address of a mail server"),
        ("smtp://user:secret@/x", "RECSVC_SMTP_URL is no address of a mail server"),
        ("smtp://h:port", "RECSVC_SMTP_URL is no address"),
    ],
)
def test_a_bad_address_is_told_without_its_password(url: str | None, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ServerSettings.parse(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_is_read() -> None:
    settings = ServerSettings.parse("smtp://shop%40x:p%2Fw@mail.example")
    assert (settings.host, settings.port, settings.user, settings.password) == ("mail.example", 587, "shop@x", "p/w")
    assert ServerSettings.parse("smtps://mail.example").port == 465
    assert "p/w" not in repr(settings)


def test_a_server_without_starttls_gets_nothing(
    sending_run: Run, mailbox: Mailbox, smtp_port: int, tmp_path: Path
) -> None:
    server = ServerSettings(host="127.0.0.1", port=smtp_port, context=ssl.create_default_context())
    options = SendOptions(dry_run=False, rate=0)
    with pytest.raises(RefusedError, match="lacks what is needed: STARTTLS"):
        send_campaign(
            sending_run, sending_run.audience(free=FREE_TO_SEND), server, tmp_path, options=options,
            clock=lambda: datetime.now(UTC),
        )  # fmt: skip
    assert mailbox.raw == []


def test_writing_is_not_blocked_by_a_dead_sender(sending_run: Run, database: sa.Engine, tmp_path: Path) -> None:
    book = SendingBook(database, sending_run.campaign, sending_run.suppressions)
    offers = [
        offer for block in sending_run.offers(sending_run.audience().customers(), reserve=True) for _, offer in block
    ]
    book.claim(offers, [], "v", NOW)
    book.begin("coffee-1", "kim@mail.example", NOW)
    assert states(database)["coffee-1"] == "sending"
    assert book.settle(NOW) == 1
    assert states(database)["coffee-1"] == "unsure"
    with writing(database) as connection:
        detail = connection.scalar(sa.select(mails.c.detail).where(mails.c.customer_id == "coffee-1"))
    assert detail == "its sender stopped before the server answered"
