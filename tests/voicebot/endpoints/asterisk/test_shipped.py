"""The shipped configuration of Asterisk fits the bundle, the bot's defaults, and itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dialogs.data.bundle import load_bundle
from voicebot.config.settings import Settings
from voicebot.endpoints.asterisk.settings import AriSettings, DialplanSettings, MediaSettings

SHIPPED = Path(__file__).parents[4] / "deploy" / "asterisk"


def lines(name: str) -> list[str]:
    """Without comments and empty lines."""
    text = (SHIPPED / name).read_text(encoding="utf-8")
    return [line.split(" ;")[0].strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(";")]


def sections(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    inside: list[str] = []
    for line in lines(name):
        if header := re.match(r"\[([\w-]+)\]", line):
            inside = found.setdefault(header[1], [])
        else:
            inside.append(line)
    return found


def extensions(context: str) -> set[str]:
    return {
        line.split("=>")[1].split(",")[0].strip() for line in sections("extensions.conf")[context] if line.startswith("exten")
    }


def test_every_queue_of_the_bundle_has_an_extension_and_a_queue() -> None:
    bundle = load_bundle(Settings().bundle)
    for name, queue in bundle.queues.items():
        target = queue.target or name
        assert target in extensions("steer-queues"), f"routes.yml has {target}"
    named = {
        match for line in sections("extensions.conf")["steer-queues"] for match in re.findall(r"Goto\(queue,([a-z_]+),1\)", line)
    }
    assert named <= set(sections("queues.conf"))
    (default,) = (
        line.split("=")[1].strip() for line in sections("extensions.conf")["globals"] if line.startswith("DEFAULT_QUEUE")
    )
    assert default in sections("queues.conf")


@pytest.mark.parametrize(("context", "step"), [("bot-ari", "Stasis("), ("bot-sip", "Dial("), ("bot-dialplan", "CURL(")])
def test_behind_every_way_to_the_bot_stands_the_default_queue(context: str, step: str) -> None:
    found = sections("extensions.conf")[context]
    last = max(number for number, line in enumerate(found) if step in line)
    assert any("steer-queues,default,1" in line for line in found[last + 1 :])


def test_every_goto_leads_somewhere() -> None:
    contexts = sections("extensions.conf")
    for found in contexts.values():
        for line in found:
            for context in re.findall(r"Goto\(([a-z-]+),[^,()]+,1\)", line):
                assert context in contexts, line


def test_the_ports_and_names_are_our_defaults() -> None:
    media, http = MediaSettings(), sections("http.conf")["general"]
    assert "bindaddr = 127.0.0.1" in http
    assert "bindport = 8088" in http
    ari = AriSettings.model_fields
    assert ari["url"].default == "http://127.0.0.1:8088/ari"
    assert ari["user"].default in sections("ari.conf")
    assert any(f"Stasis({ari['app'].default})" in line for line in sections("extensions.conf")["bot-ari"])
    assert ari["context"].default in sections("extensions.conf")
    connection = sections("websocket_client.conf")[ari["connection"].default]
    assert f"uri = ws://{media.host}:{media.websocket_port}/media" in connection
    assert f"username = {media.user}" in connection
    assert "protocols = media" in connection
    dialplan = DialplanSettings.model_fields
    url = f"BOT_URL = http://{dialplan['host'].default}:{dialplan['port'].default}"
    assert url in sections("extensions.conf")["globals"]


def test_every_application_and_function_has_its_module() -> None:
    """autoload is off: what is used and not loaded would end a call. The core has some without a module."""
    text = "\n".join(lines("extensions.conf"))
    used = {*re.findall(r"[({]([A-Z_]+)\(", text), *re.findall(r"(?:,|\))([A-Z]\w+)\(", text)}
    loaded = "\n".join(lines("modules.conf"))
    needed = {
        "Stasis(": "app_stasis", "Dial(": "app_dial", "Queue(": "app_queue", "Playback(": "app_playback", "CURL(": "func_curl",
        "URIENCODE(": "func_uri", "DIALPLAN_EXISTS(": "func_dialplan", "CDR(": "func_cdr",
        "CURLOPT(": "func_curl", "CALLERID(": "func_callerid",
        "CHANNEL(": "func_channel", "IF(": "func_logic", "ARRAY(": "func_strings", "PJSIP_HEADER(": "res_pjsip_header_funcs",
        "WebSocket/": "chan_websocket", "Return(": "app_stack",
    }  # fmt: skip
    core = {"Answer", "Goto", "GotoIf", "Hangup", "Set"}
    assert {f"{name}(" for name in used - core} == {name for name in needed if name.endswith("(")}
    for module in needed.values():
        assert f"load = {module}.so" in loaded


def test_no_password_is_shipped() -> None:
    for path in SHIPPED.glob("*.conf"):
        for line in lines(path.name):
            if re.match(r"(password|secret|BOT_TOKEN)\b", line):
                assert "CHANGE-ME" in line
