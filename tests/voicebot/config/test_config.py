"""Settings: one file, the environment over it, and every mistake explained."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from voicebot.chat.settings import ChatSettings
from voicebot.config.check import _section_in, check_config
from voicebot.config.loading import load_settings
from voicebot.config.settings import Settings
from voicebot.endpoints.leg import TransferTarget
from voicebot.endpoints.sip.settings import SipSection
from voicebot.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "examples" / "voicebot.yml"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VOICEBOT_")]:
        monkeypatch.delenv(name)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "voicebot.yml"
    path.write_text(text, encoding="utf-8")
    return path


def told(path: Path | None = None) -> str:
    return "\n".join(map(str, check_config(path)))


def test_without_a_file_everything_has_a_default() -> None:
    """A newcomer sets nothing; the only hint is that nobody may call yet."""
    loaded = load_settings()
    assert (loaded.sip.port, loaded.limits.max_calls, loaded.recognisers["pl"].engine) == (5060, 60, "whisper")
    assert [problem.fatal for problem in check_config()] == [False]


def test_the_example_is_right_and_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Word for word; only the peers are its own."""
    monkeypatch.chdir(tmp_path)
    assert check_config(EXAMPLE) == []
    shown, default = load_settings(EXAMPLE).model_dump(), Settings().model_dump()
    assert shown["sip"].pop("peers") == ("127.0.0.0/8",)
    default["sip"].pop("peers")
    shown["voices"]["pl"]["espeak_voice"] = None
    assert shown == default


def commented_settings() -> list[tuple[str, str]]:
    """Settings that the example only names in comments, each with its section ("" at the top)."""
    found, section = [], ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if re.match(r"[a-z_]+:", line):
            section = line.split(":")[0]
        setting = re.match(r"(?P<indent> *)# (?P<setting>[a-z_]+: \S.*?)(?: +#.*)?$", line)
        if setting:
            found.append((section if setting["indent"] else "", setting["setting"]))
    return found


@pytest.mark.parametrize(("section", "setting"), commented_settings())
def test_what_the_example_names_in_comments_exists(tmp_path: Path, section: str, setting: str) -> None:
    """Taking the comment mark away is enough."""
    text = f"{section}:\n  {setting}\n" if section else f"{setting}\n"
    assert not [problem for problem in check_config(write(tmp_path, text)) if "unknown" in problem.what or "YAML" in problem.what]


def test_a_file_is_named_by_argument_or_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument wins."""
    here, there = tmp_path / "a.yml", tmp_path / "b.yml"
    here.write_text("sip: {port: 5061}")
    there.write_text("sip: {port: 5062}")
    monkeypatch.setenv("VOICEBOT_CONFIG", str(here))
    assert load_settings().sip.port == 5061
    assert load_settings(there).sip.port == 5062


def test_the_environment_goes_over_the_file_setting_by_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours in the file stay; a new language joins the others."""
    path = write(tmp_path, "sip: {port: 5061, user: hotline}\nrecognisers: {pl: {engine: none}}\n")
    monkeypatch.setenv("VOICEBOT_SIP__PORT", "5070")
    monkeypatch.setenv("VOICEBOT_SIP__PEERS", '["192.0.2.0/24"]')
    monkeypatch.setenv("VOICEBOT_RECOGNISERS__UK__ENGINE", "none")
    loaded = load_settings(path)
    assert (loaded.sip.port, loaded.sip.user, loaded.sip.peers) == (5070, "hotline", ("192.0.2.0/24",))
    assert {language: each.engine for language, each in loaded.recognisers.items()} == {
        "pl": "none",
        "en": "whisper",
        "uk": "none",
    }


def test_the_chat_section_is_what_a_chat_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_WEB__CHAT__MAX_CHATS", "7")
    monkeypatch.setenv("VOICEBOT_WEB__CHAT__ORIGINS", '["https://www.bank.example"]')
    assert load_settings().web.chat == ChatSettings(max_chats=7, origins=("https://www.bank.example",))


def test_settings_do_not_change_after_loading() -> None:
    """Anywhere."""
    loaded = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        loaded.sip.port = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        loaded.bundle = Path()  # type: ignore[misc]


def test_the_sip_endpoint_is_given_its_section_the_limits_and_the_queues() -> None:
    loaded = Settings(sip={"peers": ["192.0.2.0/24"]}, limits={"max_calls": 7}, handoff={"address": "sip:{queue}@pbx.example"})
    made = loaded.sip_settings()
    assert (made.peers, made.max_calls) == (("192.0.2.0/24",), 7)
    assert made.queue_uri(TransferTarget("cards")) == "sip:cards@pbx.example"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\nsip:\n  prot: 1\n", 3, "sip.prot: unknown setting. Did you mean port?"),
        ("zzz: 1\n", 1, "zzz: unknown setting. Known here: asterisk, bundle, callers, carriers"),
        ("sip:\n  port: seventy\n", 2, "sip.port: is no whole number (got seventy)"),
        ("sip:\n  port: 70000\n", 2, "sip.port: should be less than or equal to 65534 (got 70000). Give a smaller value"),
        ("limits:\n  max_calls: 0\n", 2, "limits.max_calls: should be greater than or equal to 1 (got 0). Give a larger value"),
        ("sip:\n  codecs:\n    - pcma\n    - gsm\n", 4, "sip.codecs.1: should be 'opus', 'g722', 'pcma' or 'pcmu' (got gsm)"),
        ("sip:\n  peers: 10.0.0.0/8\n", 2, "sip.peers: is no list (got 10.0.0.0/8). Write a list: [first, second]"),
        ("sip:\n  peers: [10.0.0.1/8]\n", 2, "sip.peers: '10.0.0.1/8' is no network"),
        ("sip:\n  host: bank.example\n", 2, "sip.host: host must be an IP address"),
        ("sip:\n  rtp_ports: [10000, 10010]\n", 2, "sip.rtp_ports: rtp_ports 10000-10010 must lie above 1023"),
        ("sip:\n  transports: [tls]\n", 1, "sip: transport tls needs tls_certificate"),
        ("sip:\n  port: 1\n  port: 2\n", 3, "sets the same thing twice. Remove this line"),
        ("sip: {port: 1\n", 2, "is no YAML"),
        ("- a\n- b\n", 1, "holds no settings"),
        ("log: loud\n", 1, "log: is no section (got loud)"),
        ("recording:\n  enabled: maybe\n", 2, "recording.enabled: is neither true nor false (got maybe)"),
        ("recognisers:\n  pl:\n    engine: vosk\n", 2, "recognisers.pl: engine vosk needs a model. Give the folder"),
        (
            "recognisers:\n  polish: {engine: none}\n",
            2,
            "recognisers.polish: is not in the right form (got polish). Name",
        ),
        (
            "recognisers:\n  pl:\n    deadline_s: 12\n",
            2,
            "recognisers.pl: deadline_s: 12 s is longer than a caller waits. Write 7.5 or less",
        ),
        ("recognisers:\n  pl:\n    engin: none\n", 3, "recognisers.pl.engin: unknown setting. Did you mean engine?"),
        ("recognisers:\n  pl:\n    model: /nowhere\n", 3, "recognisers.pl.model: /nowhere does not exist"),
        ("nlu:\n  backend: rasa\n", 1, "nlu: backend rasa needs rasa_url. Write it like http://"),
        ("state:\n  redis_url: localhost:6379\n", 2, "state.redis_url: is not in the right form. Write it like redis://"),
        (
            "handoff:\n  address: sip:x@pbx\n",
            2,
            "handoff.address: is not in the right form (got sip:x@pbx). Write it like",
        ),
        ("handoff:\n  address: sip:{queue}@pbx;transport=tls\n", 2, "handoff.address: is not in the right form"),
        ("handoff:\n  addresses:\n    cards: cards@pbx\n", 3, "handoff.addresses.cards: is not in the right form"),
        (
            "handoff:\n  webhook:\n    url: ftp://x\n    secret: 0123456789abcdef\n",
            3,
            "handoff.webhook.url: URL scheme",
        ),
        ("handoff:\n  webhook:\n    url: https://x/\n", 2, "handoff.webhook.secret: is missing. Add it"),
        ("bundle: /nowhere/bundle\n", 1, "bundle: /nowhere/bundle does not exist. Correct the path"),
        ("customers:\n  csv: /nowhere.csv\n", 2, "customers.csv: /nowhere.csv does not exist"),
        ("state:\n  data_dir: /proc/voicebot\n", 2, "state.data_dir: /proc/voicebot cannot be written"),
        (
            "web:\n  chat:\n    origins: [bank.example]\n",
            3,
            "web.chat.origins.0: is not in the right form (got bank.example). Write them as",
        ),
        ("web:\n  chat:\n    origins: [https://bank.example/help]\n", 3, "web.chat.origins.0: is not in the right form"),
        ("web:\n  chat:\n    idle_s: 60\n", 2, "web.chat: idle_warning_s is not before idle_s. Make it smaller"),
        ("web:\n  chat:\n    max_chat: 60\n", 3, "web.chat.max_chat: unknown setting. Did you mean max_chats?"),
        ("sip:\n  trunks:\n    north: {peers: [10.0.0.1/8]}\n", 3, "sip.trunks.north.peers.0: '10.0.0.1/8' is no network"),
        (
            "sip:\n  trunks:\n    north:\n      peers: [10.0.0.0/8]\n      callerid: {}\n",
            5,
            "sip.trunks.north.callerid: unknown setting. Did you mean caller_id?",
        ),
        (
            "sip:\n  trunks:\n    north:\n      peers: [10.0.0.0/8]\n      caller_id: {country: PL,\n        headers: [pai]}\n",
            6,
            "sip.trunks.north.caller_id.headers.0: should be 'p-asserted-identity', 'remote-party-id' or 'from'",
        ),
        (
            "sip:\n  trunks:\n    north:\n      peers: [10.0.0.0/8]\n      caller_id: {country: Polska}\n",
            5,
            "sip.trunks.north.caller_id.country: 'Polska' is no country. Write two capital letters",
        ),
        ("sip:\n  trunks:\n    north: {}\n", 3, "sip.trunks.north.peers: is missing. Add it"),
        ("sip:\n  trunks: {north: {peers: [0.0.0.0/0]}}\n", 2, "sip.trunks: north has a /0, which is everybody"),
        ("customers:\n  crm: {url: ftp://x/}\n", 2, "customers.crm.url"),
        ("callers:\n  barred: /nowhere.txt\n", 2, "callers.barred: /nowhere.txt does not exist"),
        ("sip:\n  peers: [0.0.0.0/0]\n", 2, "sip.peers: lets anybody call, so nobody's number is trusted"),
    ],
)
def test_every_mistake_has_its_line_and_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, said: str
) -> None:
    """As a person would say it."""
    if "/proc" in text and os.access("/proc", os.W_OK):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    path = write(tmp_path, text)
    assert f"{path}:{line}: {said}" in told(path)


def test_all_mistakes_are_told_at_once_in_order_of_lines(tmp_path: Path) -> None:
    """Wrong values, mistakes between values, and missing files, in one go."""
    path = write(
        tmp_path,
        "sip:\n  prot: 1\n  port: x\n  peers: [nonsense]\n  rtp_ports: [1, 2]\n"
        "recognisers:\n  en: {model: /nowhere}\n  pl: {engine: vosk}\nweb: {port: -1}\ncustomers: {csv: /nowhere.csv}\n",
    )
    assert [(problem.line, problem.where) for problem in check_config(path)] == [
        (2, "sip.prot"),
        (3, "sip.port"),
        (4, "sip.peers"),
        (5, "sip.rtp_ports"),
        (7, "recognisers.en.model"),
        (8, "recognisers.pl"),
        (9, "web.port"),
        (10, "customers.csv"),
    ]


def test_loading_raises_with_all_fatal_mistakes(tmp_path: Path) -> None:
    """A missing model is none: the service starts and takes keys."""
    path = write(tmp_path, "sip: {port: x}\nweb: {port: -1}\nrecognisers: {pl: {model: /nowhere}}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert "sip.port" in str(caught.value)
    assert "web.port" in str(caught.value)
    assert "/nowhere" not in str(caught.value)
    assert load_settings(write(tmp_path, "recognisers: {pl: {model: /nowhere}}\n")).recognisers["pl"].model == Path("/nowhere")


def test_mistakes_in_the_environment_name_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a misspelt one, which would set nothing in silence, and those of the file beside it."""
    monkeypatch.setenv("VOICEBOT_LOG__LEVEL", "loud")
    monkeypatch.setenv("VOICEBOT_SIPP__PORT", "5060")
    monkeypatch.setenv("VOICEBOT_SIP__CODECS", "pcma")
    path = write(tmp_path, "sip:\n  port: x\n")
    assert told(path).splitlines() == [
        f"{path}:2: sip.port: is no whole number (got x). Change the value.",
        "environment: VOICEBOT_LOG__LEVEL: should be 'debug', 'info', 'warning' or 'error' (got loud). "
        "Use one of these, spelled so.",
        "environment: VOICEBOT_SIPP__PORT: sets nothing. Did you mean VOICEBOT_SIP?",
        "environment: VOICEBOT_SIP__CODECS: cannot be read. Write lists and mappings as JSON.",
    ]


@pytest.mark.parametrize("content", [None, b"sip: \xff\xfe", b"\x00"])
def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path, content: bytes | None) -> None:
    """Missing, not UTF-8, not text."""
    path = tmp_path / "voicebot.yml"
    if content is not None:
        path.write_bytes(content)
    (problem,) = [problem for problem in check_config(path) if problem.fatal]
    assert problem.file == str(path)
    assert problem.advice


def test_an_empty_file_is_a_file_of_defaults(tmp_path: Path) -> None:
    """Comments only, or nothing."""
    assert load_settings(write(tmp_path, "# nothing yet\n")) == Settings()


def test_secrets_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when settings are printed nor when a secret is wrong."""
    path = write(tmp_path, "web: {token: short-secret}\nrecords: {database_url: [pass-word]}\n")
    assert "short-secret" not in told(path)
    assert "pass-word" not in told(path)
    monkeypatch.setenv("VOICEBOT_WEB__TOKEN", "a-long-enough-secret")
    assert "a-long-enough-secret" not in repr(load_settings())


def test_a_secret_in_a_file_for_everybody_is_pointed_out(tmp_path: Path) -> None:
    """It does not stop the service."""
    path = write(tmp_path, "sip: {peers: [192.0.2.0/24]}\nweb: {token: 0123456789abcdef}\n")
    path.chmod(0o644)
    assert told(path) == f"{path}:2: web.token: is a secret in a file that anybody may read. Run: chmod o= {path}."
    path.chmod(0o640)
    assert check_config(path) == []


@pytest.mark.parametrize(
    ("queue", "target", "uri"),
    [
        ("cards", None, "sip:cards@pbx.example"),
        ("cards", "802", "sip:802@pbx.example"),
        ("fraud", "900", "sip:soc@other.example"),
    ],
)
def test_a_queue_has_an_address(queue: str, target: str | None, uri: str) -> None:
    """From the pattern with its target in the bundle, or its own."""
    loaded = Settings(handoff={"address": "sip:{queue}@pbx.example", "addresses": {"fraud": "sip:soc@other.example"}})
    assert loaded.sip_settings().queue_uri(TransferTarget(queue, target or "")) == uri


def test_a_line_is_recorded_only_where_a_setting_says_so() -> None:
    """Off by default; a line's own setting goes before the general one."""
    assert not Settings().recording.records("main")
    loaded = Settings(recording={"enabled": True, "lines": {"chat": False}})
    assert [loaded.recording.records(line) for line in ("main", "chat")] == [True, False]


names = st.sampled_from([*Settings.model_fields, *SipSection.model_fields, "x"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from([*Settings.model_fields, "x"]), junk, max_size=6))
def test_whatever_a_file_holds_is_loaded_or_explained(tmp_path: Path, content: dict[str, Any]) -> None:
    """Never an error of another kind, never a mistake without a fix."""
    path = tmp_path / "voicebot.yml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    problems = check_config(path)
    assert all(problem.what and problem.advice for problem in problems)
    if any(problem.fatal for problem in problems):
        with pytest.raises(ConfigError):
            load_settings(path)
    else:
        assert isinstance(load_settings(path), Settings)


@pytest.mark.parametrize("text", ["1: 2\n", "sip: {2: 3}\n", "true: 1\n", "2026-11-26: 1\n", "~: 1\n", "1.5: {a: b}\n"])
def test_names_that_are_no_text_are_told_with_their_line(tmp_path: Path, text: str) -> None:
    """YAML reads them as numbers, truth values, dates."""
    assert "voicebot.yml:2: " in (said := told(write(tmp_path, f"# settings\n{text}")))
    assert "unknown setting" in said


@pytest.mark.parametrize(
    "text", ['"po\\e[31mrt": 1\n', 'sip: {"a\\e]0;title\\ab": 1}\n', '"x\\ny": 1\n', 'log: {level: "\\e[2J"}\n']
)
def test_what_a_mistake_quotes_does_not_steer_the_terminal(tmp_path: Path, text: str) -> None:
    """Escapes are shown, one mistake is one line."""
    problems = check_config(write(tmp_path, text))
    assert problems
    assert all(str(problem).isprintable() for problem in problems)


def test_one_wrong_value_is_one_mistake(tmp_path: Path) -> None:
    """It is not called missing because it was wrong."""
    said = told(write(tmp_path, "handoff: {webhook: {url: 'ftp://crm.example', secret: s}}\n"))
    assert "missing" not in said
    assert said.count("handoff.webhook.url") == said.count("handoff.webhook.secret") == 1
    assert "handoff.webhook.secret: is missing" in told(write(tmp_path, "handoff: {webhook: {url: 'https://crm.example'}}\n"))


@pytest.mark.parametrize(
    ("way", "web_calls", "ports"),
    [("refer", False, 2), ("refer", True, 4), ("bridge", False, 4), ("auto", False, 4), ("auto", True, 4)],
)
def test_calls_that_may_be_joined_with_a_queue_here_have_ports_for_both(way: str, web_calls: bool, ports: int) -> None:
    """Those of the app always are."""
    sections = {"handoff": {"way": way}, "identity": {"web_calls": {"enabled": web_calls}}, "limits": {"max_calls": 10}}
    Settings.model_validate({**sections, "sip": {"rtp_ports": [20000, 20000 + 10 * ports]}})
    with pytest.raises(ValueError, match="two ports for each" if ports == 2 else "four ports for each"):
        Settings.model_validate({**sections, "sip": {"rtp_ports": [20000, 19998 + 10 * ports]}})


OTHER_PAGES = {
    ("identity",): "docs/identity.md, docs/click2call.md, docs/web_calls.md",
    ("sip", "trunks"): "docs/trunk.md",
    ("asterisk", "caller_id"): "docs/callers.md",
    ("carriers", "twilio"): "docs/twilio.md",
    ("carriers", "telnyx"): "docs/telnyx.md",
    ("carriers", "genesys"): "docs/genesys.md",
}
"""Whose settings the example leaves to a page, which it names."""


def setting_names(model: Any = Settings, where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if (*where, name) not in OTHER_PAGES:
            yield (*where, name)
            section = _section_in(field.annotation)
            yield from setting_names(section, (*where, name)) if section is not None else ()


def test_the_example_names_every_setting_or_the_page_that_does() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    missing = [".".join(where) for where in setting_names() if not re.search(rf"\b{where[-1]}:\s", text)]
    assert missing == []
    assert all(page.partition(",")[0] in text or page.rpartition(" ")[2] in text for page in OTHER_PAGES.values())
