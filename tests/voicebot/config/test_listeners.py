"""No two parts of the service want the same port."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.config.check import check_config
from voicebot.config.source import SettingProblem


def problems(tmp_path: Path, text: str) -> list[SettingProblem]:
    path = tmp_path / "voicebot.yml"
    path.write_text(f"state: {{data_dir: {tmp_path}}}\n{text}")
    return [problem for problem in check_config(path) if "wanted twice" in problem.what]


PEM = "tls_certificate: /dev/null"


@pytest.mark.parametrize(
    ("text", "where", "said", "fatal"),
    [
        ("sip: {port: 8080}\n", "web.port", "port 8080 on 127.0.0.1 is wanted twice: by the web API and by SIP over TCP", True),
        ("sip: {port: 8080, host: 0.0.0.0}\n", "web.port", "by the web API and by SIP over TCP", True),
        ("sip: {port: 8080}\nweb: {host: '::'}\n", "web.port", "by the web API and by SIP over TCP", True),
        ("sip: {port: 8080}\nweb: {host: localhost}\n", "web.port", "by the web API and by SIP over TCP", True),
        (f"sip: {{port: 8079, transports: [tls], {PEM}}}\n", "web.port", "by SIP over TLS (the port above)", True),
        ("health: {port: 8080}\n", "health.port", "by health and metrics and by the web API", True),
        ("web: {chat: {port: 8081}}\n", "health.port", "by health and metrics and by the chat", True),
        ("sip: {port: 12000}\n", "sip.rtp_ports", "port 12000 on 127.0.0.1 is wanted twice: by RTP and by SIP over UDP", False),
    ],
)
def test_a_port_that_is_wanted_twice_is_told(tmp_path: Path, text: str, where: str, said: str, fatal: bool) -> None:
    """An RTP port is taken only now and then."""
    (problem,) = problems(tmp_path, text)
    assert problem.where == where
    assert said in problem.what
    assert problem.advice.startswith("Change it, or ")
    assert problem.fatal is fatal


@pytest.mark.parametrize(
    "text",
    [
        "sip: {port: 5060}\n",
        "sip: {port: 8080, transports: [udp]}\n",
        "sip: {port: 8080, host: 192.0.2.1}\n",
        "sip: {port: 8080}\nweb: {enabled: false}\n",
        "sip: {port: 0}\nweb: {port: 0}\n",
        "web: {chat: {port: 8081, enabled: false}}\n",
        "sip: {port: 5060, rtp_ports: [8000, 9000]}\n",
        f"sip: {{port: 8080, transports: [tls], {PEM}}}\nhealth: {{port: 8083}}\n",
    ],
)
def test_ports_that_only_look_alike_are_none(tmp_path: Path, text: str) -> None:
    """Another transport, another address, a part that is off, a port that the system picks."""
    assert problems(tmp_path, text) == []


def test_the_line_is_the_one_of_the_later_part(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "sip:\n  port: 9000\nweb:\n  port: 9000\n")
    assert (problem.line, problem.where) == (5, "web.port")
