"""A real IMAP server (Dovecot, from Debian) on loopback, as an ordinary user, in a folder of its own."""

from __future__ import annotations

import email.utils
import imaplib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from voicebot.mail.settings import ImapSettings

USER, PASSWORD = "mail", "a-password"

CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = {ssl}
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """Running until it is closed; can be killed and started again with its mails."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vb-imap-"))
        self.port, self.tls_port = _free_port(), _free_port()
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
        files = ["-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")]
        subprocess.run([*command.split(), *files, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        as_root = os.geteuid() == 0
        user, group = ("nobody", "nogroup") if as_root else (str(os.geteuid()), str(os.getegid()))
        written = CONFIGURATION.format(
            folder=self.folder, ssl="yes", user=user, group=group, password=PASSWORD, port=self.port, tls_port=self.tls_port
        )
        (self.folder / "dovecot.conf").write_text(written)
        if as_root:
            shutil.chown(self.folder, user, group)
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Until it answers."""
        self._process = subprocess.Popen(["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")], start_new_session=True)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.client().logout()
                return
            except (OSError, imaplib.IMAP4.error):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"dovecot does not start: {(self.folder / 'log').read_text()}") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """With all its children; connections are gone."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """And everything that it kept."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> imaplib.IMAP4:
        """Logged in, as somebody else who looks into the mailbox."""
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=5)
        imap.login(USER, PASSWORD)
        return imap

    def settings(self, **more: object) -> ImapSettings:
        """To read it."""
        told = {"host": "127.0.0.1", "port": self.port, "tls": False, "user": USER, "password": PASSWORD, "look_every_s": 0.05}
        return ImapSettings.model_validate(told | more)

    def put(self, octets: bytes, folder: str = "INBOX") -> None:
        """A mail arrives."""
        imap = self.client()
        imap.append(folder, "", imaplib.Time2Internaldate(time.time()), octets)
        imap.logout()

    def found(self, folder: str = "INBOX", *criteria: str) -> int:
        """How many mails of a folder fit; 0 where there is no such folder."""
        imap = self.client()
        try:
            if imap.select(folder, readonly=True)[0] != "OK":
                return 0
            return len(imap.search(None, *(criteria or ("ALL",)))[1][0].split())
        finally:
            imap.logout()


def mail(subject: str, text: str) -> bytes:
    """As a program sends it."""
    message = EmailMessage()
    message["From"] = "Anna Nowak <anna@example.org>"
    message["Subject"] = subject
    message["Message-ID"] = email.utils.make_msgid(domain="example.org")
    message.set_content(text)
    return message.as_bytes()


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """Skipped where Debian's dovecot-imapd is not installed."""
    if shutil.which("dovecot") is None or shutil.which("openssl") is None:
        pytest.skip("Debian's dovecot-imapd is not installed")
    running = Dovecot()
    yield running
    running.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
