"""Text from outside, made safe to put on one line: a mail header, a table cell, a heading."""

import re

# Control characters, line and paragraph separators, and the marks that turn the direction of writing.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def one_line(text: str) -> str:
    """The text without control characters, its white space as single spaces, nothing at the ends."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(_UNSEEN.sub(" ", text).split())


def shortened(text: str, longest: int) -> str:
    """On one line; where it is longer than `longest` characters, cut between two words and ended with '…'."""
    text = one_line(text)
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:-–") + "…"
