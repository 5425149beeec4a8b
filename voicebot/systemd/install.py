"""Putting the service in place: its user, folders, units and a first configuration. Doing it again changes nothing that is right,
and nothing that a person has edited.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from voicebot.errors import VoicebotError

USER = "voicebot"
CONFIG = Path("/etc/voicebot/voicebot.yml")
UNITS = (
    "voicebot.service",
    "voicebot@.service",
    "voicebot-backup.service",
    "voicebot-backup.timer",
    "voicebot-mail.service",
)
_UNIT_FOLDER = Path("/etc/systemd/system")
_EXECUTABLE = "/opt/voicebot/bin/voicebot"
_NEW = ".new"
_MARK = "# installed by voicebot; sha256 of what follows: "
_CAPABILITY_LISTS = ("AmbientCapabilities=", "CapabilityBoundingSet=")
_BELOW_1024 = "CAP_NET_BIND_SERVICE"
_PRIVILEGED = 1024


class InstallError(VoicebotError):
    """The service cannot be put in place; the message says why, and what to run."""

    code = "service.install"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that the service needs."""

    path: Path
    mode: int
    owner: str
    group: str


FOLDERS = (
    Folder(Path("/etc/voicebot"), 0o750, "root", USER),
    Folder(Path("/etc/voicebot/bots"), 0o750, "root", USER),
    Folder(Path("/var/lib/voicebot"), 0o700, USER, USER),
    Folder(Path("/var/cache/voicebot"), 0o700, USER, USER),
    Folder(Path("/var/backups/voicebot"), 0o700, USER, USER),
)


@dataclass
class Installer:
    """Does each step, or with `dry_run` only says it. With `root` everything goes below that folder, for an image: no user is
    made and nothing is started there.
    """

    executable: Path
    ports: Sequence[int] = ()
    """The ports that the service listens on."""
    root: Path = Path("/")
    dry_run: bool = False
    said: list[str] = field(default_factory=list)
    run: Callable[[Sequence[str]], None] = field(default=lambda command: _run(command))

    def install(self) -> None:
        """All steps, in an order in which each finds what it needs. Raises InstallError."""
        if self._whole_machine and not self.dry_run and os.geteuid() != 0:
            command = " ".join((str(self.executable), "service", "install"))
            raise InstallError(f"this needs root. Run: sudo {command}   (to see what it would do: {command} --dry-run)")
        try:
            self._user()
            for folder in FOLDERS:
                self._folder(folder)
            self._config()
            for name in UNITS:
                self._unit(name)
            self._reload()
        except (OSError, LookupError) as error:
            raise InstallError(f"the service could not be put in place: {error}. Correct that and run this again.") from error

    @property
    def _whole_machine(self) -> bool:
        return self.root == Path("/")

    def _user(self) -> None:
        if not self._whole_machine:
            return
        if _user_exists(USER):
            self.said.append(f"unchanged: user {USER}")
            return
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/voicebot"]
        self._do(f"user {USER}", lambda: self.run([*command, "--shell", "/usr/sbin/nologin", USER]))

    def _folder(self, folder: Folder) -> None:
        path = self._below(folder.path)

        def make() -> None:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(folder.mode)
            if self._whole_machine:
                shutil.chown(path, folder.owner, folder.group)

        if path.is_dir() and path.stat().st_mode & 0o777 == folder.mode and self._owned(path, folder.owner):
            self.said.append(f"unchanged: {path}")
        else:
            self._do(f"folder {path} ({folder.owner}:{folder.group} {folder.mode:o})", make)

    def _owned(self, path: Path, owner: str) -> bool:
        return not self._whole_machine or path.owner() == owner

    def _config(self) -> None:
        path = self._below(CONFIG)
        if path.exists():
            self.said.append(f"unchanged: {path} (yours)")
            return

        def write() -> None:
            path.write_text(_shipped("voicebot.yml"), encoding="utf-8")
            path.chmod(0o640)
            if self._whole_machine:
                shutil.chown(path, "root", USER)

        self._do(f"configuration {path}: name your trunks in sip.peers", write)

    def _unit(self, name: str) -> None:
        path = self._below(_UNIT_FOLDER) / name
        wanted = marked(unit_text(name, self.executable, self.ports))
        if not path.exists():
            self._do(f"unit {path}", lambda: self._write(path, wanted))
        elif (found := path.read_text(encoding="utf-8")) == wanted:
            self.said.append(f"unchanged: {path}")
        elif is_ours(found):
            self._do(f"unit {path}: brought up to date", lambda: self._write(path, wanted))
        else:
            beside = path.with_name(name + _NEW)
            self._do(
                f"NOT changed: {path} was edited. The new one is {beside}: compare them, and put your own settings into "
                f"`systemctl edit {name}`, where they stay",
                lambda: self._write(beside, wanted),
            )

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(path)

    def _reload(self) -> None:
        if not self._whole_machine:
            return
        if Path("/run/systemd/system").is_dir():
            self._do("systemctl daemon-reload", lambda: self.run(["systemctl", "daemon-reload"]))
        else:
            self.said.append("systemd does not run here: the units take effect on a machine where it does")

    def _below(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def _do(self, what: str, step: Callable[[], None]) -> None:
        if self.dry_run:
            self.said.append(f"would do: {what}")
        else:
            step()
            self.said.append(f"done: {what}")


def unit_text(name: str, executable: Path, ports: Sequence[int]) -> str:
    """A unit as shipped, for this executable. The right to ports below 1024 is in it only where one is asked for."""
    text = _shipped(name).replace(_EXECUTABLE, str(executable))
    if any(0 < port < _PRIVILEGED for port in ports) and name == UNITS[0]:
        for given in _CAPABILITY_LISTS:
            text = text.replace(given, f"{given}{_BELOW_1024} ")
    return text


def marked(text: str) -> str:
    """The text behind a line with its checksum, by which `is_ours` knows it again."""
    return f"{_MARK}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def is_ours(text: str) -> bool:
    """Whether nobody has edited it since we wrote it."""
    first, _, rest = text.partition("\n")
    return first.startswith(_MARK) and marked(rest) == text


def own_executable() -> Path:
    """The `voicebot` command as it was called: /opt/voicebot may be a link to a version, and stays right when that changes."""
    called = Path(sys.argv[0])
    return called.absolute() if called.name == "voicebot" else Path(sys.executable).with_name("voicebot")


def next_steps() -> Iterator[str]:
    """What is left for a person to do."""
    yield f"1. name your trunks in {CONFIG} (sip.peers), then: voicebot config check --config {CONFIG}"
    yield "2. systemctl enable --now voicebot.service voicebot-backup.timer"
    yield "   and where a mailbox is read: systemctl enable --now voicebot-mail.service (docs/mail.md)"
    yield "3. systemctl status voicebot; journalctl -u voicebot -f"


def _shipped(name: str) -> str:
    return (files("voicebot.systemd") / name).read_text(encoding="utf-8")


def _user_exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise InstallError(f"{' '.join(command)}: {error.stderr.strip()}") from error
