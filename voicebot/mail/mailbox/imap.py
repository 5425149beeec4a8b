"""One folder of a mailbox by IMAP4rev1 (RFC 3501). Blocks: for a thread. Methods raise OSError and imaplib.IMAP4.error.

A mail is looked at without marking it read (BODY.PEEK). UIDs are used within one connection only, in which they stay valid
(RFC 3501, 2.3.1.1); what was done is marked in the mailbox itself, so that nothing else has to be remembered. What a server sends
is limited in octets and in time: it may be broken, or not the one it should be.
"""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any, cast

from voicebot.errors import ConfigError
from voicebot.mail.settings import ImapSettings

SEEN = "\\Seen"
_MOST_BESIDE = 16 * 1024 * 1024
"""Octets that an answer may have beside a mail."""
_LONGEST_S = 120.0
"""An answer takes so long at most, also one that comes octet by octet."""
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+")


class Mailbox:
    """An open folder."""

    def __init__(self, settings: ImapSettings) -> None:
        """Connect, log in and open the folder. Raises ConfigError for what a person must mend, too."""
        self._settings = settings
        self._imap = _connected(settings)
        self._able = frozenset[str]()
        """What the server is capable of; it tells more to those who are logged in."""
        try:
            with self._imap.limited(0):
                self._able = frozenset(_first(self._imap.capability()[1]).upper().split())
                self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Harmless when the connection is gone."""
        _end(self._imap)

    def waiting(self) -> list[str]:
        """UIDs of mails that were not handed on, oldest first."""
        with self._imap.limited(0):
            self._imap.noop()  # the server tells of new mails
        flag = self._settings.done_flag
        undone = ("UNSEEN",) if flag == SEEN else ("UNKEYWORD", flag)
        found = self._asked("SEARCH", "UNDELETED", *(undone if self._settings.done_folder is None else ()))
        uids = b" ".join(each for each in found if isinstance(each, bytes)).split()
        return [uid.decode("ascii") for uid in sorted(uids, key=int)]

    def fetch(self, uid: str) -> bytes | None:
        """A mail's octets, up to the greatest length; None when somebody has taken it away."""
        for part in self._asked("FETCH", uid, f"(BODY.PEEK[]<0.{self._settings.max_octets}>)"):
            if isinstance(part, tuple):
                return bytes(part[1])
        return None

    def done(self, uid: str) -> None:
        """The mail was handed on: mark it, or move it (RFC 6851, or as servers without it can)."""
        target = self._settings.done_folder
        if target is None:
            self._asked("STORE", uid, "+FLAGS", f"({self._settings.done_flag})")
        elif "MOVE" in self._able:
            self._asked("MOVE", uid, _quoted(target))
        else:
            self._asked("COPY", uid, _quoted(target))
            self._asked("STORE", uid, "+FLAGS", "(\\Deleted)")
            if "UIDPLUS" in self._able:
                self._asked("EXPUNGE", uid)

    def _open(self) -> None:
        wanted = self._settings
        if wanted.done_folder is not None:
            self._imap.create(_quoted(wanted.done_folder))  # "no" when it is there
        try:
            status, told = self._imap.select(_quoted(wanted.folder))
        except imaplib.IMAP4.readonly:
            status, told = "NO", [b"it is read-only"]
        if status != "OK":
            raise ConfigError(f"mail.imap.folder: there is no folder {wanted.folder!r} to write in ({_first(told)})")
        flags = _first(self._imap.response("PERMANENTFLAGS")[1])
        if wanted.done_folder is None and not {"\\*", wanted.done_flag.lower()} & set(flags.lower().strip("()").split()):
            raise ConfigError(
                f"mail.imap.done_flag: the server does not keep {wanted.done_flag}. "
                "Set mail.imap.done_folder, or done_flag: \\Seen where nobody else reads the folder."
            )

    def _asked(self, command: str, *arguments: str) -> list[object]:
        with self._imap.limited(self._settings.max_octets):
            status, told = self._imap.uid(command, *arguments)
        if status != "OK":
            raise imaplib.IMAP4.error(f"{command}: {_first(told)}")
        return list(told)


class _Limits(imaplib.IMAP4):
    """What one answer of the server may be."""

    def open(self, *arguments: Any, **named: Any) -> None:
        """The greeting is the first answer; until whoever connects is logged in."""
        self._left = _MOST_BESIDE
        super().open(*arguments, **named)
        self._clock = self._started()

    def greeted(self) -> None:
        """The first answers are over."""
        self._clock.cancel()

    @contextmanager
    def limited(self, octets: int) -> Iterator[None]:
        """For one command: so many octets of a mail, and what stands around it."""
        self._left = octets + _MOST_BESIDE
        clock = self._started()
        try:
            yield
        finally:
            clock.cancel()

    def read(self, size: int) -> bytes:
        """A literal: `size` is only what the server says."""
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        """A line: the numbers of a million mails are one of 8 MB, and the library itself gives up at one."""
        line = cast("bytes", self.file.readline(self._left + 1))
        self._take(len(line))
        return line

    def _take(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise self.abort("the server sends more than was asked for")

    def _started(self) -> Timer:
        clock = Timer(_LONGEST_S, _cut, (self.sock,))
        clock.daemon = True
        clock.start()
        return clock


class _Tls(_Limits, imaplib.IMAP4_SSL):
    """The same over TLS."""


def _cut(connection: socket.socket) -> None:
    """Whoever reads it finds that it has ended; over TLS, too."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _connected(settings: ImapSettings) -> _Limits:
    """A connection that is logged in."""
    if settings.tls:
        context = ssl.create_default_context()
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        imap: _Limits = _Tls(settings.host, settings.port, ssl_context=context, timeout=settings.timeout_s)
    else:
        imap = _Limits(settings.host, settings.port, timeout=settings.timeout_s)
    try:
        imap.login(settings.user, settings.password.get_secret_value())
    except (OSError, imaplib.IMAP4.error) as error:
        _end(imap)
        if isinstance(error, OSError | imaplib.IMAP4.abort) or "UNAVAILABLE" in str(error):
            raise
        raise ConfigError("the mail server refuses mail.imap.user with mail.imap.password") from None
    finally:
        imap.greeted()
    return imap


def _end(imap: imaplib.IMAP4) -> None:
    """Harmless when the connection is gone."""
    with suppress(OSError, imaplib.IMAP4.error):
        imap.logout()
    with suppress(OSError):
        imap.shutdown()  # saying goodbye to a server that is gone leaves the socket open


def _first(told: object) -> str:
    first = told[0] if isinstance(told, list) and told else b""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else ""


def _quoted(folder: str) -> str:
    """A folder's name, in modified UTF-7 (RFC 3501, 5.1.3) and quoted."""

    def encoded(match: re.Match[str]) -> str:
        return "&" + base64.b64encode(match.group().encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    name = _NOT_ASCII.sub(encoded, folder.replace("&", "&-"))
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
