"""Backup and restore with real files: a running service, a new machine, and archives that somebody has changed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.voicebot.handoff.test_store import record as handoff
from tests.voicebot.records.databases import heard, summary
from tests.voicebot.running import open_service
from voicebot.backup import restoring
from voicebot.backup.archive import ArchiveReader
from voicebot.backup.create import back_up
from voicebot.backup.errors import BackupError
from voicebot.backup.files import copy_sqlite
from voicebot.cli.main import app
from voicebot.config.settings import Settings
from voicebot.records.database import Database
from voicebot.records.summary import CallRecord
from voicebot.state.data_lock import UNFINISHED, DataInUse, data_used
from voicebot.state.embedded import EmbeddedValkey
from voicebot.stores import open_stores

NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)


def settings_in(folder: Path, **sections: Any) -> Settings:
    return Settings.model_validate({"state": {"data_dir": str(folder)}, **sections})


def filled(folder: Path, **sections: Any) -> Settings:
    """Data as a service leaves them: a database, the spool, secrets, a recording; and things that are made again."""
    settings = settings_in(folder, **sections)
    for name, content in {
        "web-token": "secret",
        "spool/1.json": "{}",
        "recordings/c1.wav": "RIFF",
        "models/large.bin": "model",
        "webhooks/1.json": "{}",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    database = Database(settings.database_url)
    database.write(CallRecord(summary("c1", queue="cards"), [heard("zgubiłem kartę")]))
    database.close()
    return settings


def restore(archive: Path, settings: Settings, **options: Any) -> restoring.Restored:
    return restoring.restore(archive, settings, config=None, now=NOW, **options)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small backup."""
    path = tmp_path / "backup.tar"
    back_up(filled(tmp_path / "var"), path, config=None, now=NOW)
    return path


def names_in(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def calls_in(folder: Path) -> list[str]:
    database = Database(f"sqlite:///{folder / 'calls.db'}")
    try:
        return [call.call_id for call in database.calls(limit=10)]
    finally:
        database.close()


# ---------------------------------------------------------------------------------------------------------- end to end


async def test_a_service_under_calls_is_backed_up_and_lives_on_elsewhere(tmp_path: Path) -> None:
    """A chat is under way meanwhile. Records, hand-offs and the token are on the new machine; the old service goes on."""
    archive = tmp_path / "backup.tar"
    kept = handoff()
    async with open_service(tmp_path / "old") as running:
        async with running.customer() as customer:
            await customer.until("options")
            running.service.stores.records.save(summary("c9"), [heard("zgubiłem kartę")])
            await running.service.stores.records.flush()
            await running.service.stores.handoffs.put(kept)
            made = await asyncio.to_thread(back_up, running.service.settings, archive, config=None, now=NOW)
            await (await customer.say("zgubiłem kartę")).until("options")
        with pytest.raises(DataInUse, match="stop"):
            await asyncio.to_thread(restore, archive, running.service.settings, force=True)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert made.files > 3

    new = settings_in(tmp_path / "new")
    await asyncio.to_thread(restore, archive, new)
    assert "c9" in calls_in(tmp_path / "new")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "new").rglob("*")} == {0}
    async with AsyncExitStack() as stack:
        stores = await open_stores(new, stack, clock=lambda: datetime.now(UTC))
        assert await stores.handoffs.get(kept.ref) == kept
    assert (tmp_path / "new" / "secret").read_text() == (tmp_path / "old" / "secret").read_text()


def test_a_database_is_copied_as_of_one_moment_while_somebody_writes(tmp_path: Path) -> None:
    """Each write comes in two rows: a copy holds both or none, and ends although the writing does not."""
    source = tmp_path / "busy.db"
    writer = sqlite3.connect(source, isolation_level=None, check_same_thread=False)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE pairs (n INTEGER, padding TEXT)")

    def write(n: int) -> None:
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO pairs VALUES (?, ?)", [(n, "x" * 4000), (n, "x" * 4000)])
        writer.execute("COMMIT")

    for n in range(3000):
        write(n)
    steps: list[int] = []

    def busy(done: int, total: int) -> None:
        steps.append(done)
        write(3000 + len(steps))

    copy_sqlite(source, tmp_path / "copy.db", busy)
    assert len(steps) > 1, "it was written to while it was copied"
    copied = sqlite3.connect(tmp_path / "copy.db")
    assert copied.execute("SELECT count(*), count(DISTINCT n) FROM pairs").fetchone() == (6000, 3000)
    copied.close()
    writer.close()


def test_a_record_that_reaches_the_database_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """It is in the spool when the backup begins, and in the database when the backup gets there."""
    settings = filled(tmp_path / "var")
    waiting = tmp_path / "var" / "spool" / "1.json"

    def progress(doing: str, done: int, total: int) -> None:
        if waiting.exists():  # at the first file that is written
            waiting.unlink()
            database = Database(settings.database_url)
            database.write(CallRecord(summary("from-the-spool")))
            database.close()

    back_up(settings, tmp_path / "backup.tar", config=None, now=NOW, progress=progress)
    assert not waiting.exists()
    restore(tmp_path / "backup.tar", settings_in(tmp_path / "new"))
    assert "from-the-spool" in calls_in(tmp_path / "new")


def test_the_state_of_a_stopped_service_is_kept(tmp_path: Path) -> None:
    """And nobody can start on it while it is copied, which would be no one moment."""
    folder = tmp_path / "var" / "state"
    server = EmbeddedValkey(folder)
    server.start()
    server.stop()
    back_up(filled(tmp_path / "var"), tmp_path / "backup.tar", config=None, now=NOW)
    names = names_in(tmp_path / "backup.tar")
    assert any(name.startswith("data/state/appendonlydir/") for name in names)
    assert "data/state/lock" not in names


def test_what_lies_elsewhere_comes_along(tmp_path: Path) -> None:
    """A bundle, a database, call files and recordings outside data_dir, and the configuration itself."""
    sections = {
        "bundle": str(tmp_path / "bundle"),
        "records": {"database_url": f"sqlite:///{tmp_path / 'db' / 'calls.db'}", "folder": str(tmp_path / "files")},
        "recording": {"folder": str(tmp_path / "audio")},
    }
    (tmp_path / "db").mkdir()
    settings = filled(tmp_path / "var", **sections)
    for folder in ("bundle", "files", "audio"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one").write_text(folder)
    config = tmp_path / "voicebot.yml"
    config.write_text("log: {level: info}\n")
    back_up(settings, tmp_path / "backup.tar", config=config, now=NOW)
    for folder in ("bundle", "files", "audio", "db", "var"):
        shutil.rmtree(tmp_path / folder)
    config.write_text("log: {level: debug}\n")
    done = restoring.restore(tmp_path / "backup.tar", settings, config=config, now=NOW)
    assert [(tmp_path / folder / "one").read_text() for folder in ("bundle", "files", "audio")] == ["bundle", "files", "audio"]
    assert calls_in(tmp_path / "db") == ["c1"]
    assert config.read_text() == "log: {level: debug}\n", "the machine's own configuration stays"
    assert (tmp_path / "voicebot.yml.from-backup").read_text() == "log: {level: info}\n"
    assert any("from-backup" in note for note in done.notes)


def test_without_recordings_those_in_place_stay(tmp_path: Path) -> None:
    """The archive knows nothing of them."""
    settings = filled(tmp_path / "var")
    made = back_up(settings, tmp_path / "backup.tar", config=None, now=NOW, recordings=False)
    assert any("recordings" in left for left in made.left_out)
    (tmp_path / "var" / "recordings" / "c2.wav").write_text("RIFF")
    restore(tmp_path / "backup.tar", settings, force=True)
    assert sorted(path.name for path in (tmp_path / "var" / "recordings").iterdir()) == ["c1.wav", "c2.wav"]


def test_an_old_file_stays_old(archive: Path, tmp_path: Path) -> None:
    """Recordings are deleted by their age, also after a restore."""
    os.utime(tmp_path / "var" / "recordings" / "c1.wav", (1_000_000_000, 1_000_000_000))
    back_up(settings_in(tmp_path / "var"), tmp_path / "second.tar", config=None, now=NOW)
    restore(tmp_path / "second.tar", settings_in(tmp_path / "new"))
    assert (tmp_path / "new" / "recordings" / "c1.wav").stat().st_mtime == 1_000_000_000


def test_links_are_followed_and_circles_refused(tmp_path: Path) -> None:
    """Recordings on another disk are a link in data_dir."""
    settings = filled(tmp_path / "var")
    shutil.move(tmp_path / "var" / "recordings", tmp_path / "disk")
    (tmp_path / "var" / "recordings").symlink_to(tmp_path / "disk")
    back_up(settings, tmp_path / "backup.tar", config=None, now=NOW)
    assert "data/recordings/c1.wav" in names_in(tmp_path / "backup.tar")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "disk")
    with pytest.raises(BackupError, match="link"):
        back_up(settings, tmp_path / "second.tar", config=None, now=NOW)


# ------------------------------------------------------------------------------------------------------- whole or not at all


def test_the_archive_can_be_checked_without_us(archive: Path, tmp_path: Path) -> None:
    """tar and sha256sum are everywhere."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    assert not (folder / "data" / "models").exists()


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Not even a part of it, under any name."""
    settings = filled(tmp_path / "var")
    (tmp_path / "out").mkdir()

    def full(doing: str, done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BackupError, match="No space left"):
        back_up(settings, tmp_path / "out" / "backup.tar", config=None, now=NOW, progress=full)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """A real one: no file may be larger than 4 kB here."""
    filled(tmp_path / "var")
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path / 'var'}}}\n")
    (tmp_path / "out").mkdir()
    script = f"ulimit -f 8; trap '' XFSZ; exec voicebot backup {tmp_path / 'out' / 'b.tar'} --config {config}"
    program = "import sys; from voicebot.cli.main import app; app()"
    script = script.replace("voicebot backup", f'"$PYTHON" -c "{program}" backup', 1)
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_file_is_never_replaced(archive: Path, tmp_path: Path) -> None:
    """Yesterday's backup is worth more than today's."""
    before = archive.read_bytes()
    with pytest.raises(BackupError, match="there already"):
        back_up(settings_in(tmp_path / "var"), archive, config=None, now=NOW)
    assert archive.read_bytes() == before


def test_a_place_that_holds_data_is_refused_and_with_force_kept_aside(archive: Path, tmp_path: Path) -> None:
    """Nothing is lost by a mistaken command."""
    settings = settings_in(tmp_path / "var")
    (tmp_path / "var" / "web-token").write_text("newer")
    with pytest.raises(BackupError, match="--force"):
        restore(archive, settings)
    assert (tmp_path / "var" / "web-token").read_text() == "newer"
    done = restore(archive, settings, force=True)
    assert (tmp_path / "var" / "web-token").read_text() == "secret"
    assert [(path / "web-token").read_text() for path in done.replaced] == ["newer"]
    assert (tmp_path / "var" / "models" / "large.bin").exists()
    assert not (tmp_path / "var" / ".restoring").exists()


@pytest.mark.parametrize("failing", range(10))
def test_a_restore_that_fails_in_the_middle_is_taken_back(
    failing: int, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five entries go aside, five come in: any of these renames may be the one that fails."""
    before, made, real = _content(tmp_path / "var"), itertools.count(), Path.rename

    def rename(self: Path, target: Path) -> Path:
        if next(made) == failing:
            raise OSError(5, "Input/output error", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(BackupError, match="Nothing was changed"):
        restore(archive, settings_in(tmp_path / "var"), force=True)
    assert _content(tmp_path / "var") == before | {"in-use": b""}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_service_starts_on_a_restore_that_was_cut_short(tmp_path: Path) -> None:
    """Killed in the middle, nothing could be taken back."""
    (tmp_path / UNFINISHED).touch()
    with pytest.raises(DataInUse, match="--force"), data_used(tmp_path):
        pass


def test_no_service_starts_while_a_restore_runs(archive: Path, tmp_path: Path) -> None:
    """It would read half of the old and half of the new."""
    new = tmp_path / "new"

    def progress(doing: str, done: int, total: int) -> None:
        if new.exists() and done:
            with pytest.raises(DataInUse, match="restored"), data_used(new):
                pass
            seen.append(done)

    seen: list[int] = []
    restore(archive, settings_in(new), progress=progress)
    assert seen


# ------------------------------------------------------------------------------------------------------- hostile archives


Member = tuple[tarfile.TarInfo, bytes]


def rewritten(archive: Path, change: Callable[[list[Member]], list[Member]]) -> None:
    """The archive with its members changed, and its checksums made right again."""
    with tarfile.open(archive) as old:
        members = [(member, (old.extractfile(member) or io.BytesIO()).read()) for member in old.getmembers()]
    changed = [pair for pair in change(members) if pair[0].name != "SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {member.name}\n" for member, content in changed).encode()
    last = tarfile.TarInfo("SHA256SUMS")
    last.size = len(sums)
    with tarfile.open(archive, "w") as new:
        for member, content in [*changed, (last, sums)]:
            new.addfile(member, io.BytesIO(content))


def member(name: str, content: bytes = b"evil", **more: Any) -> Member:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for field, value in more.items():
        setattr(made, field, value)
    return made, content


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("/tmp/evil"),
        member("data/../../evil"),
        member("data/link", b"", type=tarfile.SYMTYPE, linkname="/etc"),
        member("data/link", b"", type=tarfile.LNKTYPE, linkname="data/web-token"),
        member("data/pipe", b"", type=tarfile.FIFOTYPE),
        member("data/device", b"", type=tarfile.CHRTYPE),
        member("data/web-token"),
        member("data"),
        member("records.db/inner"),
    ],
    ids=lambda pair: f"{pair[0].name}-{pair[0].type!r}",
)
def test_a_member_that_leads_elsewhere_is_refused(evil: Member, archive: Path, tmp_path: Path) -> None:
    """Also when its checksum is right. Nothing is written outside, and nothing is changed inside."""
    rewritten(archive, lambda members: [*members, evil])
    new = tmp_path / "new"
    known = settings_in(new, records={"database_url": f"sqlite:///{tmp_path / 'x.db'}"})
    with pytest.raises(BackupError, match=r"tampered with|damaged"):
        restore(archive, known)
    assert not (tmp_path / "evil").exists()
    assert not Path("/tmp/evil").exists()
    assert _content(new).keys() <= {"in-use"}


def test_every_cut_is_noticed(archive: Path, tmp_path: Path) -> None:
    """Wherever the copy over the network ended."""
    whole = archive.read_bytes()
    end = whole.rstrip(b"\0")
    cut = tmp_path / "cut.tar"
    for size in [0, 1, 511, 512, 513, 2000, *range(4096, len(end), 4099), len(end) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(BackupError, match=r"cut\.tar"):
            restore(cut, settings_in(tmp_path / "new"))
    assert _content(tmp_path / "new").keys() <= {"in-use"}


def test_a_changed_octet_is_noticed(archive: Path, tmp_path: Path) -> None:
    """In the content of a file, where tar itself sees nothing."""
    whole = bytearray(archive.read_bytes())
    at = whole.index(b"RIFF")
    whole[at] ^= 1
    archive.write_bytes(whole)
    with pytest.raises(BackupError, match=r"c1\.wav"):
        restore(archive, settings_in(tmp_path / "new"))
    with pytest.raises(BackupError, match=r"c1\.wav"):
        restoring.check(archive)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b\x08", b"SQLite format 3\0" + bytes(2000)])
def test_what_is_no_backup_is_said(content: bytes, tmp_path: Path) -> None:
    """With the file's name."""
    path = tmp_path / "photo.tar"
    path.write_bytes(content)
    with pytest.raises(BackupError, match=r"photo\.tar.*no backup"):
        restore(path, settings_in(tmp_path / "new"))


@pytest.mark.parametrize(
    ("change", "said"),
    [(('"format": 1', '"format": 2'), "newer voicebot"), (('"voicebot": "', '"voicebot": "9'), "made by voicebot 9")],
)
def test_a_newer_backup_is_refused(change: tuple[str, str], said: str, archive: Path, tmp_path: Path) -> None:
    """It may hold what this version would lose."""

    def newer(members: list[Member]) -> list[Member]:
        (first, content), *rest = members
        return [member(first.name, content.decode().replace(*change).encode()), *rest]

    rewritten(archive, newer)
    with pytest.raises(BackupError, match=said):
        restore(archive, settings_in(tmp_path / "new"))


def test_a_part_without_a_place_is_refused(tmp_path: Path) -> None:
    """A bundle that the new machine's configuration does not name would be lost without a word."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "flow.yml").write_text("x")
    settings = filled(tmp_path / "var", bundle=str(tmp_path / "bundle"))
    back_up(settings, tmp_path / "backup.tar", config=None, now=NOW)
    with pytest.raises(BackupError, match="bundle"):
        restore(tmp_path / "backup.tar", settings_in(tmp_path / "new"))


# ------------------------------------------------------------------------------------------------------------- the commands


def test_a_timer_makes_a_backup_a_day_and_deletes_old_ones(tmp_path: Path) -> None:
    """The name is made from the time; only our own files are deleted."""
    filled(tmp_path / "var")
    config = tmp_path / "voicebot.yml"
    config.write_text(f"state: {{data_dir: {tmp_path / 'var'}}}\n")
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("voicebot-20200101-000000.tar", "voicebot-20200102-000000.tar", "mine.tar"):
        (folder / name).touch()
    done = CliRunner().invoke(app, ["backup", str(folder), "--keep", "2", "--config", str(config)])
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3
    assert "mine.tar" in names
    assert "voicebot-20200101-000000.tar" not in names
    (newest,) = [name for name in names if name not in ("mine.tar", "voicebot-20200102-000000.tar")]
    checked = CliRunner().invoke(app, ["restore", str(folder / newest), "--check", "--config", str(config)])
    assert checked.exit_code == 0, checked.output
    again = CliRunner().invoke(app, ["restore", str(folder / newest), "--config", str(config)])
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_the_reader_never_loads_a_member_whole(archive: Path) -> None:
    """A recording may be larger than memory: blocks come one by one."""
    longest: list[int] = []
    with archive.open("rb") as file:
        for _, _, write in ArchiveReader(file, longest.append).files():
            write(io.BytesIO())
    assert max(longest) <= 1 << 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_the_service(tmp_path: Path) -> None:
    """Everything, also the lock and folders that were not there: else the service could not start."""
    sections = {"records": {"folder": str(tmp_path / "files")}}
    settings = filled(tmp_path / "var", **sections)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one").touch()
    back_up(settings, tmp_path / "backup.tar", config=None, now=NOW)
    shutil.rmtree(tmp_path / "files")
    new = tmp_path / "new"
    new.mkdir()
    os.chown(new, 12345, 12345)
    restore(tmp_path / "backup.tar", settings_in(new, **sections))
    found = [new, *new.rglob("*"), tmp_path / "files", tmp_path / "files" / "one"]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in found} == {(12345, 12345)}


def test_a_database_of_newer_tables_is_refused(archive: Path, tmp_path: Path) -> None:
    """This voicebot could not read it, and the older data would be gone."""
    database = sqlite3.connect(tmp_path / "var" / "calls.db")
    database.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    database.commit()
    database.close()
    back_up(settings_in(tmp_path / "var"), tmp_path / "second.tar", config=None, now=NOW)
    with pytest.raises(BackupError, match="newer voicebot"):
        restore(tmp_path / "second.tar", settings_in(tmp_path / "new"))
    assert _content(tmp_path / "new").keys() <= {"in-use"}


def test_parts_within_another_part_are_not_moved_aside(tmp_path: Path) -> None:
    """Recordings in the folder around the data: a restore of them must not carry the data away."""
    sections = {"recording": {"folder": str(tmp_path / "srv")}}
    (tmp_path / "srv").mkdir()
    settings = filled(tmp_path / "srv" / "var", **sections)
    (tmp_path / "srv" / "c7.wav").write_text("RIFF")
    back_up(settings, tmp_path / "backup.tar", config=None, now=NOW)
    assert sum(name.endswith("web-token") for name in names_in(tmp_path / "backup.tar")) == 1
    restore(tmp_path / "backup.tar", settings, force=True)
    assert (tmp_path / "srv" / "var" / "web-token").read_text() == "secret"
    assert (tmp_path / "srv" / "c7.wav").read_text() == "RIFF"


def test_calls_under_way_are_left_to_the_next_backup(tmp_path: Path) -> None:
    """After a restore they would be taken for calls of a process that died, and replace what became of them."""
    settings = filled(tmp_path / "var")
    call = tmp_path / "var" / "spool" / "under-way" / "abc" / "c1.ndjson"
    call.parent.mkdir(parents=True)
    call.write_text("{}")
    made = back_up(settings, tmp_path / "backup.tar", config=None, now=NOW)
    assert not any("under-way" in name for name in names_in(tmp_path / "backup.tar"))
    assert any("not over" in left for left in made.left_out)


def test_the_services_user_restores_the_data_where_the_configuration_is_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/etc/voicebot belongs to root: that must not stand in the way."""
    etc = tmp_path / "etc"
    etc.mkdir()
    config = etc / "voicebot.yml"
    config.write_text("log: {level: info}\n")
    settings = filled(tmp_path / "var")
    back_up(settings, tmp_path / "backup.tar", config=config, now=NOW)
    config.write_text("log: {level: debug}\n")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != etc and real(path, mode))
    done = restoring.restore(tmp_path / "backup.tar", settings, config=config, now=NOW, force=True)
    assert any("tar -xOf" in note for note in done.notes)
    assert [path.name for path in etc.iterdir()] == ["voicebot.yml"]
