"""Mail servers that are broken, or not what they say: the adapter ends its connection, and tries again ever more slowly."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest

from voicebot.mail.mailbox import imap
from voicebot.mail.mailbox.adapter import MailboxAdapter
from voicebot.mail.mailbox.imap import Mailbox
from voicebot.mail.settings import ImapSettings

FETCHED = b"* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n%s)\r\n"
ORDINARY = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
    "SELECT": b"* 2 EXISTS\r\n* OK [PERMANENTFLAGS (\\*)] ok\r\n",
    "SEARCH": b"* SEARCH 1 2\r\n",
    "FETCH": FETCHED % (18, b"Subject: x\r\n\r\ntext"),
}


@asynccontextmanager
async def server(
    lies: Mapping[str, bytes], *, greeting: bytes = b"* OK ready\r\n", slowly: bool = False
) -> AsyncIterator[ImapSettings]:
    """Answers each command by its name, or by all that it is told; with a lie where there is one."""

    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(greeting)
            while line := await reader.readline():
                tag, *words = line.split()
                names = [word.decode().upper() for word in words]
                name = next((each for each in names if each not in ("UID",)), "")
                told = " ".join(names)
                lie = next((answer for begin, answer in lies.items() if begin in told), None)
                answer = lie if lie is not None else ORDINARY.get(name, b"")
                for octet in answer if slowly and lie is not None else ():
                    writer.write(bytes([octet]))
                    await asyncio.sleep(0.02)
                writer.write(b"" if slowly and lie is not None else answer)
                writer.write(tag + (b" NO no\r\n" if lie == b"" else b" OK done\r\n"))
                await writer.drain()
        except (ConnectionError, BrokenPipeError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(tells, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    told = {"host": "127.0.0.1", "port": port, "tls": False, "user": "u", "password": "p", "timeout_s": 2}
    try:
        yield ImapSettings.model_validate(told)
    finally:
        listening.close()


@pytest.mark.parametrize(
    ("answer", "slowly"),
    [
        (b"* 1 FETCH (UID 1 BODY[]<0> {999999999999}\r\nx", False),
        (b"* 1 FETCH (FLAGS ())\r\n" * 20_000, False),
        (b"* 1 FETCH (UID 1 BODY[]<0> {40}\r\n" + b"x" * 40 + b")\r\n", True),
    ],
    ids=["a literal of a terabyte", "answers without end", "octet by octet"],
)
async def test_what_a_server_sends_has_an_end(answer: bytes, slowly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "_MOST_BESIDE", 100_000)
    monkeypatch.setattr(imap, "_LONGEST_S", 0.3)
    async with server({"FETCH": answer}, slowly=slowly) as settings, asyncio.timeout(20):
        mailbox = await asyncio.to_thread(Mailbox, settings.model_copy(update={"max_octets": 10_000}))
        with pytest.raises((OSError, imaplib.IMAP4.error)):
            await asyncio.to_thread(mailbox.fetch, "1")
        await asyncio.to_thread(mailbox.close)


async def test_a_mailbox_of_two_hundred_thousand_mails_is_read() -> None:
    """Their numbers are one line of more than a megabyte."""
    numbers = b" ".join(b"%d" % number for number in range(1_000_000, 1_200_000))
    async with server({"SEARCH": b"* SEARCH " + numbers + b"\r\n"}) as settings:
        mailbox = await asyncio.to_thread(Mailbox, settings)
        assert len(await asyncio.to_thread(mailbox.waiting)) == 200_000
        await asyncio.to_thread(mailbox.close)


@pytest.mark.parametrize("refused", ["FETCH 1", "STORE 1"])
async def test_a_mail_that_the_server_does_not_give_or_mark_keeps_no_other_waiting(refused: str) -> None:
    posted: list[bytes] = []

    def takes(request: httpx.Request) -> httpx.Response:
        posted.append(request.content)
        return httpx.Response(200)

    second = FETCHED % (19, b"Subject: y\r\n\r\nother")
    async with server({refused: b"", "FETCH 2": second}) as settings:
        mailbox = await asyncio.to_thread(Mailbox, settings)
        client = httpx.AsyncClient(transport=httpx.MockTransport(takes), base_url="http://api")
        async with client:
            assert await MailboxAdapter(client, lambda: mailbox, look_every_s=0).look(mailbox) == 1
        await asyncio.to_thread(mailbox.close)
    assert b"other" in posted[-1]


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (504, 3)])
async def test_a_mail_that_the_api_stumbles_over_keeps_no_other_waiting(status: int, tries: int) -> None:
    asked: list[bytes] = []

    def stumbles(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        if b"other" in request.content:
            return httpx.Response(200)
        if status == 504:
            raise httpx.ReadTimeout("slow")
        return httpx.Response(status)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    async with server({"FETCH 2": FETCHED % (19, b"Subject: y\r\n\r\nother")}) as settings:
        mailbox = await asyncio.to_thread(Mailbox, settings)
        client = httpx.AsyncClient(transport=httpx.MockTransport(stumbles), base_url="http://api")
        async with client:
            adapter = MailboxAdapter(client, lambda: mailbox, look_every_s=0, pause=at_once)
            assert await adapter.look(mailbox) == 1
            assert len(asked) == tries + 1
            await adapter.look(mailbox)  # it may fare better now
            assert len(asked) == 2 * (tries + 1)
        await asyncio.to_thread(mailbox.close)


@pytest.mark.parametrize(
    ("lies", "greeting"),
    [
        ({"SEARCH": b"* SEARCH abc \xff\r\n"}, b"* OK ready\r\n"),
        ({"SEARCH": b""}, b"* OK ready\r\n"),
        ({}, b"SSH-2.0-OpenSSH\r\n"),
    ],
    ids=["nonsense", "refuses to be searched", "another protocol"],
)
async def test_while_nothing_works_the_pauses_grow(lies: Mapping[str, bytes], greeting: bytes) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            enough.set()
        await asyncio.sleep(0 if len(pauses) < 5 else 3600)

    async with server(lies, greeting=greeting) as settings, httpx.AsyncClient() as client, asyncio.timeout(20):
        adapter = MailboxAdapter(client, lambda: Mailbox(settings), look_every_s=0, pause=pause)
        running = asyncio.create_task(adapter.run())
        await enough.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert pauses[0] < 1 < 3 < pauses[4]
