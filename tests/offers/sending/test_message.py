"""The bytes of a mail: both unsubscribe headers whole, short lines in the body, and no header from anybody's name."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from recsvc.offers.mail import MailRenderer
from recsvc.offers.sending.message import MessageBuilder
from tests.offers.conftest import NOW
from tests.offers.made_up import CAMPAIGN, made_up_campaign, made_up_offer

SERVICE = CAMPAIGN.replace("from_name", 'service_url = "https://r.shop.example"\nfrom_name')


def built(folder: Path, **changes: str) -> tuple[bytes, EmailMessage]:
    url = changes.pop("unsubscribe_url", "https://r.shop.example/u/" + "A" * 30)
    builder = MessageBuilder(made_up_campaign(folder, SERVICE), b"a secret of the tests", now=NOW)
    raw = builder.build(made_up_offer(unsubscribe_url=url, **changes)).raw
    return raw, message_from_bytes(raw, policy=policy.default)


@pytest.mark.parametrize("length", [10, 34, 36, 44, 200, 900])
def test_the_way_out_is_never_folded_or_encoded(tmp_path: Path, length: int) -> None:
    url = "https://r.shop.example/u/" + "A" * length
    raw, message = built(tmp_path, unsubscribe_url=url)
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert message["List-Unsubscribe"] == f"<{url}>"


def test_lines_of_the_body_are_short_and_all_lines_end_alike(tmp_path: Path) -> None:
    raw, _ = built(tmp_path)
    body = raw.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert raw.isascii()


def test_text_first_html_last_and_both_whole(tmp_path: Path) -> None:
    _, message = built(tmp_path)
    assert message.get_content_type() == "multipart/alternative"
    mail = MailRenderer(made_up_campaign(tmp_path, SERVICE), today=NOW.date()).render(
        made_up_offer(unsubscribe_url="https://r.shop.example/u/" + "A" * 30)
    )
    text, html = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == mail.text
    assert html.get_content().replace("\r\n", "\n") == mail.html
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "Vollmilch 3,8 %" in text.get_content()
    assert "Vollmilch 3,8 %" in html.get_content()
    assert message["From"] == '"Laden & Söhne" <angebote@shop.example>' or "Laden" in str(message["From"])
    assert message["List-Id"] == "<golden.shop.example>"
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", message["Message-ID"])


def test_a_message_id_is_the_mails_own_and_tells_nothing(tmp_path: Path) -> None:
    ids = [str(built(tmp_path, customer_id=name)[1]["Message-ID"]) for name in ("c1", "c1", "c2")]
    assert ids[0] == ids[1] != ids[2]
    assert "c1" not in ids[0].partition("@")[0][:3]


def test_no_name_makes_a_header(tmp_path: Path) -> None:
    campaign = made_up_campaign(tmp_path, SERVICE)
    offer = made_up_offer(unsubscribe_url="https://r.shop.example/u/A")
    evil = replace(offer, email="kim@mail.example\r\nBcc: x@y.example")
    with pytest.raises((ValueError, IndexError)):
        MessageBuilder(campaign, b"secret", now=NOW).build(evil)
    with pytest.raises(ValueError, match="the header Subject holds a line break"):
        MessageBuilder(campaign, b"secret", now=NOW).build(replace(offer, subject="Hi\r\nBcc: x@y.example"))


def test_domains_with_umlauts_are_written_as_dns_has_them(tmp_path: Path) -> None:
    _, message = built(tmp_path, email="kim@müller.example")
    assert message["To"] == "kim@xn--mller-kva.example"


def test_without_https_there_is_no_one_click(tmp_path: Path) -> None:
    campaign = made_up_campaign(tmp_path)
    raw = MessageBuilder(campaign, b"secret", now=NOW).build(made_up_offer(unsubscribe_url="http://x.example/u")).raw
    assert b"List-Unsubscribe-Post" not in raw
