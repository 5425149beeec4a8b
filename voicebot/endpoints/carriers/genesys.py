"""Genesys AudioHook (Audio Connector): the Architect flow goes on with our output variables when the session ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from pipecat.serializers.genesys import GenesysAudioHookSerializer

from voicebot.endpoints.carriers.settings import GenesysSettings
from voicebot.endpoints.carriers.stream import RATE, CarrierStream, Refused
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget
from voicebot.endpoints.streams.variables import variables_of

log = logging.getLogger(__name__)

_PROBE = "00000000-0000-0000-0000-000000000000"
"""The conversation of a session that only tries whether we are there."""
_CLOSED_S = 5.0


class GenesysStream(CarrierStream[GenesysSettings]):
    """A call by Genesys Cloud."""

    ahead_s = 0.2  # they limit how many messages may come in a second
    _left = False
    _hook: GenesysAudioHookSerializer | None = None

    async def take(self, said: Mapping[str, Any]) -> bool:
        """See `CarrierStream`."""
        match said.get("type"):
            case "open":
                await self._opened(said)
                return True
            case "close":
                await self._closed(said)
                return True
            case "pause" | "paused":  # the serializer would never take it back
                self._hold(True)
                return True
            case "resumed":
                self._hold(False)
                return True
            case "dtmf" if not isinstance(said.get("parameters"), dict):
                return True
        return self._hook is None

    async def _opened(self, said: Mapping[str, Any]) -> None:
        if self._hook is not None:  # the session is open
            return
        parameters = said["parameters"]
        who = parameters.get("participant") or {}
        conversation = str(parameters.get("conversationId", ""))
        hook = GenesysAudioHookSerializer(GenesysAudioHookSerializer.InputParams(resampler_clear_after_secs=None))
        if conversation == _PROBE:
            await self._answer(hook, said)
            self._hook = hook
            return
        self._hook = hook
        if not _has_ulaw(parameters.get("media")):
            log.error("genesys: no sound in PCMU at 8000 Hz is offered; set the connector's media to PCMU")
            await self.turn_away()
            return
        await self._answer(hook, said)
        offer = CallOffer(
            conversation or str(said["id"]),
            f"sip:{_number(who.get('ani')) or 'anonymous'}@genesys",
            f"sip:{_number(who.get('dnis'))}@genesys",
            {"x-call-ref": conversation},
            trunk="genesys",
            caller_id=self.settings.caller_id,
            steered=True,
        )
        await self.begin(offer, hook)

    async def _answer(self, hook: GenesysAudioHookSerializer, said: Mapping[str, Any]) -> None:
        frame = await hook.deserialize(json.dumps(said))
        if frame is not None:
            await self._framed(frame)

    async def _closed(self, said: Mapping[str, Any]) -> None:
        """They end the session, on our wish or because the caller left: `closed`, and then they close the connection."""
        if self._hook is not None:
            await self._answer(self._hook, said)
        self._left = said.get("parameters", {}).get("reason") == "end"
        self.over.set()
        if self.leg is not None:
            self.leg.closed("Genesys closed the session")

    def _hold(self, held: bool) -> None:
        if self.leg is not None:
            self.leg.holds(held)

    async def put_through(self, target: TransferTarget) -> TransferOutcome:
        """End the session with the queue as an output variable; done when Genesys has closed it."""
        await self._disconnect("completed", "transfer", variables_of(target))
        try:
            async with asyncio.timeout(_CLOSED_S):
                await self.over.wait()
        except TimeoutError:
            raise Refused("Genesys did not close the session") from None
        if self._left:
            raise Refused("the caller left")
        return TransferOutcome(True, status=200)

    async def put_through_to_default(self) -> None:
        """Without QUEUE the flow goes on to its default queue."""
        await self._disconnect("error", "transfer", {"QUEUE": ""})

    async def hang_up(self) -> None:
        """See `CarrierStream`."""
        await self._disconnect("completed", "finished", {})

    async def _disconnect(self, reason: str, action: str, variables: dict[str, str]) -> None:
        if self._hook is None:
            raise Refused("the session is not open")
        if self.over.is_set():
            return
        self._hook.set_output_variables({"action": action, **variables})
        try:
            await self.say(self._hook.create_disconnect_message(reason, action, dict(variables)))
        except ConnectionError as error:
            raise Refused(str(error)) from error


def _has_ulaw(told: object) -> bool:
    """Whether one of the formats that they offer is ours."""
    offered = told if isinstance(told, list) else []
    return any(isinstance(each, dict) and each.get("format") == "PCMU" and each.get("rate") == RATE for each in offered)


def _number(told: object) -> str:
    """Genesys writes tel:+48… and sip:…@…"""
    return str(told or "").removeprefix("tel:").removeprefix("sip:").partition("@")[0]
