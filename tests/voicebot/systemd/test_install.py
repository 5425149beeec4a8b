"""Putting the service in place below a folder of the test: what is made, what is left alone, and what systemd says of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voicebot.cli.main import app
from voicebot.config.check import check_config
from voicebot.systemd.install import CONFIG, UNITS, Installer, InstallError, is_ours, marked, unit_text

EXECUTABLE = Path("/srv/voicebot/bin/voicebot")
UNIT_FOLDER = Path("etc/systemd/system")
ROOT = Path(__file__).parents[3]
OWN = ("Description", "StateDirectory", "RuntimeDirectory", "WorkingDirectory")


def installed(root: Path, *, ports: tuple[int, ...] = (5060, 8080), dry_run: bool = False) -> list[str]:
    installer = Installer(EXECUTABLE, ports=ports, root=root, dry_run=dry_run)
    installer.install()
    return installer.said


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_everything_is_put_in_place(tmp_path: Path) -> None:
    """Units for this executable; folders that only the service may enter; a configuration without mistakes."""
    installed(tmp_path)
    for name in UNITS:
        assert is_ours((tmp_path / UNIT_FOLDER / name).read_text())
    assert f"ExecStart={EXECUTABLE} serve" in (tmp_path / UNIT_FOLDER / UNITS[0]).read_text()
    assert (tmp_path / "var/lib/voicebot").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "etc/voicebot/voicebot.yml").stat().st_mode & 0o777 == 0o640
    problems = [problem for problem in check_config(tmp_path / CONFIG.relative_to("/")) if problem.fatal]
    assert problems == []


def test_again_changes_nothing(tmp_path: Path) -> None:
    """After every upgrade it is run once more."""
    installed(tmp_path)
    before = contents(tmp_path)
    said = installed(tmp_path)
    assert all(line.startswith("unchanged") for line in said), said
    assert contents(tmp_path) == before


def test_a_dry_run_changes_nothing_and_says_everything(tmp_path: Path) -> None:
    """Also without root."""
    said = installed(tmp_path, dry_run=True)
    assert contents(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
    assert all(any(name in line for line in said) for name in (*UNITS, "voicebot.yml", "/var/lib/voicebot"))


def test_an_edited_unit_is_left_alone_and_said(tmp_path: Path) -> None:
    """The new one lies beside it."""
    installed(tmp_path)
    unit = tmp_path / UNIT_FOLDER / UNITS[0]
    mine = unit.read_text().replace("LimitNOFILE=65536", "LimitNOFILE=4096")
    unit.write_text(mine)
    said = installed(tmp_path)
    assert unit.read_text() == mine
    assert is_ours(unit.with_name("voicebot.service.new").read_text())
    assert any("was edited" in line and "systemctl edit" in line for line in said)


def test_a_unit_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Nobody has edited it."""
    installed(tmp_path)
    unit = tmp_path / UNIT_FOLDER / UNITS[0]
    unit.write_text(marked("[Service]\nExecStart=/old\n"))
    installed(tmp_path)
    assert "/old" not in unit.read_text()


def test_a_configuration_is_never_touched(tmp_path: Path) -> None:
    """It is the bank's."""
    path = tmp_path / CONFIG.relative_to("/")
    path.parent.mkdir(parents=True)
    path.write_text("sip: {port: 5062}\n")
    installed(tmp_path)
    assert path.read_text() == "sip: {port: 5062}\n"


@pytest.mark.parametrize(("ports", "granted"), [((5060, 8080), False), ((5060, 443), True), ((0, 1024), False)])
def test_the_right_to_low_ports_is_given_only_where_it_is_needed(ports: tuple[int, ...], granted: bool) -> None:
    """And no other right with it than the one to filter the packets of its own sockets."""
    text = unit_text(UNITS[0], EXECUTABLE, ports)
    wanted = {"CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"} if granted else {"CAP_NET_ADMIN"}
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name}=")]
        assert set(line.removeprefix(f"{name}=").split()) == wanted


def test_the_command_reads_the_ports_of_the_installed_configuration(tmp_path: Path) -> None:
    """HTTPS without a proxy needs the right to port 443."""
    path = tmp_path / CONFIG.relative_to("/")
    path.parent.mkdir(parents=True)
    path.write_text("web: {port: 443}\n")
    done = CliRunner().invoke(app, ["service", "install", "--root", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "CAP_NET_BIND_SERVICE" in (tmp_path / UNIT_FOLDER / UNITS[0]).read_text()
    assert "systemctl enable --now" in done.stdout


def test_without_root_it_is_refused_with_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half done."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(InstallError, match=r"sudo /srv/voicebot/bin/voicebot service install"):
        Installer(EXECUTABLE).install()


def test_a_step_that_fails_is_said(tmp_path: Path) -> None:
    """A file stands where a folder must be."""
    (tmp_path / "etc").write_text("")
    with pytest.raises(InstallError, match="etc"):
        installed(tmp_path)


def test_the_units_in_deploy_are_those_that_are_installed() -> None:
    """One text, two places."""
    for name in UNITS:
        assert (ROOT / "deploy/systemd" / name).resolve() == (ROOT / "voicebot/systemd" / name).resolve()


def test_a_bot_of_many_has_the_unit_of_the_only_one() -> None:
    """Every bot has settings, data and a socket of its own; else the two are the same text."""
    one, many = ((ROOT / "voicebot/systemd" / name).read_text().splitlines() for name in UNITS[:2])
    assert not set(one) - set(many) - {line for line in one if line.partition("=")[0] in OWN}
    assert all("%i" in line for line in many if line not in one and not line.startswith("#"))


def test_what_reads_mails_may_do_no_more_than_a_backup_but_use_the_network() -> None:
    """It reads what strangers wrote."""
    folder = ROOT / "voicebot/systemd"
    backup, mail = (set((folder / f"voicebot-{name}.service").read_text().splitlines()) for name in ("backup", "mail"))
    closed = {line for line in backup if line.partition("=")[0].startswith(("Protect", "Private", "Restrict", "NoNew", "System"))}
    assert closed - mail == {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"}
    assert {"CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes", "UMask=0077"} <= mail
    assert not any(line.startswith("ReadWritePaths") for line in mail)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_no_mistake_in_the_units(tmp_path: Path) -> None:
    """Misspelt settings are ignored by systemd with a word in its log only."""
    executable = tmp_path / "voicebot"
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    installer = Installer(executable, root=tmp_path)
    installer.install()
    units = [str(tmp_path / UNIT_FOLDER / name) for name in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "voicebot" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_a_configuration_that_we_may_not_read_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's second try: it must come to the advice."""
    real = Path.exists

    def closed(self: Path) -> bool:
        if self.name == "voicebot.yml":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "exists", closed)
    done = CliRunner().invoke(app, ["service", "install", "--root", str(tmp_path)])
    assert done.exit_code == 2
    assert "Permission denied" in done.stderr
