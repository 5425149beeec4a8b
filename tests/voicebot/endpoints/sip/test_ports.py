"""Why an address cannot be listened on is told for what it is."""

from __future__ import annotations

import socket

import pytest

from voicebot.endpoints.errors import EndpointError
from voicebot.endpoints.sip.ports import check_free, free_port

NOT_OURS = "192.0.2.1"  # RFC 5737: of documents


def test_an_address_of_another_machine_is_not_called_taken() -> None:
    with pytest.raises(EndpointError, match=r"no such address.*Set sip\.host"):
        check_free(NOT_OURS, 5060, ("udp",))
    with pytest.raises(EndpointError, match=r"no such address.*Set sip\.host"):
        free_port(NOT_OURS)


def test_a_port_that_is_taken_is_called_so() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EndpointError, match=r"in use.*stop the program"):
            check_free("127.0.0.1", taken.getsockname()[1], ("udp",))
