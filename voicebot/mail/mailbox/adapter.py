"""Gives each mail of a mailbox to the API, again until it has it, then marks it. The API takes the same mail once: a crash
between the two loses nothing and doubles nothing.
"""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import Awaitable, Callable

import httpx
import structlog

from voicebot.errors import ConfigError
from voicebot.handoff.webhook import backoff
from voicebot.mail.mailbox.imap import Mailbox
from voicebot.mail.mailbox.mime import read_mail
from voicebot.pace import Pace

_LONGEST_TRY = 6
_REFUSED = frozenset({400, 409, 413, 422})
"""The API will never take this mail."""
_TOO_SLOW = 504
_THIS_MAIL = frozenset({500, _TOO_SLOW})
"""It may be this mail that the API stumbles over: others must not wait for it for ever."""
_TRIES = 3

log = structlog.get_logger(__name__)


class MailboxAdapter:
    """`run` reads the mailbox until it is cancelled."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        open_mailbox: Callable[[], Mailbox],
        *,
        look_every_s: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`client` has the base address of the API and the token. `open_mailbox` connects; it blocks."""
        self._client = client
        self._open = open_mailbox
        self._look_every_s = look_every_s
        self._pause = pause
        self._refused: set[str] = set()
        self._complained: set[str] = set()
        """UIDs of this connection of which the log has told that the server refuses something."""
        self._failures = 0
        """Of the mailbox, since it was last looked through."""

    async def run(self) -> None:
        """Connect again and again. Raises ConfigError when the first connection shows what a person must mend."""
        ever = False
        while True:
            try:
                mailbox = await asyncio.to_thread(self._open)
                ever = True
                await self._follow(mailbox)
            except ConfigError as error:
                if not ever:
                    raise
                log.error("the mailbox refuses us; trying again", code="mail.refused_us", why=str(error))
            except Exception as error:  # imaplib raises whatever it stumbles over in what a broken server sends
                log.warning("the mailbox cannot be read; trying again", code="mail.mailbox", why=type(error).__name__)
            await self._pause(backoff(min(self._failures, _LONGEST_TRY)))
            self._failures += 1

    async def look(self, mailbox: Mailbox) -> int:
        """Hand on what waits; how many mails were. A mail that the server does not give or mark keeps no other waiting. Raises
        OSError and imaplib.IMAP4.error when the connection is of no more use.
        """
        handed = 0
        uids = await asyncio.to_thread(mailbox.waiting)
        pace = Pace(lambda done, of: log.info("mails are being handed on", done=done, of=of))
        for done, uid in enumerate(uids):
            pace(done, len(uids))
            try:
                handed += await self._hand_on(mailbox, uid)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                if uid not in self._complained:
                    self._complained.add(uid)
                    log.error("the server does not give or mark a mail", code="mail.left", why=f"UID {uid}: {error}")
        return handed

    async def _hand_on(self, mailbox: Mailbox, uid: str) -> bool:
        octets = await asyncio.to_thread(mailbox.fetch, uid)
        if octets is None:
            return False
        mail = await asyncio.to_thread(read_mail, octets)
        if mail.id in self._refused or not await self._told(mail.as_json()):
            return False
        await asyncio.to_thread(mailbox.done, uid)
        return True

    async def _follow(self, mailbox: Mailbox) -> None:
        self._complained.clear()
        try:
            while True:
                await self.look(mailbox)
                self._failures = 0
                await self._pause(self._look_every_s)
        finally:
            await asyncio.to_thread(mailbox.close)

    async def _told(self, body: dict[str, object]) -> bool:
        """True when the API has it. False when it never will, or stumbles over it: the mail stays where it is, and people see it
        there; the latter is tried again at the next look.
        """
        attempt = 0
        while True:
            status = await self._post(body)
            if status == 200:
                return True
            if status in _REFUSED:
                log.error("a mail is refused and stays in the folder", code="mail.refused", status=status, id=body["id"])
                self._refused.add(str(body["id"]))
                return False
            if status in _THIS_MAIL and attempt + 1 >= _TRIES:
                log.error("a mail cannot be handed on and stays for now", code="mail.refused", status=status, id=body["id"])
                return False
            log.warning("mails cannot be handed on; trying again", code="mail.away", status=status)
            await self._pause(backoff(min(attempt, _LONGEST_TRY)))
            attempt += 1

    async def _post(self, body: dict[str, object]) -> int:
        """The status; 0 when nobody answers."""
        try:
            return (await self._client.post("/api/messages", json=body)).status_code
        except httpx.ReadTimeout:
            return _TOO_SLOW
        except httpx.HTTPError:
            return 0
