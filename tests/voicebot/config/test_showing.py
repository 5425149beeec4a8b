"""`voicebot config show`: what is in force, and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Secret, SecretStr
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from voicebot.cli.main import app
from voicebot.config.check import settings_in_force
from voicebot.config.settings import Settings
from voicebot.config.showing import MASK, ShownSetting, as_yaml, shown_settings, without_password
from voicebot.config.source import Source

EXAMPLE = Path(__file__).parents[3] / "examples" / "voicebot.yml"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "voicebot.yml"


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["config", "show", *map(str, arguments)])


def origins(config: Path) -> dict[str, str]:
    return {".".join(map(str, each.where)): each.origin for each in settings_in_force(config)[0]}


def test_each_value_tells_where_it_comes_from(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also within a list or mapping that a variable sets."""
    config.write_text("sip:\n  port: 5061\n  peers:\n    - 192.0.2.0/24\nrecognisers:\n  uk: {engine: none}\n")
    monkeypatch.setenv("VOICEBOT_LOG__LEVEL", "debug")
    monkeypatch.setenv("VOICEBOT_RECOGNISERS", '{"uk": {"workers": 3}}')
    found = origins(config)
    assert found["sip.port"] == "voicebot.yml:2"
    assert found["sip.peers"] == "voicebot.yml:3"
    assert found["sip.host"] == "default"
    assert found["log.level"] == "VOICEBOT_LOG__LEVEL"
    assert found["recognisers.uk.engine"] == "voicebot.yml:6"
    assert found["recognisers.uk.workers"] == "VOICEBOT_RECOGNISERS"
    assert found["recognisers.pl.engine"] == "default"


def test_it_is_yaml_that_makes_the_same_settings(config: Path) -> None:
    """Nothing is left out; the comments are only comments."""
    config.write_text("sip: {peers: [192.0.2.0/24], user: 'no'}\nhandoff: {addresses: {cards: 'sip:cards@pbx.example'}}\n")
    shown = ran("--config", config)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0] == f"# voicebot.yml is {config}"
    read = YAML(typ="safe").load(shown.stdout)
    assert Settings(**read) == Settings(
        sip={"peers": ["192.0.2.0/24"], "user": "no"}, handoff={"addresses": {"cards": "sip:cards@pbx.example"}}
    )
    assert set(read) == set(Settings.model_fields)


def test_json_names_every_setting_with_its_value_and_its_source(config: Path) -> None:
    config.write_text("sip: {port: 5061, peers: [192.0.2.0/24]}\n")
    read = json.loads(ran("--config", config, "--json").stdout)
    assert read["sip.port"] == {"value": 5061, "from": "voicebot.yml:1"}
    assert read["sip.transports"] == {"value": ["udp", "tcp"], "from": "default"}


SECRETS = {
    "web:\n  token: {0}\n": "geheim-token-16-x",
    "nlu:\n  rasa_token: {0}\n": "geheim-rasa",
    "identity:\n  web_calls: {{ice_servers: [{{urls: ['turn:t.example'], secret: '{0}'}}]}}\n": "geheim-turn-16-xx",
    "identity:\n  clients: [{{id: a, may: [tickets], jwks_url: 'https://a.example/k?token={0}'}}]\n": "geheim-jwks",
    "customers:\n  crm: {{url: 'https://x.example/', token: '{0}'}}\n": "geheim-crm-token-16",
    "handoff:\n  webhook: {{url: 'https://x.example/', secret: {0}}}\n": "geheim-webhook-16",
    "records:\n  database_url: postgresql+psycopg://voicebot:{0}@db/voicebot\n": "ge@he:im/#?",
    "records:\n  database_url: 'postgresql+psycopg://db/voicebot?password={0}'\n": "geheim",
    "records:\n  database_url: 'host=db password={0}'\n": "geheim",
    "state:\n  redis_url: redis://:{0}@localhost:6379/0\n": "geheim",
    "nlu:\n  backend: rasa\n  rasa_url: https://user:{0}@rasa.example/\n": "geheim",
}


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_secrets_and_passwords_are_masked(config: Path, text: str, form: tuple[str, ...]) -> None:
    """Wherever they stand."""
    secret = SECRETS[text]
    config.write_text(text.format(secret))
    config.chmod(0o600)
    shown = ran("--config", config, *form)
    assert shown.stdout
    assert secret not in shown.output
    assert MASK in shown.stdout


class Keys(BaseModel):
    """Secrets of other types."""

    plain: SecretStr
    url: Secret[str]


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("redis://:pass@host:6379/0", f"redis://:{MASK}@host:6379/0"),
        ("sqlite:///var/calls.db", "sqlite:///var/calls.db"),
        ("https://hooks.example/T000/key", f"https://hooks.example/{MASK}"),
        ("https://rasa.example/", "https://rasa.example/"),
        ("a-token", MASK),
        ("odd?token=x", MASK),
    ],
)
def test_a_secret_that_is_an_address_keeps_its_host(secret: str, shown: str) -> None:
    """Which server it is may be seen."""
    settings = Keys(plain=SecretStr(secret), url=Secret(secret))
    assert [each.value for each in shown_settings(settings, Source())] == [shown, shown]


@given(st.text(min_size=1), st.text(alphabet="abc", min_size=1))
def test_no_password_of_an_address_is_ever_shown(password: str, user: str) -> None:
    marked = f"GEHEIM{password}GEHEIM"
    assert "GEHEIM" not in without_password(f"redis://{user}:{marked}@host/0")


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(min_size=1), scalars | st.lists(scalars, max_size=4), max_size=6))
def test_any_value_survives_the_way_through_yaml(values: dict[str, Any]) -> None:
    """Whatever a setting holds: dates, words such as no, colons, quotes."""
    shown = [ShownSetting(("section", name), value, "voicebot.yml:1") for name, value in values.items()]
    read = YAML(typ="safe").load("\n".join(as_yaml(shown)))
    assert (read or {}).get("section", {}) == values


def test_what_stops_the_service_is_told_beside_what_is_in_force(config: Path) -> None:
    config.write_text("sip: {peers: [192.0.2.0/24]}\nbundle: /nowhere\n")
    shown = ran("--config", config)
    assert shown.exit_code == 1
    assert "bundle: /nowhere" in shown.stdout
    assert f"{config}:2: bundle: /nowhere does not exist" in shown.stderr


@pytest.mark.parametrize("text", ["sip: {port: x}\n", "sip: [\n"])
def test_values_that_cannot_be_read_are_told_and_nothing_else(config: Path, text: str) -> None:
    config.write_text(text)
    shown = ran("--config", config)
    assert (shown.exit_code, shown.stderr.startswith(f"{config}:")) == (1, True)


def test_two_configurations_at_once_are_a_mistake(config: Path) -> None:
    """Neither is chosen in silence."""
    for command in ("show", "check"):
        result = CliRunner().invoke(app, ["config", command, "a.yml", "--config", "b.yml"])
        assert (result.exit_code, "two configurations are named" in result.stderr) == (2, True)


def test_the_first_lines_of_the_example_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a newcomer, from the top of a checkout."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "voicebot.yml").write_bytes(EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    typed = [line[4:].split("  ")[0].split() for line in lines[:12] if line.startswith("#   ")]
    assert [words[0] for words in typed] == ["cp", "export", "voicebot", "voicebot", "voicebot"]
    Path(typed[0][2]).write_bytes(Path(typed[0][1]).read_bytes())
    monkeypatch.setenv(*typed[1][1].split("=", 1))
    for words in typed[2:4]:
        result = CliRunner().invoke(app, words[1:])
        assert (result.exit_code, result.stderr) == (0, "")
    assert typed[4] == ["voicebot", "serve"]
