"""What is wrong with the HTML of a mail. Mail programs repair nothing alike, so nothing is left for them to repair."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
# What a paragraph cannot hold: browsers end it there, others do not.
BLOCKS = frozenset(
    ["blockquote", "center", "div", "dl", "form", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "section",
     "table", "ul"]
)  # fmt: skip
INSIDE = {
    "li": ("ul", "ol"), "tr": ("table", "tbody", "thead", "tfoot"), "td": ("tr",), "th": ("tr",), "tbody": ("table",),
    "thead": ("table",), "tfoot": ("table",),
}  # fmt: skip
HOLDS_NO_TEXT = ("table", "tbody", "thead", "tfoot", "tr")
FORBIDDEN = frozenset(
    ["script", "iframe", "object", "embed", "form", "input", "button", "svg", "video", "audio", "link", "base"]
)
# What a style sheet may say outside of media queries: resets of plain tags, and what single mail programs ask for.
_RESET = re.compile(
    r"(?::root|#outlook a|[a-z][a-z0-9]*|\.mj-outlook-group-fix|\.moz-text-html .*|\[data-ogs[cb]\] .*)"
)
# What Outlook alone reads, and what all but Outlook read.
_OUTLOOK = re.compile(r"<!--\[if (?!!)[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)
_OTHERS = re.compile(r"<!--\[if !mso[^\]]*\]><!-->(.*?)<!--<!\[endif\]-->", re.DOTALL)


def markup_faults(html: str) -> list[str]:
    """Each fault in a sentence, as Outlook sees the mail and as all others do; none where all is well."""
    others = _OUTLOOK.sub("", _OTHERS.sub(r"\1", html))
    outlook = _OUTLOOK.sub(r"\1", _OTHERS.sub("", html))
    found = list(_Reader.read(others))
    return found + [f"for Outlook: {fault}" for fault in _Reader.read(outlook) if fault not in found]


def loose_styles(html: str) -> list[str]:
    """Selectors of the styles that would be missed where a mail program drops style sheets, as some do: of rules beyond
    media queries and resets."""
    reader = _Reader()
    reader.feed(_OTHERS.sub(r"\1", html))
    return [name for sheet, within_media in reader.styles if not within_media for name in _loose(sheet)]


class _Reader(HTMLParser):
    """Reads without forgiving anything: what is opened is closed, in the order in which it was opened."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.styles: list[tuple[str, bool]] = []
        self._open: list[str] = []
        self._seen: set[str] = set()
        self._title = ""

    @classmethod
    def read(cls, html: str) -> Iterator[str]:
        reader = cls()
        reader.feed(html)
        reader.close()
        yield from reader.faults
        yield from (f"<{tag}> is never closed" for tag in reader._open)
        yield from (f"there is no <{tag}>" for tag in ("html", "head", "title", "body") if tag not in reader._seen)
        if "title" in reader._seen and not reader._title.strip():
            yield "<title> is empty"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look_at(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Outlook's own tags, such as <o:AllowPNG/>, are XML.
        if tag not in VOID and ":" not in tag:
            self.faults.append(f"<{tag}/> is not how HTML closes a tag")
        self._look_at(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            self.faults.append(f"</{tag}> closes what holds nothing")
        elif self._open and self._open[-1] == tag:
            self._open.pop()
        elif tag in self._open:
            while self._open[-1] != tag:
                self.faults.append(f"<{self._open.pop()}> is not closed before </{tag}>")
            self._open.pop()
        else:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "title":
            self._title += data
        elif inside == "style":
            sheet, within_media = self.styles.pop()
            self.styles.append((sheet + data, within_media))
        elif inside in HOLDS_NO_TEXT and data.strip():
            self.faults.append(f"text right in <{inside}>: {data.strip()[:30]!r}")

    def _look_at(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside, named = self._open[-1] if self._open else "", dict(attrs)
        self._seen.add(tag)
        if len(named) < len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag in INSIDE and inside not in INSIDE[tag]:
            self.faults.append(f"<{tag}> is in <{inside}>")
        if inside in HOLDS_NO_TEXT and inside not in INSIDE.get(tag, ()):
            self.faults.append(f"<{tag}> is right in <{inside}>")
        if tag in BLOCKS and "p" in self._open:
            self.faults.append(f"<{tag}> is in <p>")
        if tag == "a" and "a" in self._open:
            self.faults.append("a link is in a link")
        if tag in FORBIDDEN or any(name.startswith("on") for name in named):
            self.faults.append(f"<{tag}> has no place in a mail" if tag in FORBIDDEN else f"<{tag}> runs a script")
        if tag == "html" and not named.get("lang"):
            self.faults.append("<html> has no lang")
        if tag == "img" and named.get("alt") is None:
            self.faults.append("an image has no alt")
        if tag == "a" and not named.get("href"):
            self.faults.append("a link leads nowhere")
        if tag == "style":
            self.styles.append(("", "media" in named))


def _loose(sheet: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, character in enumerate(sheet):
        if character == "{":
            head = sheet[start:at].strip()
            if depth == 0 and not head.startswith("@"):
                yield from (one.strip() for one in head.split(",") if not _RESET.fullmatch(one.strip()))
            depth += 1
        elif character == "}":
            depth, start = max(depth - 1, 0), at + 1
