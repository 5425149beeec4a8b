"""A real mailbox, read by the adapter, with the real API behind it: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx
import pytest

from tests.voicebot.mail.mailbox.dovecot import Dovecot, dovecot, mail
from tests.voicebot.web.serving import Api, api
from voicebot.errors import ConfigError
from voicebot.mail.mailbox.adapter import MailboxAdapter
from voicebot.mail.mailbox.imap import Mailbox
from voicebot.mail.settings import ImapSettings
from voicebot.mail.store import Messages
from voicebot.tasks import cancelled

__all__ = ["api", "dovecot"]

LOST = "Zgubiłam kartę, proszę zastrzec."


@asynccontextmanager
async def reading(client: httpx.AsyncClient, settings: ImapSettings) -> AsyncIterator[None]:
    """The adapter runs meanwhile; pauses after failures are short."""

    async def pause(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))

    adapter = MailboxAdapter(client, lambda: Mailbox(settings), look_every_s=settings.look_every_s, pause=pause)
    running = asyncio.create_task(adapter.run())
    try:
        yield
    finally:
        await cancelled(running)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(what):
            await asyncio.sleep(0.02)


async def test_each_mail_is_handed_on_once_and_marked_but_not_read(dovecot: Dovecot, api: Api) -> None:
    dovecot.put(mail("karta", LOST))
    dovecot.put(mail("karta", LOST))  # another mail, though it says the same
    async with reading(api.client, dovecot.settings()):
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 2)
        dovecot.put(mail("opłata", "Za co ta opłata?"))
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 3)
    assert dovecot.found("INBOX", "UNSEEN") == 3
    assert len(await api.parts.handoffs.to_do()) == 3
    async with reading(api.client, dovecot.settings()):  # started again: nothing is new
        dovecot.put(mail("ostatni", LOST))
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 4)
    assert len(await api.parts.handoffs.to_do()) == 4


async def test_mails_are_moved_where_that_is_wanted_over_tls(dovecot: Dovecot, api: Api) -> None:
    dovecot.put(mail("karta", LOST))
    tls = {"tls": True, "port": dovecot.tls_port, "ca_file": dovecot.folder / "cert.pem"}
    async with reading(api.client, dovecot.settings(done_folder="Załatwione & nie", **tls)):
        await until(lambda: dovecot.found() == 0)
    assert dovecot.found('"Za&AUI-atwione &- nie"') == 1
    assert len(await api.parts.handoffs.to_do()) == 1


def test_mails_are_moved_by_servers_without_that_command_too(dovecot: Dovecot) -> None:
    dovecot.put(mail("karta", LOST))
    mailbox = Mailbox(dovecot.settings(done_folder="Done"))
    mailbox._able = frozenset()
    mailbox.done(*mailbox.waiting())
    assert mailbox.waiting() == []
    mailbox.close()
    assert (dovecot.found("INBOX", "UNDELETED"), dovecot.found("Done")) == (0, 1)


async def test_a_crash_between_handing_on_and_marking_doubles_nothing(dovecot: Dovecot, api: Api) -> None:
    dovecot.put(mail("karta", LOST))
    mailbox = Mailbox(dovecot.settings())
    marked: list[str] = []

    class Crashes:
        waiting, fetch, close = mailbox.waiting, mailbox.fetch, mailbox.close

        def done(self, uid: str) -> None:
            marked.append(uid)
            raise OSError("the power fails")

    crashing: Any = Crashes()
    adapter = MailboxAdapter(api.client, lambda: mailbox, look_every_s=0)
    with pytest.raises(OSError, match="power"):
        await adapter.look(crashing)
    assert await MailboxAdapter(api.client, lambda: mailbox, look_every_s=0).look(mailbox) == 1
    mailbox.close()
    assert (len(marked), len(await api.parts.handoffs.to_do())) == (1, 1)


async def test_a_server_that_restarts_and_an_api_that_is_away_lose_nothing(dovecot: Dovecot, api: Api) -> None:
    answers = [503, 0, 200]

    async def unsteady(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0) if answers else 200
        if answer == 0:
            raise httpx.ConnectError("nobody answers")
        if answer == 503:
            return httpx.Response(503)
        return await api.client.post("/api/messages", content=request.content, headers={"Content-Type": "application/json"})

    client = httpx.AsyncClient(transport=httpx.MockTransport(unsteady), base_url="http://api")
    async with client, reading(client, dovecot.settings()):
        dovecot.put(mail("karta", LOST))
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 1)
        await asyncio.to_thread(dovecot.kill)
        await asyncio.to_thread(dovecot.start)
        dovecot.put(mail("karta", LOST))
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 2)
    assert len(await api.parts.handoffs.to_do()) == 2


async def test_a_mail_that_the_api_refuses_stays_and_the_others_go_on(dovecot: Dovecot, api: Api) -> None:
    async def picky(request: httpx.Request) -> httpx.Response:
        if b"zepsuty" in request.content:
            return httpx.Response(422)
        return await api.client.post("/api/messages", content=request.content, headers={"Content-Type": "application/json"})

    dovecot.put(mail("zepsuty", LOST))
    dovecot.put(mail("karta", LOST))
    client = httpx.AsyncClient(transport=httpx.MockTransport(picky), base_url="http://api")
    async with client, reading(client, dovecot.settings()):
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == 1)
    assert dovecot.found("INBOX", "UNKEYWORD", "$Steered", "SUBJECT", "zepsuty") == 1


HOSTILE = [
    b"Subject: \xff\xfe\nContent-Type: text/plain; charset=nonsense\n\n\xff\xfe karta",
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 2000,
    b"Subject: x\nContent-Type: text/html\n\n" + b"<a " * 300_000,
    b"Subject: x\n\n" + b"a\n" * 1_500_000,
]


async def test_hostile_mails_end_with_people_too(dovecot: Dovecot, api: Api) -> None:
    for octets in HOSTILE:
        dovecot.put(octets)
    async with reading(api.client, dovecot.settings()):
        await until(lambda: dovecot.found("INBOX", "KEYWORD", "$Steered") == len(HOSTILE))
    assert len(await api.parts.handoffs.to_do()) == len(HOSTILE)
    assert len(Messages(api.parts.outcomes._engine).to_hand_over()) == 0


async def test_what_a_person_must_mend_is_said(dovecot: Dovecot, api: Api) -> None:
    for settings, said in (
        (dovecot.settings(password="wrong"), "mail.imap.password"),
        (dovecot.settings(folder="Nowhere"), "Nowhere"),
    ):
        adapter = MailboxAdapter(api.client, partial(Mailbox, settings), look_every_s=1)
        with pytest.raises(ConfigError, match=said):
            await asyncio.wait_for(adapter.run(), 30)


async def test_a_mail_that_is_taken_away_meanwhile_is_left_out(dovecot: Dovecot) -> None:
    dovecot.put(mail("karta", LOST))
    mailbox = Mailbox(dovecot.settings())
    (uid,) = mailbox.waiting()
    other = dovecot.client()
    other.select()
    other.store("1", "+FLAGS", "(\\Deleted)")
    other.expunge()
    other.logout()
    with suppress(imaplib.IMAP4.error):  # the server may say so as well
        assert mailbox.fetch(uid) is None
    assert mailbox.waiting() == []
    mailbox.close()
