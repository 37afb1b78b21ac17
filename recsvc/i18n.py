"""Languages: translated texts, and prices and dates as a locale writes them.

Texts are English in the code; `locale/<language>/LC_MESSAGES/recsvc.po` holds the others and is read when a language is
first used, so there is nothing to compile. A locale such as `de-AT` takes the texts of `de` and the formats of Austria.
"""

import gettext as stdlib_gettext
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date as babel_format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.numbers import format_percent as babel_format_percent

LOCALE_DIR = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"
LANGUAGES = (SOURCE_LANGUAGE, *sorted(path.parent.parent.name for path in LOCALE_DIR.glob("*/LC_MESSAGES/recsvc.po")))


@dataclass(frozen=True, eq=False)
class Translator:
    """The texts of one language; `locale` (such as 'de_AT') is what prices and dates are written in."""

    language: str
    locale: str
    translations: stdlib_gettext.NullTranslations

    def gettext(self, message: str) -> str:
        """The message in this language; the message itself where no translation exists."""
        return self.translations.gettext(message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The form of the message that goes with n things."""
        return self.translations.ngettext(singular, plural, n)


@lru_cache(maxsize=256)
def translator(locale: str) -> Translator:
    """The translator nearest to a locale such as 'de', 'de-AT' or 'de_AT'; English where the language is unknown."""
    known = _known_locale(locale)
    return Translator(known.language, str(known), _translations(known.language))


@lru_cache(maxsize=100_000)
def format_price(amount: float, currency: str, locale: str) -> str:
    """'12,50 €', '€12.50': an amount in units of the currency; without a currency the bare number with two decimals."""
    if not currency:
        return format_decimal(amount, format="#,##0.00", locale=_known_locale(locale))
    return format_currency(amount, currency, locale=_known_locale(locale))


@lru_cache(maxsize=10_000)
def format_percent(percent: int, locale: str) -> str:
    """'16 %', '16%'."""
    return babel_format_percent(percent / 100, format=None, locale=_known_locale(locale))


def format_date(day: date, locale: str) -> str:
    """'1. März 2026', 'March 1, 2026'."""
    return babel_format_date(day, format="long", locale=_known_locale(locale))


@lru_cache(maxsize=256)
def _known_locale(locale: str) -> Locale:
    """The locale, without the territory where Babel does not know it, or English where there is no translation."""
    for name in (locale, locale.replace("_", "-").partition("-")[0]):
        try:
            known = Locale.parse(name.replace("_", "-").lower(), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        if known.language in LANGUAGES:
            return Locale(known.language, known.territory, known.script)
    return Locale(SOURCE_LANGUAGE)


@lru_cache
def _translations(language: str) -> stdlib_gettext.NullTranslations:
    if language == SOURCE_LANGUAGE:
        return stdlib_gettext.NullTranslations()
    with (LOCALE_DIR / language / "LC_MESSAGES" / "recsvc.po").open("rb") as po:
        catalogue = read_po(po, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return stdlib_gettext.GNUTranslations(compiled)
