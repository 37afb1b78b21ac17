"""Texts, numbers and dates of the report in its reader's language."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LOCALE_DIR = Path(__file__).parent / "locale"
SOURCE_LANGUAGE = "en"
LANGUAGES = (SOURCE_LANGUAGE, *sorted(path.stem for path in LOCALE_DIR.glob("*.po")))
NOTHING = "–"


@dataclass(frozen=True, eq=False)
class Wording:
    """One language: `locale` writes numbers and dates, `texts` holds what is not English."""

    locale: Locale
    texts: Mapping[str, str]

    @classmethod
    def of(cls, locale: str) -> "Wording":
        """The nearest language to a locale such as 'de', 'de-AT' or 'de_AT'; English where there is none."""
        try:
            known = Locale.parse(locale.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            known = Locale(SOURCE_LANGUAGE)
        if known.language not in LANGUAGES:
            known = Locale(SOURCE_LANGUAGE)
        return cls(known, _texts(known.language))

    def gettext(self, message: str) -> str:
        """The message in this language, or as it is."""
        return self.texts.get(message, message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """English and German have two forms, and both use the first for 1 alone."""
        return self.gettext(singular if n == 1 else plural)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """0.1234 → '12.3%', '12,3 %'; '–' for what does not exist."""
        if share is None or not math.isfinite(share):
            return NOTHING
        pattern = self.locale.percent_formats[None].pattern
        places = "0." + "0" * digits if digits else "0"
        return _minus(format_percent(share, format=pattern.replace("#,##0", f"#,##{places}"), locale=self.locale))

    def number(self, value: float | None, digits: int = 0) -> str:
        """1234.5 → '1,234.5', '1.234,5'; '–' for what does not exist."""
        if value is None or not math.isfinite(value):
            return NOTHING
        places = "0." + "0" * digits if digits else "0"
        return _minus(format_decimal(value, format=f"#,##{places}", locale=self.locale))

    def day(self, iso: str) -> str:
        """'2017-10-28' → 'Oct 28, 2017', '28.10.2017'."""
        return format_date(date.fromisoformat(iso), format="medium", locale=self.locale)


def _minus(text: str) -> str:
    return text.replace("-", "−")


@lru_cache
def _texts(language: str) -> dict[str, str]:
    if language == SOURCE_LANGUAGE:
        return {}
    with (LOCALE_DIR / f"{language}.po").open("rb") as po:
        return {str(message.id): str(message.string) for message in read_po(po, locale=language) if message.string}
