"""Links: only to the web, marked with the campaign, nothing else changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.offers.links import _PLAIN, LONGEST_URL, product_link, web_url, with_parameters


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://shop.example/p/1?a=b#c", "https://shop.example/p/1?a=b#c"),
        (" HTTP://Shop.Example:8080/x ", "http://shop.example:8080/x"),
        ("https://müller.example/Käse?q=ä", "https://xn--mller-kva.example/K%C3%A4se?q=%C3%A4"),
        ('https://shop.example/"><script>', "https://shop.example/%22%3E%3Cscript%3E"),
        ("https://shop.example/a b%20c", "https://shop.example/a%20b%20c"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//shop.example/x", ""),
        ("/p/1", ""),
        ("https://", ""),
        ("https://user:secret@shop.example/", ""),
        ("https://shop.example:port/", ""),
        ("https://[broken/", ""),
        ('https://shop".example/', ""),
        ("https://shop.example/" + "x" * 2000, ""),
        ("", ""),
    ],
)
def test_only_links_to_the_web_are_kept(text: str, url: str) -> None:
    assert web_url(text) == url


@given(st.text(max_size=200) | st.text(max_size=100).map(lambda text: f"https://shop.example/{text}"))
def test_a_link_can_stand_in_an_attribute_and_in_a_line(text: str) -> None:
    url = web_url(text)
    assert url == "" or url.startswith(("http://", "https://"))
    assert not set(url) & set('"<>\\ \r\n\t`')
    assert url.isascii()
    assert web_url(url) == url


def test_parameters_are_added_and_replaced() -> None:
    marks = {"utm_source": "news letter", "utm_content": "a&b"}
    assert with_parameters("https://s.example/p?x=1&utm_source=old&y#top", marks) == (
        "https://s.example/p?x=1&y&utm_source=news+letter&utm_content=a%26b#top"
    )
    assert with_parameters("https://s.example/p?x=1", {}) == "https://s.example/p?x=1"


def test_an_item_without_a_link_gets_the_pattern_and_else_the_shop() -> None:
    shop, pattern = "https://s.example/", "https://s.example/p/{item_id}"
    assert product_link("https://s.example/own", "1", pattern, shop) == "https://s.example/own"
    assert product_link("javascript:x", "a/b c?", pattern, shop) == "https://s.example/p/a%2Fb%20c%3F"
    assert product_link("", "1", "", shop) == shop


@given(st.from_regex(_PLAIN, fullmatch=True))
def test_the_short_look_at_a_link_sees_what_the_long_one_does(url: str) -> None:
    assert web_url(url) == (url if len(url) <= LONGEST_URL else "")
    # A fragment makes it take the link apart.
    assert web_url(f"{url}#x") in (f"{url}#x", "")


def test_the_short_way_to_mark_a_link_marks_it_as_the_long_one_does() -> None:
    marks = {"utm_source": "a b", "utm_term": "ä&"}
    assert with_parameters("https://s.example/p", marks) == with_parameters("https://s.example/p?", marks)
