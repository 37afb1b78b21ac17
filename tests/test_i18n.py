"""Languages: negotiation, formats, and a German text for every English one."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import recsvc
from recsvc.i18n import LANGUAGES, LOCALE_DIR, format_date, format_price, translator
from recsvc.offers.mail import MESSAGE, TEMPLATES

PACKAGE = Path(recsvc.__file__).parent
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None}


def messages_in_use() -> Iterator[tuple[str | tuple[str, ...], str]]:
    """(message, file) of the code, of Jinja templates, and of [[texts]] in mail templates."""
    for path in sorted(PACKAGE.rglob("*")):
        method = {".py": "python", ".html": "jinja2.ext:babel_extract", ".j2": "jinja2.ext:babel_extract"}.get(
            path.suffix
        )
        if method is not None:
            with path.open("rb") as source:
                for _, message, _, _ in extract(method, source, keywords=KEYWORDS, options={"encoding": "utf-8"}):
                    yield message, path.name
    for path in sorted(TEMPLATES.iterdir()):
        for match in MESSAGE.finditer(path.read_text(encoding="utf-8")):
            yield match[1], path.name


def placeholders(text: str) -> set[str]:
    braced = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    return braced | set(re.findall(r"%\(\w+\)s|%[sd]", text))


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_message_in_use_is_translated(language: str) -> None:
    with (LOCALE_DIR / language / "LC_MESSAGES" / "recsvc.po").open("rb") as po:
        catalogue = read_po(po, locale=language)
    in_use = dict(messages_in_use())
    assert "You buy this regularly" in in_use
    assert "Unsubscribe" in in_use
    for message, file in in_use.items():
        singular = message if isinstance(message, str) else message[0]
        translated = catalogue.get(singular)
        assert translated is not None, f"{file}: {singular!r} has no text in {language}"
        assert not translated.fuzzy, f"{singular!r} is marked fuzzy in {language}"
        originals = [message] if isinstance(message, str) else list(message)
        forms = [translated.string] if isinstance(translated.string, str) else list(translated.string or ())
        assert len(forms) == len(originals)
        for original, form in zip(originals, forms, strict=True):
            assert form.strip(), f"{original!r} is empty in {language}"
            assert placeholders(form) == placeholders(original), f"{original!r} has other placeholders in {language}"
    known = {message if isinstance(message, str) else message[0] for message in in_use}
    ids = [message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id]
    unused = [singular for singular in ids if singular not in known]
    assert unused == []


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("DE-de", "de"),
        ("de-XX", "de"),
        ("de-AT-x-y-z", "de"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("", "en"),
        ("../../etc", "en"),
        ('de@"><script>', "de"),
    ],
)
def test_the_nearest_language_is_spoken(locale: str, language: str) -> None:
    assert translator(locale).language == language
    assert re.fullmatch(r"[a-zA-Z_]+", translator(locale).locale)


@given(st.text(max_size=40))
def test_any_text_as_locale_gives_a_language(locale: str) -> None:
    assert translator(locale).language in LANGUAGES


def test_prices_are_written_as_the_locale_writes_them() -> None:
    assert format_price(1234.5, "EUR", "de") == "1.234,50\xa0€"
    assert format_price(1234.5, "EUR", "de-AT") == "€\xa01.234,50"
    assert format_price(1234.5, "EUR", "en") == "€1,234.50"
    assert format_price(500, "JPY", "en") == "¥500"
    assert format_price(3, "", "de") == "3,00"


def test_dates_are_written_as_the_locale_writes_them() -> None:
    assert format_date(date(2026, 3, 1), "de") == "1. März 2026"
    assert format_date(date(2026, 3, 1), "en-GB") == "1 March 2026"
    assert format_date(date(2026, 3, 1), "xx") == "March 1, 2026"


def test_plural_forms_follow_the_number() -> None:
    german = translator("de")
    assert german.ngettext("one thing", "many things", 1) == "one thing"
    assert german.ngettext("one thing", "many things", 2) == "many things"
