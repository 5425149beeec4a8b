"""Calls placed from this process: scripts in, reports out, so many at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from audio.synthesis import Sound
from voicebot.softphone.phone import Phone
from voicebot.softphone.report import CallReport, Moment
from voicebot.softphone.script import CallScript, Play, Say, ScriptError, Step
from voicebot.softphone.scripted_call import OnMoment, ScriptedCall, SipScriptedCall
from voicebot.softphone.speech import ScriptVoice, default_cache

_TARGET_HOST = re.compile(r"^sips?:(?:[^@]*@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:;?>]+))")


def _ignore(moment: Moment) -> None:
    pass


async def place_calls(
    scripts: Sequence[CallScript],
    *,
    host: str | None = None,
    together: int | None = None,
    cache: Path | None = None,
    on_moment: Callable[[Moment], None] = _ignore,
    on_report: Callable[[CallReport], None] = lambda report: None,
) -> list[CallReport]:
    """Place all calls, `together` at a time (None: all at once); reports in the scripts' order.

    `host` is the local address to call from, None: the one that leads to the first target.

    Everything that will be said is synthesised first, so that it costs no call any time. Raises ScriptError, SynthesisError, or
    BaresipError when the phone cannot start.
    """
    if not scripts:
        return []
    sounds = await _make_sounds(scripts, cache or default_cache())
    turns = asyncio.Semaphore(together or max(1, len(scripts)))

    async with AsyncExitStack() as stack:
        by_sip = [script for script in scripts if not script.by_web]
        phone = None
        if by_sip:
            phone = await stack.enter_async_context(Phone(host or await _address_towards(by_sip[0].target)))

        async def one(script: CallScript) -> CallReport:
            async with turns:
                report = await _call(phone, script, sounds, on_moment).run()
            on_report(report)
            return report

        return list(await asyncio.gather(*(one(script) for script in scripts)))


def _call(phone: Phone | None, script: CallScript, sounds: Mapping[Step, Sound], on_moment: OnMoment) -> ScriptedCall:
    if phone is not None and not script.by_web:
        return SipScriptedCall(phone, script, sounds, on_moment)
    try:
        from voicebot.softphone.web_scripted_call import WebScriptedCall
    except ModuleNotFoundError as error:
        raise ScriptError(f"a call to https://… needs pip install 'voicebot[web-caller]' ({error})") from error
    return WebScriptedCall(script, sounds, on_moment)


async def place_call(script: CallScript, *, host: str | None = None, on_moment: Callable[[Moment], None] = _ignore) -> CallReport:
    """Place one call from this process, which must run no other SIP stack; see `place_calls`."""
    (report,) = await place_calls([script], host=host, on_moment=on_moment)
    return report


async def _address_towards(target: str) -> str:
    """The local address that a packet to the target would leave from. Raises ScriptError when its host is unknown."""
    found = _TARGET_HOST.search(target)
    if found is None:
        raise ScriptError(f"{target!r} names no host: write it as sip:802@127.0.0.1:5060")
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(found["v6"] or found["host"], 9)
        )
    except OSError as error:
        raise ScriptError(f"{target!r} cannot be reached: {error}") from error
    try:
        return str(transport.get_extra_info("sockname")[0])
    finally:
        transport.close()


async def _make_sounds(scripts: Sequence[CallScript], cache: Path) -> dict[Step, Sound]:
    voice = ScriptVoice(cache)
    try:
        sounds: dict[Step, Sound] = {}
        for script in scripts:
            for step in script.steps:
                if isinstance(step, Say | Play) and step not in sounds:
                    sounds[step] = await voice.utter(step)
        return sounds
    finally:
        await voice.close()
