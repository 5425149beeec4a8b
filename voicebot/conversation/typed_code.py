"""Digits typed as a code of the caller's app begins, where one may be typed: held back until they are all there, and checked.

They are in no event, no log and no record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from caller_id.ticket import CODE_LEAD
from dialogs.events import CodeResult, CodeTyped, KeyPressed
from voicebot.conversation.stage import TakeCode
from voicebot.tasks import cancelled

log = structlog.get_logger(__name__)

END, AGAIN = "#", "*"
MOST_DIGITS = 64
CHECK_S = 5.0
"""A code that is not checked by then cannot be."""


class TypedDigits:
    """The digits in a row that are being typed: they begin as a code does, so that every other key counts at once. `number`
    counts the keys, so that a pause belongs to the last of them.
    """

    def __init__(self, code_digits: int) -> None:
        """`code_digits`: so many a code has."""
        self.number = 0
        self._code_digits = code_digits
        self._digits = ""
        self._code = ""

    def __repr__(self) -> str:
        return f"TypedDigits({len(self._digits)})"

    @property
    def under_way(self) -> bool:
        """There are digits of which it is not known yet what they are."""
        return bool(self._digits)

    @property
    def row(self) -> bool:
        """More than one: no single key of a menu any more."""
        return len(self._digits) > 1

    def takes(self, key: str) -> bool:
        """Whether this key belongs to the row: it begins one, or with one under way is a digit, ends it, or begins it anew."""
        self.number += 1
        if not self._digits and key != CODE_LEAD:
            return False
        if key in (END, AGAIN):
            if self.row and key == AGAIN:
                self.forget()
                return True
            return self.row
        if len(self._digits) < MOST_DIGITS:
            self._digits += key
        return True

    def pause_s(self, code_s: float) -> float:
        """So long without a key, and the row is over: sooner where it may be whole."""
        return 2 * code_s if self.row and len(self._digits) < self._code_digits else code_s

    def settle(self) -> list[KeyPressed | CodeTyped]:
        """The row is over: what it was."""
        digits, self._digits = self._digits, ""
        if len(digits) <= 1:
            return [KeyPressed(digit) for digit in digits]
        whole = len(digits) == self._code_digits
        self._code = digits if whole else ""
        return [CodeTyped(whole)]

    def take_code(self) -> str:
        """The last code, which is forgotten here."""
        code, self._code = self._code, ""
        return code

    def forget(self) -> None:
        """Nobody wants them any more."""
        self._digits = self._code = ""


class CodeCheck:
    """At most one code of a call is being checked. However that ends, its result is told; after `close` nothing is."""

    def __init__(self, take: TakeCode | None, tell: Callable[[CodeResult], None]) -> None:
        """`take` spends a code; None: none is taken."""
        self._take = take
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    async def begin(self, code: str) -> None:
        """Have it checked."""
        await self.close()
        self._task = asyncio.create_task(self._see_through(code), name="code")

    async def close(self) -> None:
        """The call is over."""
        task, self._task = self._task, None
        await cancelled(task)

    async def _see_through(self, code: str) -> None:
        self._tell(await self._result(code))

    async def _result(self, code: str) -> CodeResult:
        if self._take is None or not code:
            return CodeResult(reason="unavailable")
        try:
            async with asyncio.timeout(CHECK_S):
                return await self._take(code)
        except Exception as error:  # whatever ails the check: the call goes on without
            log.error("a code cannot be checked", code="ticket.broke", error=type(error).__name__)
            return CodeResult(reason="unavailable")
