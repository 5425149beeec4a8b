"""The embedded state server: alive as long as the service, and no longer."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.voicebot.logged import line_with
from voicebot.errors import EmbeddedStateError
from voicebot.state.embedded import EmbeddedValkey, running_server


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "state")
    yield server
    server.stop()


def client(server: EmbeddedValkey) -> Redis:
    return Redis.from_url(server.url, decode_responses=True)


def wait_for_end(pid: int) -> None:
    """Until the process is gone, or the test fails."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([handle], [], [], 10)
    if not ended:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    assert ended, "the server was still running"


def test_it_answers_as_soon_as_it_is_started_and_only_over_its_private_socket(embedded: EmbeddedValkey) -> None:
    """No port is opened, and nobody else may connect."""
    embedded.start()
    with client(embedded) as connection:
        assert connection.ping()
        assert connection.config_get("port") == {"port": "0"}
    socket = Path(embedded.url.removeprefix("unix://"))
    assert socket.parent.stat().st_mode & 0o077 == 0


def test_what_it_knows_outlives_a_restart_of_the_service(tmp_path: Path) -> None:
    """Hand-offs and callbacks promised before a deploy are there after it."""
    for value in (None, "kept"):
        server = EmbeddedValkey(tmp_path / "state")
        server.start()
        with client(server) as connection:
            assert connection.get("a") == value
            connection.set("a", "kept")
        server.stop()


def test_stopping_ends_the_process_and_frees_the_folder(embedded: EmbeddedValkey) -> None:
    """Twice is harmless, and it can be started again."""
    embedded.start()
    pid = embedded.pid
    assert pid is not None
    embedded.stop()
    embedded.stop()
    wait_for_end(pid)
    embedded.start()
    assert embedded.pid not in (None, pid)


def test_a_server_that_dies_is_started_again_where_it_was(embedded: EmbeddedValkey) -> None:
    """Clients find it under the same address."""
    embedded.start()
    first = embedded.pid
    assert first is not None
    with line_with("answers again") as back:
        os.kill(first, signal.SIGKILL)
        back.wait()
    assert embedded.pid not in (None, first)
    with client(embedded) as connection:
        assert connection.ping()


def test_a_server_that_cannot_be_started_again_at_once_is_started_later(embedded: EmbeddedValkey, tmp_path: Path) -> None:
    """The watch over it goes on: no file handles or no memory is a trouble that passes."""
    embedded.start()
    first = embedded.pid
    assert first is not None
    log = tmp_path / "state" / "valkey.log"
    log.unlink()
    log.mkdir()
    with line_with("cannot be started") as failed, line_with("answers again") as back:
        os.kill(first, signal.SIGKILL)
        failed.wait()
        log.rmdir()
        back.wait()
    with client(embedded) as connection:
        assert connection.ping()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_service_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    """Also when the service is killed and can clean up nothing."""
    program = (
        "import sys; from pathlib import Path; from voicebot.state.embedded import EmbeddedValkey\n"
        "server = EmbeddedValkey(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "state")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert service.stdout is not None
    assert service.stdin is not None
    with service, service.stdout, service.stdin:
        pid = int(service.stdout.readline())
        os.kill(pid, 0)
        service.send_signal(how)
        service.wait(10)
    wait_for_end(pid)


def test_a_folder_is_used_by_one_service_at_a_time(embedded: EmbeddedValkey, tmp_path: Path) -> None:
    """The second is told what to do."""
    embedded.start()
    with pytest.raises(EmbeddedStateError, match=r"in use by another voicebot.*data_dir"):
        EmbeddedValkey(tmp_path / "state").start()


def test_a_folder_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    """With the fix."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedStateError, match=r"cannot be used.*Set state\.data_dir"):
        EmbeddedValkey(tmp_path / "file" / "state").start()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A data file that cannot be opened stops it; its own last words are passed on, and nothing is put aside."""
    (tmp_path / "state" / "appendonlydir" / "appendonly.aof.manifest").mkdir(parents=True)
    server = EmbeddedValkey(tmp_path / "state")
    with pytest.raises(EmbeddedStateError, match=r"does not start: (?!it said nothing).*redis_url"):
        server.start()
    assert server.pid is None
    assert not list((tmp_path / "state").glob("damaged-*"))


JUNK = bytes(range(256)) * 20


def not_a_manifest(files: Path) -> None:
    (files / "appendonly.aof.manifest").write_bytes(JUNK)


def an_empty_manifest(files: Path) -> None:
    (files / "appendonly.aof.manifest").write_text("")


def words_for_a_manifest(files: Path) -> None:
    (files / "appendonly.aof.manifest").write_text("nonsense\n")


def zeros_for_the_base(files: Path) -> None:
    base = next(files.glob("*.base.*"))
    base.write_bytes(bytes(base.stat().st_size))


def a_base_cut_short(files: Path) -> None:
    os.truncate(next(files.glob("*.base.*")), 20)


def no_base(files: Path) -> None:
    next(files.glob("*.base.*")).unlink()


def junk_for_what_came_later(files: Path) -> None:
    next(files.glob("*.incr.aof")).write_bytes(JUNK)


def junk_behind_what_came_later(files: Path) -> None:
    with next(files.glob("*.incr.aof")).open("ab") as file:
        file.write(JUNK)


@pytest.mark.parametrize(
    "damage",
    [
        not_a_manifest,
        an_empty_manifest,
        words_for_a_manifest,
        zeros_for_the_base,
        a_base_cut_short,
        no_base,
        junk_for_what_came_later,
        junk_behind_what_came_later,
    ],
)
def test_damaged_files_are_put_aside_and_calls_are_answered_without_them(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Nothing of them is lost for whoever repairs them; a person is told where they are."""
    files = tmp_path / "state" / "appendonlydir"
    server = EmbeddedValkey(tmp_path / "state")
    server.start()
    with client(server) as connection:
        connection.set("a", "b")
    server.stop()
    damage(files)
    damaged = {path.name: path.read_bytes() for path in files.iterdir()}
    with line_with("put aside", folder=str(tmp_path / "state" / "damaged-")) as told:
        server.start()
        told.wait()
    with client(server) as connection:
        assert connection.set("a", "c")
    server.stop()
    (aside,) = (tmp_path / "state").glob("damaged-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == damaged


def test_a_write_that_was_cut_short_when_the_machine_went_down_costs_only_itself(tmp_path: Path) -> None:
    """That is no damage."""
    server = EmbeddedValkey(tmp_path / "state")
    server.start()
    with client(server) as connection:
        connection.set("a", "b")
    server.stop()
    with next((tmp_path / "state" / "appendonlydir").glob("*.incr.aof")).open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$10\r\nab")
    server.start()
    with client(server) as connection:
        assert connection.get("a") == "b"
    server.stop()


def test_a_copy_of_the_folder_leaves_the_living_server_alone(embedded: EmbeddedValkey, tmp_path: Path) -> None:
    """Somebody copies data_dir to try something: the lock file in it names the socket of the service that runs."""
    embedded.start()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    other = EmbeddedValkey(tmp_path / "copy")
    other.start()
    other.stop()
    with client(embedded) as connection:
        assert connection.ping()


def test_a_lock_file_that_is_damaged_does_not_matter(tmp_path: Path) -> None:
    """It only holds where the socket was."""
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "lock").write_bytes(JUNK)
    server = EmbeddedValkey(folder)
    server.start()
    assert running_server(folder) == server.url
    server.stop()


def test_what_a_killed_service_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    """Socket folders do not pile up."""
    program = (
        "import os, sys; from pathlib import Path; from voicebot.state.embedded import EmbeddedValkey\n"
        "server = EmbeddedValkey(Path(sys.argv[1])); server.start(); print(server.url, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state")], stdout=subprocess.PIPE, text=True, check=False
    )
    left_behind = Path(killed.stdout.strip().removeprefix("unix://")).parent
    assert left_behind.is_dir()
    server = EmbeddedValkey(tmp_path / "state")
    server.start()
    server.stop()
    assert not left_behind.exists()
