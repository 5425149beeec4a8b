"""No secret of the configuration is shown: not in an error, not when it is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.voicebot.config.test_config import told, write
from voicebot.config.check import check_config
from voicebot.config.loading import load_settings
from voicebot.config.settings import Settings
from voicebot.errors import RecordsError
from voicebot.records.database import Database
from voicebot.state.shared import SharedState

SECRET = "hunter2"
LONG = f"{SECRET}-{SECRET}-{SECRET}"

WRITTEN = f"""
state: {{redis_url: "redis://bot:{SECRET}@127.0.0.1:6379/0"}}
records: {{database_url: "postgresql+psycopg://bot:{SECRET}@127.0.0.1/calls"}}
nlu:
  backend: rasa
  rasa_url: "http://bot:{SECRET}@127.0.0.1:5005"
  rasa_urls: {{pl: "http://bot:{SECRET}@[::1]:5005"}}
  rasa_token: {SECRET}
handoff: {{webhook: {{url: "https://bot:{SECRET}@bank.example/hook", secret: {LONG}}}}}
web: {{token: {LONG}}}
"""


def test_no_secret_is_shown_when_the_settings_are(tmp_path: Path) -> None:
    """Printed, dumped, or formatted: addresses may hold a password."""
    loaded = load_settings(write(tmp_path, WRITTEN))
    for shown in (repr(loaded), str(loaded), loaded.model_dump_json(), json.dumps(loaded.model_dump(), default=str)):
        assert SECRET not in shown
    assert loaded.state.redis_url is not None
    assert SECRET in loaded.state.redis_url.get_secret_value()
    assert SECRET in str(loaded.nlu.rasa_url_for("pl"))
    assert Settings.model_validate_json(loaded.as_json()) == loaded, "a child process of ours gets them all"


@pytest.mark.parametrize(
    "text",
    [
        f"web:\n  token: {SECRET}-one\n  token: {SECRET}-two\n",
        f"web:\n  token: *{SECRET}\n",
        f"web:\n  token: !{SECRET}\n",
        f'web:\n  token: "\\{SECRET}"\n',
        f"web:\n  token: @{SECRET}\n",
        f"web:\n  token: '{SECRET}\n",
        f"web:\n  token: {SECRET}: x\n",
        f"web:\n  token: !!int {SECRET}\n",
        f"web:\n  token: !!timestamp {SECRET}\n",
        f"web:\n  token: !<{SECRET} x\n",
        f"web: &a {{token: {LONG}}}\nlog: &a {{level: {SECRET}\n",
        f"web:\n  token: {SECRET}\n",
        f"web:\n  token: [{SECRET}]\n",
        f"state:\n  redis_url: localhost:{SECRET}\n",
        f"state:\n  redis_url: redis://:{SECRET}/{SECRET}@localhost\n",
        f"state:\n  redis_url: redis://localhost:{SECRET}\n",
        f"state:\n  redis_url: unix:///s?db={SECRET}\n",
        f"records:\n  database_url: [{SECRET}]\n",
        f"nlu:\n  rasa_url: http://bot:{SECRET}@:x\n",
        f"nlu:\n  rasa_url: http://bot:{SECRET}@localhost/model/parse\n",
        f"nlu:\n  backend: rasa\n  rasa_urls: {{pl: 'ftp://:{SECRET}@h'}}\n",
        f"identity:\n  web_calls:\n    ice_servers: [{{urls: ['turn:t'], secret: {SECRET}}}]\n",
        f"identity:\n  web_calls:\n    ice_servers: [{{urls: ['turn:t'], secret: [{LONG}]}}]\n",
        f"identity:\n  web_calls:\n    ice_servers: [{{urls: [{SECRET}], secret: {LONG}}}]\n",
        f"identity:\n  ciba: {{issuer: 'https://bot:{SECRET}@login.example', client_id: bot}}\n",
        f"identity:\n  ciba: {{issuer: 'http://login.example?key={SECRET}', client_id: bot}}\n",
        f"identity:\n  clients: [{{id: a, may: [tickets], jwks_url: 'https://bot:{SECRET}@bank.example'}}]\n",
        f"identity:\n  clients: [{{id: a, may: [tickets], jwks_url: 'http://bank.example?token={SECRET}'}}]\n",
        f"customers:\n  crm: {{url: 'ftp://bot:{SECRET}@crm.example/{SECRET}', token: [{SECRET}]}}\n",
        f"handoff:\n  webhook:\n    url: ftp://bot:{SECRET}@bank.example\n    secret: {SECRET}\n",
    ],
)
def test_no_mistake_in_the_file_shows_a_secret(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line number says where it stands."""
    path = write(tmp_path, text)
    said = told(path)
    assert str(path) in said
    assert SECRET not in said
    assert SECRET not in "".join(capsys.readouterr())


def test_what_stands_twice_is_told_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "web:\n  token: a\n  port: 1\n  token: b\n")
    assert f"{path}:4: sets the same thing twice. Remove this line, or the other that begins like it." in told(path)


def test_marks_of_yaml_are_still_quoted(tmp_path: Path) -> None:
    """They help, and are no secret."""
    assert "expected ',' or '}', but got '<stream end>'" in told(write(tmp_path, "sip: {port: 1\n"))


def test_an_address_with_a_password_in_a_file_that_anybody_may_read_is_told(tmp_path: Path) -> None:
    """One without a password is no secret."""
    path = write(tmp_path, f"state: {{redis_url: 'redis://:{SECRET}@localhost'}}\n")
    path.chmod(0o644)
    assert "state.redis_url: is a secret in a file that anybody may read" in told(path)
    path.write_text("state: {redis_url: redis://localhost}\n")
    assert not [problem for problem in check_config(path) if "secret" in problem.what]


@pytest.mark.parametrize("url", [f"postgresql://bot:{SECRET}@host:{SECRET}/x", f"bot:{SECRET}"])
def test_a_database_address_that_is_none_is_not_quoted(url: str) -> None:
    with pytest.raises(RecordsError) as refused:
        Database(url)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_the_connection_to_the_state_server_does_not_print_its_password() -> None:
    """Neither the connection, nor what is said when nobody listens there."""
    shared = SharedState(f"redis://bot:{SECRET}@127.0.0.1:1/0", deadline_s=1.0)
    with pytest.raises(Exception, match="does not answer") as refused:
        await shared.ask(lambda redis: redis.get("x"))
    assert SECRET not in str(refused.value) + repr(refused.value.__cause__) + repr(shared)
    await shared.close(0)
