"""A whole service whose trunk takes no REFER: callers reach agents through it, over real SIP legs on both sides."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialogs.data.bundle import DEFAULT_BUNDLE
from tests.voicebot.endpoints.looking import until
from tests.voicebot.endpoints.sip.answerer import MEDIA, Queue
from tests.voicebot.endpoints.sip.sip_probe import Message, Probe
from tests.voicebot.endpoints.sip.test_bridge import AGENT_HERTZ, CALLER_HERTZ, hears
from tests.voicebot.running import RunningService, open_service
from voicebot.handoff.store import HandOffStore
from voicebot.records.journal import Line

URGENT = "91"
"""Keys that lead to the queue card_emergency, whose overflow is fraud; after it comes general."""


@dataclass
class Hotline:
    """A service, its queues' telephone, and a caller of raw datagrams."""

    service: RunningService
    queue: Queue
    stack: AsyncExitStack

    async def caller(self, *, keys: str = URGENT) -> Probe:
        """A new caller who has pressed these keys; each is taken when the bot reacts."""
        probe = await Probe.open(self.service.service.sip.address)
        self.stack.push_async_callback(probe.close)
        await probe.call(probe.offer(MEDIA))
        before = self.said("KeyPressed")
        await until(lambda: self.said("Say") or self.said("Listen"))
        for number, key in enumerate(keys, start=1):
            await probe.press_as_a_phone(key, 101)
            await until(lambda wanted=before + number: self.said("KeyPressed") >= wanted)  # type: ignore[misc]
        return probe

    def said(self, kind: str) -> int:
        return len(self.lines(kind))

    def lines(self, kind: str) -> list[Line]:
        """Of the latest call."""
        journals = list(self.service.journals.values())
        return [line for line in (journals[-1] if journals else []) if kind in (line.get("type"), line.get("kind"))]

    async def called(self) -> str:
        """The queue's name that is called next."""
        return (await self.queue.called()).start.split("sip:")[1].split("@")[0]

    async def closed(self) -> dict[str, Any]:
        await until(lambda: self.lines("closed"))
        return dict(self.lines("closed")[0])

    def metric(self, name: str) -> float:
        text = self.service.service.call_services.session.metrics.render()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def _whispering(folder: Path) -> Path:
    """The bank's bundle with agents of card_emergency who hear first what it is about."""
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, folder / "bundle"))
    routes = bundle / "routes.yml"
    queue = "card_emergency:  {target: card_emergency,"
    text = routes.read_text(encoding="utf-8")
    assert queue in text
    routes.write_text(text.replace(queue, f"{queue} whisper: true,"), encoding="utf-8")
    return bundle


@asynccontextmanager
async def hotline(folder: Path, *, whisper: bool = False, **sections: Any) -> AsyncIterator[Hotline]:
    async with AsyncExitStack() as stack:
        queue = await Queue.open()
        stack.push_async_callback(queue.close)
        handoff = {"way": "bridge", "address": queue.address, "ring_s": 5.0, "ringing": "music", **sections.pop("handoff", {})}
        if whisper:
            sections["bundle"] = str(_whispering(folder))
        service = await stack.enter_async_context(open_service(folder / "data", handoff=handoff, **sections))
        yield Hotline(service, queue, stack)


async def end(line: Hotline, probe: Probe) -> dict[str, Any]:
    """The caller hangs up; the agent's leg ends as well."""
    leaving = asyncio.create_task(probe.bye())
    await line.queue.hung_up_on()
    await leaving
    return await line.closed()


async def test_a_caller_and_an_agent_are_joined_until_one_hangs_up(tmp_path: Path) -> None:
    """Music while the queue rings, then each hears the other; the agent's screen finds the context by what the call carries."""
    async with hotline(tmp_path) as line:
        probe = await line.caller()
        assert await line.called() == "card_emergency"
        invite = line.queue.invite
        assert invite is not None
        line.queue.say("180 Ringing")
        await line.queue.answer()
        await hears(probe.rtp, AGENT_HERTZ)
        await hears(line.queue.rtp, CALLER_HERTZ)
        await until(lambda: line.lines("bridged"))
        assert line.service.service.calls.bridged == 1
        assert line.metric("voicebot_bridged_calls") == 1
        assert line.service.service.stores.admission.taken == 1, "a bridged call holds its place"
        ref = invite.headers["x-handoff-ref"]
        assert invite.headers["user-to-user"] == f"{ref.encode().hex()};encoding=hex"
        assert invite.headers["x-call-ref"] == probe.call_id
        record = await HandOffStore(line.service.service.stores.shared).get(ref)
        assert record is not None
        assert (record.queue, record.intent) == ("card_emergency", "card_block")

        assert (await end(line, probe))["outcome"] == "handed_over"
        (ended,) = line.lines("bridge_ended")
        assert ended["by"] == "near"
        assert not line.lines("Failed")
        assert not line.lines("error")
        await until(lambda: line.service.service.stores.admission.taken == 0)
        assert line.metric("voicebot_bridge_seconds_count") == 1
        assert line.metric("voicebot_ring_seconds_count") == 1
        assert 'voicebot_dials_total{queue="card_emergency",result="answered"' in (
            line.service.service.call_services.session.metrics.render()
        )


BUSY = ["486 Busy Here", "480 Temporarily Unavailable", "404 Not Found", "503 Service Unavailable", "603 Decline", "302 Moved"]


@pytest.mark.parametrize("answer", ["486 Busy Here", "302 Moved Temporarily", "rings", "silent"])
async def test_a_queue_that_does_not_answer_is_followed_by_the_next(tmp_path: Path, answer: str) -> None:
    async with hotline(tmp_path, handoff={"ring_s": 0.8}) as line:
        probe = await line.caller()
        assert await line.called() == "card_emergency"
        if answer == "rings":
            line.queue.say("180 Ringing")
        elif answer != "silent":
            line.queue.say(answer, headers=("Contact: <sip:elsewhere@127.0.0.1:9>",))
        assert await line.called() == "fraud"
        await line.queue.answer()
        await hears(probe.rtp, AGENT_HERTZ)
        assert (await end(line, probe))["outcome"] == "handed_over"
        assert [result["ok"] for result in line.lines("HandOffResult")] == [False, True]


async def test_when_no_queue_answers_the_caller_hears_the_apology(tmp_path: Path) -> None:
    async with hotline(tmp_path) as line:
        probe = await line.caller()
        asked = []
        for status in BUSY[:3]:
            asked.append(await line.called())
            line.queue.say(status)
        assert asked == ["card_emergency", "fraud", "general"]
        await hung_up_on(probe)
        assert (await line.closed())["outcome"] == "apology"
        assert line.service.service.sip._all_legs() == []


async def test_a_caller_who_leaves_while_it_rings_rings_no_longer(tmp_path: Path) -> None:
    async with hotline(tmp_path) as line:
        probe = await line.caller()
        await line.called()
        line.queue.say("180 Ringing")
        await asyncio.sleep(0.1)
        leaving = asyncio.create_task(probe.bye())
        assert (await line.queue.hung_up_on()).method == "CANCEL"
        await leaving
        await line.closed()
        assert not line.lines("bridged")
        assert line.service.service.stores.admission.taken == 0 or await _freed(line)


async def _freed(line: Hotline) -> bool:
    await until(lambda: line.service.service.stores.admission.taken == 0)
    return True


async def test_music_is_heard_while_an_ordinary_queue_rings_and_ends_when_it_answers(tmp_path: Path) -> None:
    async with hotline(tmp_path) as line:
        probe = await line.caller(keys="0")
        await line.called()
        line.queue.say("180 Ringing")
        while not probe.rtp.received.empty():
            probe.rtp.received.get_nowait()
        await sounds(probe)
        await line.queue.answer(talk=False)
        await until(lambda: line.lines("bridged"))
        await hears_nothing(probe)
        await end(line, probe)


async def hung_up_on(probe: Probe) -> None:
    """Until the bot has said what it has to say, and hangs up."""
    async with asyncio.timeout(30):
        while (message := Message.parse(await probe.sip.received.get())).method != "BYE":
            pass
    probe.reply(message, "200 OK")


async def sounds(probe: Probe | Queue) -> None:
    """Until a second of sound that is not silence (A-law 0xD5, 0x55) has come. Raises TimeoutError."""
    loud = 0
    async with asyncio.timeout(8):
        while loud < 50:
            packet = await probe.rtp.received.get()
            loud += len(set(packet[12:])) > 8


async def hears_nothing(probe: Probe) -> None:
    """Until a second of silence has come. Raises TimeoutError."""
    quiet = 0
    async with asyncio.timeout(8):
        while quiet < 50:
            packet = await probe.rtp.received.get()
            quiet = quiet + 1 if len(set(packet[12:])) <= 8 else 0


async def test_a_trunk_that_refuses_refer_is_bridged(tmp_path: Path) -> None:
    async with hotline(tmp_path, handoff={"way": "auto"}) as line:
        probe = await line.caller()
        refer = await probe.asked("REFER")
        probe.reply(refer, "405 Method Not Allowed")
        assert await line.called() == "card_emergency"
        await line.queue.answer()
        await hears(probe.rtp, AGENT_HERTZ)
        assert (await end(line, probe))["outcome"] == "handed_over"


async def test_a_queue_that_refuses_a_refer_is_not_called_again(tmp_path: Path) -> None:
    async with hotline(tmp_path, handoff={"way": "auto"}) as line:
        probe = await line.caller()
        seen: set[str] = set()

        def new(found: Message) -> bool:
            return not found.status and found.method == "REFER" and found.headers["cseq"] not in seen

        for queue in ("card_emergency", "fraud", "general"):
            refer = await probe.expect(new)
            seen.add(refer.headers["cseq"])
            assert queue in refer.headers["refer-to"]
            probe.reply(refer, "202 Accepted")
            probe.notify(refer, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
        await hung_up_on(probe)
        assert (await line.closed())["outcome"] == "apology"
        assert line.metric("voicebot_dials_total") == 0


class TestWarmHandOver:
    async def test_the_agent_hears_what_it_is_about_and_takes_it_by_1(self, tmp_path: Path) -> None:
        async with hotline(tmp_path, whisper=True) as line:
            probe = await line.caller()
            await line.called()
            await line.queue.answer(talk=False)
            await sounds(line.queue)
            assert not line.lines("bridged"), "the caller is not there yet"
            await line.queue.press("5")  # means nothing
            await line.queue.press("1")
            line.queue.talk()
            await hears(probe.rtp, AGENT_HERTZ)
            await hears(line.queue.rtp, CALLER_HERTZ)
            assert (await end(line, probe))["outcome"] == "handed_over"

    @pytest.mark.parametrize("agent", ["presses 2", "says nothing", "hangs up"])
    async def test_an_agent_who_does_not_take_it_sends_it_to_the_next_queue(self, tmp_path: Path, agent: str) -> None:
        async with hotline(tmp_path, whisper=True, handoff={"whisper_s": 0.3}) as line:
            probe = await line.caller()
            await line.called()
            await line.queue.answer()
            await sounds(line.queue)
            if agent == "hangs up":
                await line.queue.hang_up()
            else:
                if agent == "presses 2":
                    await line.queue.press("2")
                await line.queue.hung_up_on()
            line.queue.fall_silent()
            assert await line.called() == "fraud"
            await line.queue.answer()
            await hears(probe.rtp, AGENT_HERTZ)
            await end(line, probe)
            assert [result["reason"] for result in line.lines("HandOffResult")] == [
                "refused" if agent == "hangs up" else "passed_back",
                "",
            ]


class TestRecording:
    @pytest.mark.parametrize("bridged", [False, True])
    async def test_stops_where_the_conversation_with_the_bot_ends_unless_set_otherwise(
        self, tmp_path: Path, bridged: bool
    ) -> None:
        recording = {"enabled": True, "bridged": bridged, "folder": str(tmp_path / "recordings")}
        async with hotline(tmp_path, recording=recording) as line:
            probe = await line.caller()
            await line.called()
            await line.queue.answer()
            await until(lambda: line.lines("bridged"))
            while not probe.rtp.received.empty():
                probe.rtp.received.get_nowait()
            for _ in range(4):
                await hears(probe.rtp, AGENT_HERTZ)  # two seconds of the agent
            await end(line, probe)
            (file,) = (tmp_path / "recordings").glob("*.wav")
            with wave.open(str(file)) as sound:
                recorded_s = sound.getnframes() / sound.getframerate()
            joined_at = float(str(line.lines("bridged")[0]["t"]))
            ended_at = float(str(line.lines("bridge_ended")[0]["t"]))
            assert (recorded_s > joined_at + 1) is bridged
            assert recorded_s < ended_at + 1


class TestWhenTheServiceStops:
    async def test_callers_who_are_left_are_still_put_through(self, tmp_path: Path) -> None:
        """Though no new call is taken: the queue must be called from here."""
        async with hotline(tmp_path, handoff={"drain_bridged_s": 0.1}) as line:
            probe = await line.caller(keys="")
            draining = asyncio.create_task(line.service.service.drain(0.1))
            assert await line.called() == "general"
            await line.queue.answer()
            await hears(probe.rtp, AGENT_HERTZ)
            bye = asyncio.create_task(probe.asked("BYE"))
            assert (await line.queue.hung_up_on()).method == "BYE"
            probe.reply(await bye, "200 OK")
            await draining
            (ended,) = line.lines("bridge_ended")
            assert ended["by"] == "shutdown"

    async def test_those_who_are_with_an_agent_have_the_time_that_is_set_and_are_told(self, tmp_path: Path) -> None:
        async with hotline(tmp_path, handoff={"drain_bridged_s": 0.3}) as line:
            probe = await line.caller()
            await line.called()
            await line.queue.answer()
            await until(lambda: line.lines("bridged"))
            draining = asyncio.create_task(line.service.service.drain(0.1))
            assert (await line.queue.hung_up_on()).method == "BYE"
            line.queue.fall_silent()
            while not probe.rtp.received.empty():
                probe.rtp.received.get_nowait()
            await sounds(probe)
            await hung_up_on(probe)
            await draining

    async def test_a_reload_leaves_a_bridged_call_alone(self, tmp_path: Path) -> None:
        async with hotline(tmp_path) as line:
            probe = await line.caller()
            await line.called()
            await line.queue.answer()
            await until(lambda: line.lines("bridged"))
            await line.service.service.reload(line.service.service.settings)
            await hears(probe.rtp, AGENT_HERTZ)
            await hears(line.queue.rtp, CALLER_HERTZ)
            await end(line, probe)
