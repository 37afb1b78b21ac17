"""Tokens of links: they come back as they went in, and no others are taken."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from models.strings import LONGEST_ID
from recsvc.customers.fields import MOST_ID_BYTES
from recsvc.offers.tokens import MailTokens, last_click_day

TOKENS = MailTokens(b"a secret of the tests")
IDS = st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable())


@given(IDS)
def test_an_id_comes_back_and_cannot_be_read(customer_id: str) -> None:
    token = TOKENS.unsubscribe(customer_id)
    assert TOKENS.read_unsubscribe(token) == customer_id
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert len(customer_id) < 4 or customer_id.encode() not in raw


@given(IDS, st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_token_is_refused(customer_id: str, place: int, byte: int) -> None:
    token = TOKENS.unsubscribe(customer_id)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    before, raw[place % len(raw)] = raw[place % len(raw)], byte
    if before != byte:
        with pytest.raises(InputError):
            TOKENS.read_unsubscribe(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@pytest.mark.parametrize("token", ["", "a", "ä", "AAAA", "A" * 5000, "../../etc/passwd", "%00"])
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(InputError, match="this link is damaged"):
        TOKENS.read_unsubscribe(token)


def test_a_token_is_good_for_its_purpose_and_its_secret_alone() -> None:
    click = TOKENS.click("spring", "", "c1", "milk", "picks", 3, last_click_day(datetime(2026, 3, 1, tzinfo=UTC)))
    read = TOKENS.read_click(click)
    assert (read.campaign_id, read.customer_id, read.item_id, read.slot, read.place) == (
        "spring", "c1", "milk", "picks", 3,
    )  # fmt: skip
    for other in (TOKENS.read_unsubscribe, MailTokens(b"another secret").read_click):
        with pytest.raises(InputError):
            other(click)


def test_a_code_is_the_customers_own() -> None:
    code = TOKENS.code("spring10", "spring", "", "c1")
    assert len(code) == 10
    assert code == TOKENS.code("spring10", "spring", "", "c1")
    assert code != TOKENS.code("spring10", "spring", "", "c2")


def test_links_of_the_previous_secret_still_work_and_none_are_made_with_it() -> None:
    renewed = MailTokens(b"a newer secret of the tests", b"a secret of the tests")
    click = TOKENS.click("spring", "", "c1", "milk", "picks", 3, 20_000)
    assert renewed.read_unsubscribe(TOKENS.unsubscribe("c1")) == "c1"
    assert renewed.read_click(click).item_id == "milk"
    assert renewed.unsubscribe("c1") == MailTokens(b"a newer secret of the tests").unsubscribe("c1")
    with pytest.raises(InputError):
        MailTokens(b"a newer secret of the tests", b"some other secret").read_click(click)


def test_the_longest_ids_fit() -> None:
    longest = "\N{GREEK SMALL LETTER ALPHA}" * (MOST_ID_BYTES // 2)
    assert len(f"List-Unsubscribe: <https://{'s' * 60}.example/u/{TOKENS.unsubscribe(longest)}>") <= 998
    click = TOKENS.click("c" * 64, "e" * 64, longest, "\N{BREAD}" * LONGEST_ID, "s" * 64, 16, 20_000)
    assert TOKENS.read_click(click).customer_id == longest
