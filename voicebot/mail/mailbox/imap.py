"""One folder of a mailbox by IMAP4rev1 (RFC 3501). Blocks: for a thread. Methods raise OSError and imaplib.IMAP4.error.

A mail is looked at without marking it read (BODY.PEEK). UIDs are used within one connection only, in which they stay valid
(RFC 3501, 2.3.1.1); what was done is marked in the mailbox itself, so that nothing else has to be remembered.
"""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from contextlib import suppress

from voicebot.errors import ConfigError
from voicebot.mail.settings import ImapSettings

SEEN = "\\Seen"
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
        status, told = self._imap.select(_quoted(wanted.folder))
        if status != "OK":
            raise ConfigError(f"mail.imap.folder: there is no folder {wanted.folder!r} to write in ({_first(told)})")
        flags = _first(self._imap.response("PERMANENTFLAGS")[1])
        if wanted.done_folder is None and not {"\\*", wanted.done_flag.lower()} & set(flags.lower().strip("()").split()):
            raise ConfigError(
                f"mail.imap.done_flag: the server does not keep {wanted.done_flag}. "
                "Set mail.imap.done_folder, or done_flag: \\Seen where nobody else reads the folder."
            )

    def _asked(self, command: str, *arguments: str) -> list[object]:
        status, told = self._imap.uid(command, *arguments)
        if status != "OK":
            raise imaplib.IMAP4.error(f"{command}: {_first(told)}")
        return list(told)


def _connected(settings: ImapSettings) -> imaplib.IMAP4:
    """A connection that is logged in."""
    if settings.tls:
        context = ssl.create_default_context()
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(settings.host, settings.port, ssl_context=context, timeout=settings.timeout_s)
    else:
        imap = imaplib.IMAP4(settings.host, settings.port, timeout=settings.timeout_s)
    try:
        imap.login(settings.user, settings.password.get_secret_value())
    except (OSError, imaplib.IMAP4.error) as error:
        _end(imap)
        if isinstance(error, OSError | imaplib.IMAP4.abort) or "UNAVAILABLE" in str(error):
            raise
        raise ConfigError("the mail server refuses mail.imap.user with mail.imap.password") from None
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
