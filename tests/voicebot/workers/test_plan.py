"""How the machine is shared out among several processes of calls."""

from __future__ import annotations

import re
from typing import Any

import pytest

from voicebot.config.settings import Settings
from voicebot.errors import ConfigError
from voicebot.workers.plan import worker_settings


def planned(workers: int, **sections: Any) -> list[Settings]:
    return worker_settings(Settings.model_validate({"workers": workers, **sections}), "unix:///run/state")


def test_each_worker_has_ports_that_no_other_has() -> None:
    """TLS takes the port above, so SIP ports are two apart."""
    workers = planned(3, sip={"port": 5060, "rtp_ports": [20000, 21000]})
    assert [each.sip.port for each in workers] == [5060, 5062, 5064]
    assert [each.sip.rtp_ports for each in workers] == [(20000, 20332), (20333, 20665), (20666, 20998)]
    assert {each.workers for each in workers} == {1}, "a worker starts no workers"
    assert {each.health.port for each in workers} == {0}, "the page for all is the parent's"
    for each in workers:
        assert each.state.redis_url is not None
        assert each.state.redis_url.get_secret_value() == "unix:///run/state"
        each.sip_settings()


def test_each_worker_has_an_application_and_a_connection_of_its_own() -> None:
    """Asterisk sends all of an application's calls to its newest connection; waiting times are asked for once."""
    asterisk = {
        "ari": {"password": "ari-password-1234"},
        "dialplan": {"token": "dialplan-token-1234"},
        "ami": {"password": "ami-password-1234"},
        "media": {"audiosocket_port": 9092},
    }
    first, second = planned(2, asterisk=asterisk, carriers={"port": 8094})
    assert first.asterisk.ari is not None
    assert second.asterisk.ari is not None
    assert [(each.asterisk.ari.app, each.asterisk.ari.connection) for each in (first, second) if each.asterisk.ari] == [
        ("voicebot", "voicebot"),
        ("voicebot-2", "voicebot-2"),
    ]
    ports = [
        (
            each.asterisk.media.websocket_port,
            each.asterisk.media.audiosocket_port,
            each.asterisk.dialplan.port,
            each.carriers.port,
        )
        for each in (first, second)
        if each.asterisk.dialplan is not None
    ]
    assert ports == [(8092, 9092, 8093, 8094), (8102, 9102, 8103, 8104)]
    assert first.asterisk.ami is not None
    assert second.asterisk.ami is None


@pytest.mark.parametrize(
    ("workers", "sections", "why"),
    [
        (
            8,
            {"sip": {"rtp_ports": [20000, 20900]}},
            "each of 8 workers has 112 of the RTP ports 20000-20900, and its 60 calls",
        ),
        (4, {"sip": {"port": 65530}}, "workers: 4 workers have SIP ports from 65530 to 65536"),
    ],
)
def test_ports_that_do_not_suffice_are_told(workers: int, sections: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        planned(workers, **sections)
