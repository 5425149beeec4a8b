"""What a script's lines mean, and what its header says of the caller.

A script's lines are what the caller says; in brackets what else they do: `[key 1]` or `[keys 123#]`, `[silence 8]` (seconds;
without a figure until the bot speaks again), `[interrupt] text`, `[hangup]`. An empty line is nothing, and so is what begins with
# (a line, or the rest after a bracket). A caller whose script has ended stays on the line and says nothing more, until it ends.

A file may begin with a header that says who calls, and when: YAML between two lines of ---, or one line of the command's options.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, cast

MARKS = "[key 1], [keys 123#], [silence 8], [interrupt] text, [hangup]"
_FENCE = "---"
_COMMENT = re.compile(r"(?<=\])\s+#.*$")
_BRACKET = re.compile(r"^\[\s*(key|keys|silence|interrupt|hangup)\b\s*([^\]]*)\]\s*(.*)$", re.IGNORECASE)
_SETTING = re.compile(r"""^([A-Za-z_]+)\s*:\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:(?<=\s)#.*)?$""")


class TalkError(ValueError):
    """A script's line cannot be followed; the message says which, and what to write."""

    code = "talk.script"


TurnKind = Literal["say", "key", "silence", "interrupt", "hangup"]


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """One thing the caller does."""

    kind: TurnKind
    value: str = ""
    """The words, the keys, or the seconds (\"\": until the bot speaks again)."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Who calls, and when: the options of the command, as they were written. None is for the command's own default."""

    caller: str | None = None
    lang: str | None = None
    at: str | None = None
    line: str | None = None
    segment: str | None = None

    def over(self, others: CallOptions) -> CallOptions:
        """These, and the others' where these say nothing."""
        return CallOptions(*(getattr(self, each.name) or getattr(others, each.name) for each in fields(self)))


OPTIONS = tuple(each.name for each in fields(CallOptions))


@dataclass(frozen=True, slots=True)
class Script:
    """A script file that was read."""

    path: Path
    turns: tuple[CallerTurn, ...]
    options: CallOptions = CallOptions()
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each option that the header gives."""

    def explain(self, option: str, error: TalkError) -> TalkError:
        """The error of an option's value, with the line it stands in."""
        return TalkError(f"{self.path}:{self.lines[option]}: {error}") if option in self.lines else error


def parse_turn(line: str, where: str = "line") -> CallerTurn | None:
    """A script's line; None for an empty one or a comment. Raises TalkError."""
    text = _COMMENT.sub("", line.lstrip("\ufeff").strip())
    if not text or text.startswith("#"):
        return None
    if not text.startswith("["):
        return CallerTurn("say", text)
    match = _BRACKET.match(text)
    if match is None:
        raise TalkError(f"{where}: {text!r} is no mark. Write one of {MARKS}")
    kind, inside, after = match.group(1).lower(), match.group(2).strip(), match.group(3).strip()
    if kind == "interrupt":
        return CallerTurn("interrupt", " ".join(filter(None, (inside, after))))
    if after:
        raise TalkError(f"{where}: put {after!r} on a line of its own")
    if kind in ("key", "keys") and not re.fullmatch(r"[0-9*#]+", inside):
        raise TalkError(f"{where}: {inside!r} are no keys; write [key 1], with 0-9, * or #")
    if kind == "silence":
        inside = re.sub(r"\s*s(ec(onds?)?)?$", "", inside).replace(",", ".")
        if not re.fullmatch(r"(\d+(\.\d+)?)?", inside):
            raise TalkError(f"{where}: {inside!r} are no seconds; write [silence 8]")
    return CallerTurn("key" if kind == "keys" else cast("TurnKind", kind), inside)  # _BRACKET matches no other word


def parse_script(path: Path) -> Script:
    """The header and the turns of a script file. Raises TalkError with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TalkError(f"{path}: cannot be read ({error.strerror}). Give the path of a text file") from error
    except UnicodeDecodeError as error:
        raise TalkError(f"{path}: is not UTF-8. Save it as UTF-8") from error
    lines = text.split("\n")
    header, first = _header(lines, f"{path}:")
    turns = tuple(turns_of(lines[first:], f"{path}:", first + 1))
    options = CallOptions(**{name: value for name, (value, _) in header.items()})
    return Script(path, turns, options, {name: line for name, (_, line) in header.items()})


def turns_of(lines: Iterable[str], where: str, first: int = 1) -> Iterator[CallerTurn]:
    """The turns of these lines, each as it is asked for; `where` goes before a line's number, of which `first` is the first.

    Raises TalkError.
    """
    for number, line in enumerate(lines, first):
        turn = parse_turn(line, f"{where}{number}")
        if turn is not None:
            yield turn


_Header = dict[str, tuple[str, int]]  # an option's value and line


def _header(lines: Sequence[str], where: str) -> tuple[_Header, int]:
    """The options at the top, and the number of lines they take; none when the file begins with what the caller does."""
    at = next((place for place, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines))
    first = lines[at].strip() if at < len(lines) else ""
    if first == _FENCE:
        return _fenced(lines, at, where)
    if first.startswith("--"):
        return _as_on_the_command_line(first, at + 1, where), at + 1
    return {}, 0


def _fenced(lines: Sequence[str], at: int, where: str) -> tuple[_Header, int]:
    end = next((place for place in range(at + 1, len(lines)) if lines[place].strip() == _FENCE), None)
    if end is None:
        raise TalkError(f"{where}{at + 1}: the header has no end; close it with a line of {_FENCE}")
    header: _Header = {}
    for number, line in enumerate(lines[at + 1 : end], at + 2):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _SETTING.match(text)
        if match is None:
            raise TalkError(f"{where}{number}: {text!r} is no option; write it like lang: pl")
        _add(header, match[1], match[2] or match[3] or match[4] or "", number, where)
    return header, end + 1


def _as_on_the_command_line(text: str, number: int, where: str) -> _Header:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TalkError(f"{where}{number}: {error}; close every quotation mark") from error
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    header: _Header = {}
    if len(words) % 2:
        raise TalkError(f"{where}{number}: {words[-1]} has no value; write it like --lang pl")
    for name, value in zip(words[::2], words[1::2], strict=True):
        _add(header, name.removeprefix("--"), value, number, where)
    return header


def _add(header: _Header, name: str, value: str, number: int, where: str) -> None:
    if name not in OPTIONS:
        raise TalkError(f"{where}{number}: there is no option {name!r}; options are {', '.join(OPTIONS)}")
    if name in header:
        raise TalkError(f"{where}{number}: {name} is given twice")
    if value:
        header[name] = (value, number)
