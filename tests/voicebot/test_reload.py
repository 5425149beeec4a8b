"""A running service takes a new bundle and other trunks; a mistake changes nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import dialogs
from caller_id.types import Segment
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.provider.registrar import Registrar
from tests.voicebot.logged import line_with
from tests.voicebot.running import open_service
from voicebot.config.settings import Settings
from voicebot.identity.customers import customer_directory
from voicebot.process import pid_file, running_pid
from voicebot.reloading import ReloadError, needs_restart, prepare
from voicebot.softphone import Keys, UntilEnded, UntilSpeaking

BANK = Path(str(dialogs.__file__)).parent / "packs" / "bank"


def _own_bundle(folder: Path) -> Path:
    shutil.copytree(BANK, folder / "bank")
    return folder / "bank"


def _reworded(bundle: Path, text: str) -> None:
    """The first words that a customer reads."""
    path = bundle / "prompts" / "pl.yml"
    yaml = YAML()
    document = yaml.load(path)
    prompts = document.get("prompts", document)
    prompts["greeting"]["text"] = text
    prompts["greeting"].pop("written", None)
    with path.open("w") as file:
        yaml.dump(document, file)


async def test_new_conversations_take_what_was_reloaded_and_those_under_way_keep_theirs(tmp_path: Path) -> None:
    """A telephone call and a chat; without a restart."""
    bundle = _own_bundle(tmp_path)
    sections: dict[str, Any] = {"bundle": str(bundle), "nlu": {"semantic": False}}
    async with open_service(tmp_path / "data", **sections) as service, service.customer() as under_way:
        await under_way.until("options")
        before = service.service.bundle
        _reworded(bundle, "Zupełnie nowe powitanie.")
        await service.service.reload(service.service.settings)
        await service.web.reload(service.service.settings)
        assert service.service.bundle.version != before.version
        async with service.customer() as fresh:
            await fresh.until("options")
            assert "Zupełnie nowe powitanie." in fresh.read
        report, lines = await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30))
        assert report.put_through
        (record,) = [line for line in lines if line.get("type") == "HandOff"]
        assert record["queue"] == "card_emergency"
        assert service.service.call_services.session.bundle.version == service.service.bundle.version
        await (await under_way.key("9")).until("options")
        await under_way.key("1")
        assert (await under_way.until("handed_over"))["queue"] == "card_emergency", "by the bundle it began with"


async def test_a_mistake_changes_nothing_and_is_told_with_its_line(tmp_path: Path) -> None:
    """And health knows why."""
    bundle = _own_bundle(tmp_path)
    sections: dict[str, Any] = {"bundle": str(bundle), "nlu": {"semantic": False}}
    async with open_service(tmp_path / "data", **sections) as service:
        before = service.service.bundle.version
        routes = bundle / "routes.yml"
        routes.write_text(routes.read_text().replace("queues:", "queuse:", 1))
        with pytest.raises(ReloadError, match=r"routes\.yml:\d+"):
            await service.service.reload(service.service.settings)
        assert service.service.bundle.version == before
        assert service.service.call_services.session.bundle.version == before
        assert "routes.yml" in service.service.state.problem
        report, _ = await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30))
        assert report.put_through


async def test_other_trunks_are_let_in_and_former_ones_shut_out(tmp_path: Path) -> None:
    """By the kernel's filter, at once."""
    async with open_service(tmp_path, nlu={"semantic": False}) as service:
        settings = service.service.settings
        elsewhere = settings.model_copy(update={"sip": settings.sip.model_copy(update={"peers": ("192.0.2.0/24",)})})
        await service.service.reload(elsewhere)
        turned_away = service.service.sip.counts.turned_away
        host, port = service.service.sip.address
        options = f"OPTIONS sip:bot@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:9\r\n\r\n".encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(options, (host, port))
        assert service.service.sip.counts.turned_away == turned_away + 1
        await service.service.reload(settings)
        report, _ = await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30))
        assert report.put_through


async def test_a_registration_goes_on_over_a_reload_and_health_tells_of_it(tmp_path: Path) -> None:
    registrar = Registrar()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: registrar, local_addr=("127.0.0.1", 0))
    registration = {"registrar": f"127.0.0.1:{registrar.port}", "user": "bot", "password": "right"}
    sip = {"trunks": {"carrier": {"peers": ["127.0.0.2", "127.0.0.1"], "registration": registration}}}
    try:
        async with open_service(tmp_path, nlu={"semantic": False}, sip=sip) as service:
            running = service.service
            await until(lambda: registrar.contacts)
            (part,) = [each for each in running.parts if each.name == "trunks"]
            await until(lambda: part.check() is None)
            asked, settings = len(registrar.seen), running.settings
            carrier = settings.sip.trunks["carrier"]
            await running.reload(settings)
            assert len(registrar.seen) == asked
            assert registrar.contacts
            other = carrier.model_copy(update={"max_calls": 1, "registration": None})
            changed = settings.sip.model_copy(update={"trunks": {"carrier": other}})
            await running.reload(settings.model_copy(update={"sip": changed}))
            await until(lambda: not registrar.contacts)
            assert running.sip.settings.trunks["carrier"].max_calls == 1
    finally:
        registrar.transport.close()


def test_what_a_reload_does_not_change_is_named() -> None:
    """By its dotted name."""
    before = Settings.model_validate({"sip": {"peers": ["192.0.2.1/32"]}})
    after = Settings.model_validate({"sip": {"peers": ["192.0.2.2/32"], "port": 5062}, "nlu": {"semantic": False}})
    assert needs_restart(before, after) == ["sip.port"]
    assert needs_restart(before, before) == []


async def test_a_pack_with_a_mistake_is_refused(tmp_path: Path) -> None:
    """With the file."""
    pack = tmp_path / "pack"
    (pack / "pl").mkdir(parents=True)
    (pack / "pl" / "matters.yml").write_text("version: '3.1'\nnlu:\n- intent: [\n")
    with pytest.raises(ReloadError, match=r"pack"):
        await prepare(Settings.model_validate({"nlu": {"pack": str(pack)}}))


async def test_a_reload_imports_the_customers_file_that_changed(tmp_path: Path) -> None:
    """In a process of its own; the directory that is open sees it. A great loss is refused, and nothing changes."""
    source = tmp_path / "customers.csv"
    source.write_text("number;segment\n" + "".join(f"6001002{number:02};sme\n" for number in range(20)))
    settings = Settings.model_validate(
        {"state": {"data_dir": str(tmp_path / "data")}, "nlu": {"semantic": False}, "customers": {"csv": str(source)}}
    )
    directory = customer_directory(settings)
    assert directory.find("+48600100200")[0].segment is Segment.SME
    source.write_text(source.read_text().replace("sme", "select"))
    await prepare(settings)
    assert directory.find("+48600100200")[0].segment is Segment.SELECT
    source.write_text("number;segment\n600100200;mass\n")
    with pytest.raises(ReloadError, match="19 of 20 numbers would be gone"):
        await prepare(settings)
    assert directory.find("+48600100200")[0].segment is Segment.SELECT
    directory.close()


def test_a_service_is_found_by_its_data_folder_and_a_dead_one_is_not(tmp_path: Path) -> None:
    """So that a signal never goes to a stranger."""
    assert running_pid(tmp_path) is None
    with pid_file(tmp_path):
        assert running_pid(tmp_path) == os.getpid()
    assert running_pid(tmp_path) is None
    for stranger in (str(os.getppid()), "1", "-1", "0", "", "no number"):
        (tmp_path / "voicebot.pid").write_text(stranger)
        assert running_pid(tmp_path) is None, "a file that nobody has locked was left behind by a dead process"


def test_of_two_services_with_one_data_folder_the_first_is_reloaded(tmp_path: Path) -> None:
    """The other one says so, and leaves the file alone when it ends."""
    with pid_file(tmp_path):
        first = (tmp_path / "voicebot.pid").read_text()
        with line_with("cannot find this service", why="another service's") as told, pid_file(tmp_path):
            told.wait()
        assert (tmp_path / "voicebot.pid").read_text() == first
        assert running_pid(tmp_path) == os.getpid()


def test_where_the_process_id_cannot_be_kept_the_calls_go_on(tmp_path: Path) -> None:
    """It is for `voicebot reload` only."""
    (tmp_path / "voicebot.pid").mkdir()
    with line_with("cannot find this service", why="Is a directory") as told, pid_file(tmp_path):
        told.wait()
    with pid_file(tmp_path / "not there"):
        assert running_pid(tmp_path / "not there") is None


def test_what_was_only_looked_at_needs_no_restart() -> None:
    """Settings that are worked out from others are none of their own."""
    before, after = Settings(), Settings()
    assert before.database_url
    assert needs_restart(before, after) == []
