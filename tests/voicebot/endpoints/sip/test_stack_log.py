"""What the stack prints goes by the log: escaped, masked, a few lines at a time, and never straight to standard error."""

from __future__ import annotations

import logging

import pytest

from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.conftest import OpenProbe, StartBot, end_of
from voicebot.endpoints.sip import stack_log


async def test_junk_in_floods_is_counted_and_shown_clean(
    start_bot: StartBot, open_probe: OpenProbe, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    bot = await start_bot()
    probe, liar = await open_probe(bot), await open_probe(bot)
    leg = await bot.connect(probe)
    with caplog.at_level(logging.WARNING, logger=stack_log.__name__):
        for number in range(400):
            liar.send(b"SIP/2.0 200 OK \x1b[2J\x07 +48600100200\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx%d\r\n\r\n" % number)
            liar.send(b"\x1b]0;owned\x07 junk that is no SIP %d" % number)
        await until(lambda: bot.endpoint._printed.printed >= 400)
        await probe.bye()
        await end_of(leg)
        await bot.endpoint.close()
    captured = capfd.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    lines = [record.getMessage() for record in caplog.records]
    assert 1 < len(lines) < 12
    assert all(line.isprintable() and line.isascii() for line in lines)
    assert "600100200" not in "".join(lines)
    left_out = [record.__dict__["count"] for record in caplog.records if "count" in record.__dict__]
    assert sum(left_out) + sum("printed:" in line for line in lines) == bot.endpoint._printed.printed


def test_a_line_is_printable() -> None:
    assert stack_log.printable(b"a\x1b[2J\x07\xff\r") == "a\\x1b[2J\\x07\\xff\\x0d"


def test_lines_of_the_stacks_logger_are_clean_and_a_flood_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test_stack_log")
    logger.addFilter(stack_log.StackLines())
    with caplog.at_level(logging.DEBUG, logger=logger.name):
        for _ in range(300):
            logger.warning("from +48600100200\x1b[2J\x07 %s", "\n\x00forged")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == stack_log._NATIVE_LINES_EACH
    assert set(lines) == {r"from <number>\x1b[2J\x07 \x0a\x00forged"}
