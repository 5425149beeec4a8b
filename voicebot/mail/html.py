"""The text of an HTML mail: what a reader sees, in lines; quoted mails with the mark of quotation. Never raises.

No browser's parser: mails come from strangers, and the one of the standard library takes hours for some of what they can send.
Each character here is looked at a few times at most.
"""

from __future__ import annotations

import re
from html import unescape

from voicebot.mail.limits import MOST_HTML

_MOST_OPEN = 200
_SILENT = frozenset("script style head title template noscript svg math object iframe textarea select".split())
_BLOCKS = frozenset("p div br tr li ul ol table h1 h2 h3 h4 h5 h6 hr section article header footer pre address dl dt dd".split())
_APART = frozenset("p h1 h2 h3 h4 h5 h6 table ul ol blockquote".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_QUOTES = re.compile(r"gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote|divRplyFwdMsg|appendonsend")
_HIDDEN = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|font-size\s{0,9}:\s{0,9}0(?![.\d])", re.IGNORECASE
)
_NOT_SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|<[!?][^<>]*>?", re.DOTALL)
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*+)(?P<attributes>[^<>]*+)>")
_LONG_REFERENCE = re.compile(r"&#(?:\d{8,}|[xX][0-9A-Fa-f]{7,});?")
_SPACES = re.compile(r"\s+")


def text_of(html: str) -> str:
    """The text, paragraphs apart by an empty line."""
    reader, position = _Reader(), 0
    html = _NOT_SHOWN.sub("", html[:MOST_HTML].replace("\0", ""))
    for tag in _TAG.finditer(html):
        reader.words(html[position : tag.start()])
        if tag["end"]:
            reader.ends(tag["name"].lower())
        else:
            reader.begins(tag["name"].lower(), tag["attributes"])
        position = tag.end()
    reader.words(html[position:])
    return reader.text()


class _Reader:
    def __init__(self) -> None:
        self._lines = [[""]]
        self._open: list[tuple[str, str]] = []
        """Elements that change how what is in them is read, and those of the same names in them: silent, quoted or nothing."""

    def begins(self, name: str, attributes: str) -> None:
        """A line begins with a block; what is quoted or unseen is remembered until its end."""
        if name in _BLOCKS or name == "blockquote":
            self._break(apart=name in _APART)
        if name in _VOID or len(self._open) >= _MOST_OPEN or attributes.endswith("/"):
            return
        if name in _SILENT or _HIDDEN.search(attributes):
            self._open.append((name, "silent"))
        elif name == "blockquote" or _QUOTES.search(attributes):
            self._open.append((name, "quoted"))
        elif any(name == each for each, _ in self._open):
            self._open.append((name, ""))

    def ends(self, name: str) -> None:
        """See `begins`."""
        if name in _BLOCKS or name == "blockquote":
            self._break(apart=name in _APART)
        at = next((at for at in reversed(range(len(self._open))) if self._open[at][0] == name), None)
        if at is not None:
            del self._open[at:]

    def words(self, written: str) -> None:
        """As they are seen: white space is one space."""
        kinds = {kind for _, kind in self._open}
        shown = _SPACES.sub(" ", unescape(_LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", written)))
        if not shown or "silent" in kinds:
            return
        line = self._lines[-1]
        if line == [""]:
            shown = shown.lstrip()
            if shown:
                self._lines[-1] = [f"> {shown}" if "quoted" in kinds else shown]
        else:
            line.append(shown)

    def text(self) -> str:
        """What was read."""
        lines = "\n".join("".join(line).rstrip() for line in self._lines)
        return re.sub(r"\n{3,}", "\n\n", lines).strip()

    def _break(self, *, apart: bool) -> None:
        if self._lines[-1] != [""]:
            self._lines.append([""])
        if apart and len(self._lines) > 1 and self._lines[-2] != [""]:
            self._lines.append([""])
