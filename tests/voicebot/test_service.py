"""The whole service under calls, with its state server killed and started again: nobody notices but the people who run it."""

from __future__ import annotations

import asyncio
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dialogs.data.bundle import Bundle
from dialogs.events import Action, CallStarted, CollectKeys, Event, HangUp, KeyPressed, Listen
from tests.voicebot.handoff.receiver import receiving
from tests.voicebot.running import open_service
from tests.voicebot.state.servers import StateServer, back, other, server
from voicebot.calls.load import LoadLevel
from voicebot.calls.server import CallServer
from voicebot.handoff.callbacks import Callback, CallbackStore
from voicebot.handoff.store import HandOffStore
from voicebot.health.report import report
from voicebot.records.journal import Line
from voicebot.softphone import (
    CallScript,
    Keys,
    OnTransfer,
    Pause,
    Play,
    UntilEnded,
    UntilSilent,
    UntilSpeaking,
    run_script_process,
)
from voicebot.state.shared import SharedState

__all__ = ["other", "server"]


async def test_calls_go_on_and_are_handed_over_while_the_state_server_is_killed_and_comes_back(
    server: StateServer, other: SharedState, tmp_path: Path
) -> None:
    """Killed while a caller listens to the greeting and a customer writes; more come while it is away, and after it is back.

    Everybody reaches their queue, and every agent finds the context, the ones of the outage too.
    """
    state, limits = {"redis_url": server.url}, {"max_shared_calls": 10}
    async with open_service(tmp_path, state={"data_dir": str(tmp_path), **state}, limits=limits) as service:
        killed: list[str] = []

        def kill(call_id: str, line: Line) -> None:
            if line.get("type") == "Say" and not killed:
                killed.append(call_id)
                server.kill()

        async with service.customer() as customer:
            await customer.until("options")
            service.listeners.append(kill)
            calls = [await service.call(UntilSpeaking(0.3), Pause(0.5), Keys("91"), UntilEnded(30))]
            assert killed, "the server was killed in the middle of this call"
            await (await customer.say("zgubiłem kartę")).until("options")
            await customer.key("1")  # yes, block it
            await customer.until("hotline")  # nobody could be told of the chat: the customer is told the number
            await customer.until_closed()
        async with service.customer() as customer, service.api() as api:
            await customer.until("options")
            await customer.key("9")
            await customer.until("hotline")
            await customer.until_closed()
            told = (await api.get("/metrics")).text.splitlines()
            assert 'voicebot_state_available{process="calls"} 0.0' in told
            assert (await api.get("/health")).json()["ready"] is True, "a service without its state server takes calls"
        calls.append(await service.call(UntilSpeaking(0.3), Keys("92"), UntilEnded(30)))

        server.start_again()
        calls.append(await service.call(UntilSpeaking(0.3), Keys("93"), UntilEnded(30)))

        assert [report.put_through for report, _ in calls] == [True, True, True]
        refs = [str(line["ref"]) for _, lines in calls for line in lines if line.get("kind") == "hand_off"]
        screen = HandOffStore(other)
        await back(service.service.stores.shared)
        await back(other)
        seen = [await screen.get(ref) for ref in refs]
        assert [record.intent if record else None for record in seen] == [
            "card_block",
            "fraud_report",
            "document_block",
        ]
        assert {record.priority for record in seen if record} == {10}
        assert not [line for _, lines in calls for line in lines if line.get("type") == "Failed"]
        async with service.api() as api:
            told = (await api.get("/metrics")).text.splitlines()
            assert 'voicebot_state_available{process="calls"} 1.0' in told
            assert 'voicebot_calls_total{outcome="handed_over",process="calls"} 3.0' in told
            assert 'voicebot_chats_total{outcome="apology",process="web"} 2.0' in told
            assert 'voicebot_live_calls{process="calls"} 0.0' in told


async def test_while_secret_keys_are_entered_nothing_is_recorded_or_written(tmp_path: Path) -> None:
    """Neither the keys nor what is heard meanwhile: tones in the audio would tell them. Before and after, both are."""

    class AsksForSecret:
        """A dialogue that collects four secret keys, and then one that is none."""

        def __init__(self, bundle: Bundle, call_id: str) -> None:
            self._left = 4

        def handle(self, event: Event, now: datetime) -> list[Action]:
            match event:
                case CallStarted():
                    return [CollectKeys(4, timeout_s=20.0, secret=True)]
                case KeyPressed() if self._left:
                    self._left -= 1
                    return [] if self._left else [Listen(no_input_s=20.0)]
                case KeyPressed():
                    return [HangUp("done")]
            return []

    tone = tmp_path / "tone.wav"
    with wave.open(str(tone), "wb") as file:
        file.setparams((1, 2, 8000, 8000, "NONE", ""))
        file.writeframes((12_000 * np.sin(2 * np.pi * 697 * np.arange(8000) / 8000)).astype("<i2").tobytes())
    sections: dict[str, Any] = {"recording": {"enabled": True, "folder": str(tmp_path / "recordings")}}
    async with open_service(tmp_path / "data", **sections) as service:
        services = replace(service.service.call_services, new_dialog=AsksForSecret)
        service.service.sip.serve = CallServer(services).serve
        steps = (Pause(0.5), Play(tone), Keys("4821"), Pause(0.5), Play(tone), Keys("7"), UntilEnded(10))
        report, lines = await service.call(*steps)
        assert report.answered
        assert await service.service.call_services.session.records.flush(10)
    assert [line["key"] for line in lines if line.get("type") == "KeyPressed"] == ["7"]
    (path,) = (tmp_path / "recordings").glob("*.wav")
    with wave.open(str(path)) as file:
        left = np.frombuffer(file.readframes(file.getnframes()), "<i2")[::2]
        loud = np.abs(left.reshape(-1)[: len(left) // 160 * 160].reshape(-1, 160)).max(axis=1) > 3000
        assert 0.6 < loud.sum() * 160 / file.getframerate() < 1.4, "of two tones of a second each, one was recorded"


async def test_a_process_with_too_much_to_do_refuses_calls_on_the_wire_and_health_says_why(tmp_path: Path) -> None:
    """So that the trunk takes its next target; any lag at all is too much here, and it is measured."""
    load = {"keys_only_lag_ms": 1e-6, "queue_lag_ms": 1e-6, "refuse_lag_ms": 1e-6, "over_s": 0.2, "calm_s": 600}
    async with open_service(tmp_path, limits={"load": load}) as service:
        host, port = service.service.sip.address
        meter = service.service.call_services.load
        assert meter is not None
        async with asyncio.timeout(60):
            while meter.level is not LoadLevel.REFUSE:
                await asyncio.sleep(0.05)
        script = CallScript(f"sip:+48225550100@{host}:{port}", (UntilEnded(20),), number="+48600100200", max_s=30.0)
        (refused,) = await run_script_process([script], host="127.0.0.1")
        assert (refused.answered, refused.status) == (False, 503)
        told = await report(service.service.parts)
        assert told["parts"]["load"] == {"ok": False, "needed": False, "why": "too high: refuse"}


async def test_stopping_lets_calls_and_chats_end_and_takes_no_more(tmp_path: Path) -> None:
    """A deploy costs nobody the conversation; one that goes on for ever does not hold it up."""
    async with open_service(tmp_path) as service, service.customer() as customer, service.customer() as idle:
        await customer.until("options")
        await idle.until("options")
        stopping = asyncio.create_task(service.drain(60.0))
        async with service.customer() as late:
            assert await late.until_closed() == 1013
        assert service.service.call_services.admission.draining
        await (await customer.key("9")).until("options")
        await customer.key("1")
        assert (await customer.until("handed_over"))["queue"] == "card_emergency"
        assert not stopping.done(), "somebody is still writing"
        await service.drain(0.05)
        assert (await idle.until("handed_over"))["queue"] == "general", "who is left is put through, not hung up on"
        await stopping
        assert service.web.chat is not None
        assert len(service.web.chat) == 0


async def test_without_the_chat_there_is_no_door_to_it(tmp_path: Path) -> None:
    """The rest of the web API is as before."""
    async with open_service(tmp_path, web={"chat": {"enabled": False}}) as service, service.api() as api:
        assert (await api.get("/chat")).status_code == 404
        assert (await api.get("/api/callbacks")).json() == {"callbacks": [], "served": []}


async def test_an_answer_to_the_survey_is_a_figure_and_in_the_record(tmp_path: Path) -> None:
    """By key, on the line where the switchboard puts callers after the agent."""
    async with open_service(tmp_path) as service, service.api() as api:
        await service.call(UntilSilent(0.6), Keys("1"), UntilEnded(20), line="+48225550102")
        told = (await api.get("/metrics")).text.splitlines()
        assert 'voicebot_survey_answers_total{answer="helped",line="survey",process="calls"} 1.0' in told
        assert await service.service.call_services.session.records.flush(10)
        (call,) = (await api.get("/api/calls")).json()["calls"]
        assert (call["line"], call["survey"]) == ("survey", "helped")
        (counted,) = (await api.get("/api/survey")).json()["answers"]
        assert (counted["answer"], counted["calls"]) == ("helped", 1)


async def test_whoever_was_promised_a_callback_and_is_put_through_by_a_new_call_is_not_called(
    server: StateServer, other: SharedState, tmp_path: Path
) -> None:
    """It is in the journal, the figures, the list, and what the bank is told. A transfer that fails ends no promise."""
    promised = datetime(2026, 1, 5, 10, tzinfo=UTC)
    store = CallbackStore(other)
    for ref, number in (("mine", "+48600100200"), ("another", "+48600100201")):
        await store.put(Callback(ref, "card_emergency", number, promised))
    async with receiving() as bank:
        sections: dict[str, Any] = {
            "state": {"data_dir": str(tmp_path), "redis_url": server.url},
            "handoff": {"webhook": {"url": bank.url, "secret": "a secret of the bank"}},
        }
        trunk = {"P-Asserted-Identity": "<sip:+48600100200@127.0.0.1>"}
        async with open_service(tmp_path, **sections) as service, service.api() as api:
            steps = (UntilSpeaking(0.3), Keys("91"), UntilSilent(0.5), Pause(2.0))
            _, lines = await service.call(*steps, headers=trunk, on_transfer=OnTransfer.REFUSE)
            assert [line["ok"] for line in lines if line.get("type") == "HandOffResult"][:1] == [False]
            assert [each.ref for each in await store.waiting("card_emergency")] == ["another", "mine"]
            report, lines = await service.call(UntilSpeaking(0.3), Keys("91"), UntilEnded(30), headers=trunk)
            assert report.put_through
            noted = [(line["ref"], line["queue"]) for line in lines if line.get("kind") == "callback_served"]
            assert noted == [("mine", "card_emergency")]
            listed = (await api.get("/api/callbacks/card_emergency")).json()
            assert [each["ref"] for each in listed["callbacks"]] == ["another"]
            assert [(each["ref"], each["call_id"] in service.journals) for each in listed["served"]] == [("mine", True)]
            told = (await api.get("/metrics")).text.splitlines()
            assert 'voicebot_callbacks_total{process="calls",queue="card_emergency",what="served"} 1.0' in told
            assert 'voicebot_callbacks_waiting{process="web",queue="card_emergency"} 1.0' in told
            (heard,) = await bank.told("callback.served")
            assert heard["data"]["ref"] == "mine"


async def test_everything_goes_by_the_service_s_one_clock(tmp_path: Path) -> None:
    """A hand-off made by it is there for the agent, a switch holds by it, and a record is named by it."""
    then = datetime(2019, 11, 20, 11, tzinfo=UTC)
    async with open_service(tmp_path, clock=lambda: then) as service, service.api() as api, service.customer() as customer:
        order = {"kind": "surge", "on": True, "who": "anna", "until": (then + timedelta(hours=1)).isoformat()}
        assert (await api.post("/api/switches", json=order)).json()["when"] == then.isoformat()
        await customer.until("options")
        await (await customer.key("9")).until("options")
        await customer.key("1")
        ref = (await customer.until("handed_over"))["ref"]
        shown = (await api.get(f"/api/handoffs/{ref}")).json()
        assert (shown["created"], shown["call_id"][:8]) == (then.isoformat(), "20191120")
        assert [each["kind"] for each in (await api.get("/api/switches")).json()["switches"]] == ["surge"]


class BrokenEndpoint:
    """Cannot be drained."""

    async def drain(self, seconds: float) -> bool:
        raise ZeroDivisionError


async def test_an_endpoint_that_cannot_be_drained_costs_no_caller_the_hand_over(tmp_path: Path) -> None:
    """Whoever is left, in a call or a chat, still gets to a person."""
    async with open_service(tmp_path) as service, service.customer() as customer:
        await customer.until("options")
        broken = replace(service.service, endpoints=(BrokenEndpoint(),))  # type: ignore[arg-type]
        await asyncio.gather(broken.drain(0.05), service.web.drain(0.05))
        assert (await customer.until("handed_over"))["queue"] == "general"
        async with service.api() as api:
            health = await api.get("/health")
            assert (health.status_code, health.json()["parts"]["calls"]["why"]) == (503, "admission: no place for another call")
