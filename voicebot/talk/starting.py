"""How a call in text begins: the options of the command or of a script's header, read against the bundle and the directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from caller_id.directory import NOBODY, Customer, agreed
from caller_id.identify import known_caller
from caller_id.phone_numbers import parse_number
from caller_id.types import Caller, NumberTrust, Segment
from dialogs.data.bundle import Bundle
from dialogs.events import CallStarted
from voicebot.talk.script import CallOptions, Script, TalkError

_A_CUSTOMERS_NUMBER = "+48600000000"
_MAIN = "main"
_T = TypeVar("_T")

Find = Callable[[str], Sequence[Customer]]
"""The customers of an E.164 number. May raise DirectoryError."""


class Starter:
    """Makes the first event of calls. `now` is the time of a call that names none; `warn` is told what is odd and no mistake."""

    def __init__(self, bundle: Bundle, find: Find | None, *, now: datetime, warn: Callable[[str], None]) -> None:
        self._bundle = bundle
        self._find = find
        self._now = bundle.calendar.local(now)
        self._warn = warn

    def start(self, options: CallOptions, script: Script | None = None) -> tuple[CallStarted, datetime]:
        """The event and its time. Raises TalkError, with the script's line where the option stands in its header."""

        def read(option: str, reader: Callable[[], _T]) -> _T:
            try:
                return reader()
            except TalkError as error:
                raise (script.explain(option, error) if script is not None else error) from error

        line = read("line", lambda: self._line(options.line))
        language = read("lang", lambda: self._language(options.lang))
        caller = read("segment", lambda: self._caller(options.caller, options.segment))
        return CallStarted(caller, line=line, language=language), read("at", lambda: self._time(options.at))

    def _line(self, wanted: str | None) -> str:
        lines = self._bundle.routes.lines
        line = wanted or _MAIN
        if line not in lines:
            raise TalkError(f"there is no line {line!r}; lines are {', '.join(lines)}")
        return line

    def _language(self, wanted: str | None) -> str | None:
        rule = self._bundle.routes.languages
        known = (*self._bundle.prompts.languages, *rule.short, *rule.same_as)
        if wanted is not None and wanted not in known:
            raise TalkError(f"there is no language {wanted!r} in the bundle; languages are {', '.join(known)}")
        return wanted

    def _caller(self, number: str | None, segment: str | None) -> Caller:
        if segment is not None and segment not in list(Segment):
            raise TalkError(f"there is no segment {segment!r}; segments are {', '.join(Segment)}")
        if number is None and segment is not None:
            number = _A_CUSTOMERS_NUMBER  # a segment is a hint that comes with a number: who withholds theirs has none
        caller = caller_for(number, self._find, Segment(segment) if segment else None)
        if number is not None and caller.number is None and not caller.withheld:
            self._warn(f"{number!r} is no telephone number: the caller has none. Write it like +48601000001.")
        return caller

    def _time(self, at: str | None) -> datetime:
        if at is None:
            return self._now
        try:
            when = datetime.fromisoformat(at)
        except ValueError as error:
            raise TalkError(f"at {at!r} is no time; write it like 2026-11-21T03:10") from error
        return when if when.tzinfo else when.replace(tzinfo=self._bundle.calendar.zone)


def caller_for(number: str | None, find: Find | None, segment: Segment | None = None) -> Caller:
    """A caller whose number the trunk vouches for, with the directory's hints; `segment` overrides the hint. None is withheld;
    what is no number is a caller without one, as on the telephone.
    """
    read = parse_number(number or "anonymous")
    customer = agreed(find(read.e164)) if find is not None and read.e164 is not None else NOBODY
    caller = known_caller(read, NumberTrust.NONE if read.receives_only else NumberTrust.TRUNK, customer)
    return replace(caller, segment=segment) if segment is not None else caller
