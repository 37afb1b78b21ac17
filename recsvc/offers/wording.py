"""The words of a mail that depend on its reader: subject, preheader, greeting, headings."""

from functools import lru_cache
from string import Formatter

from recsvc.i18n import Translator
from recsvc.plain import one_line, shortened

FIELDS = ("first_name", "item")
LONGEST_ITEM = 40


def placeholders(text: str, key: str) -> set[str]:
    """The {fields} of a campaign's text; raises ValueError for one not of FIELDS, or for a brace without partner."""
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    found = set()
    try:
        parsed = list(Formatter().parse(text))
    except ValueError:
        raise ValueError(
            f"{key} is {text!r}, where a brace has no partner; write {known}, or {{{{ for a brace"
        ) from None
    for _, name, specification, conversion in parsed:
        if name is None:
            continue
        if name not in FIELDS or specification or conversion:
            written = name + (f"!{conversion}" if conversion else "") + (f":{specification}" if specification else "")
            raise ValueError(f"{key} has the placeholder {{{written}}}; known are {known}")
        found.add(name)
    return found


def fill(text: str, without_name: str, *, first_name: str | None, item: str) -> str:
    """The text for one reader, on one line; `without_name` where the text wants a name that is not known."""
    if "{" not in text and "}" not in text:
        return one_line(text)
    return _filled(text, without_name, first_name or "", item if "{item}" in text or "{item}" in without_name else "")


@lru_cache(maxsize=20_000)
def _filled(text: str, without_name: str, first_name: str, item: str) -> str:
    name = one_line(first_name)
    chosen = without_name if "{first_name}" in text and not name else text
    return one_line(chosen.format(first_name=name, item=shortened(item, LONGEST_ITEM)))


@lru_cache(maxsize=1_000)
def default_greeting(translator: Translator) -> tuple[str, str]:
    """With and without a name."""
    return translator.gettext("Hello {first_name},"), translator.gettext("Hello,")


@lru_cache(maxsize=1_000)
def default_heading(scenario: str, translator: Translator) -> str:
    """What a slot is called where the campaign does not say."""
    match scenario:
        case "again":
            return translator.gettext("Your favourites to reorder")
        case "complements":
            return translator.gettext("Goes well with your last purchase")
        case "similar":
            return translator.gettext("Similar to your last purchase")
        case "discover":
            return translator.gettext("Discover something new")
        case "popular":
            return translator.gettext("Popular right now")
        case _:
            return translator.gettext("Selected for you")
