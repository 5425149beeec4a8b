"""Telnyx media streaming (bidirectional RTP payloads), with the call commands of their REST interface."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pipecat.serializers.telnyx import TelnyxFrameSerializer

from voicebot.endpoints.carriers.rest import address_of, post
from voicebot.endpoints.carriers.settings import TelnyxSettings
from voicebot.endpoints.carriers.stream import RATE, CarrierStream
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget

log = logging.getLogger(__name__)

_ENCODINGS = ("PCMU", "PCMA")


class TelnyxStream(CarrierStream[TelnyxSettings]):
    """A call by Telnyx."""

    _call = ""

    async def take(self, said: Mapping[str, Any]) -> bool:
        """See `CarrierStream`."""
        match said.get("event"):
            case "start":
                await self._started(said)
            case "mark":
                self.marked(str(said["mark"]["name"]))
            case "stop":
                self.over.set()
                self.close()
            case "media" | "dtmf":
                return False
        return True

    async def _started(self, said: Mapping[str, Any]) -> None:
        if self.offer is not None:  # the call is the one that began
            return
        start = said["start"]
        form = start.get("media_format") or {}
        encoding, rate = str(form.get("encoding", "PCMU")), str(form.get("sample_rate", RATE))
        self._call = str(start["call_control_id"])
        if encoding not in _ENCODINGS or rate != str(RATE):
            log.error("telnyx: sound in %.20s at %.10s Hz; set the stream's codec to PCMU or PCMA", encoding, rate)
            await self.turn_away()
            return
        offer = CallOffer(
            self._call,
            f"sip:{start.get('from') or 'anonymous'}@telnyx",
            f"sip:{start.get('to') or ''}@telnyx",
            {"x-call-ref": str(start.get("call_session_id") or self._call)},
            trunk="telnyx",
            caller_id=self.settings.caller_id,
            steered=True,
        )
        params = TelnyxFrameSerializer.InputParams(auto_hang_up=False)
        await self.begin(offer, TelnyxFrameSerializer(str(said.get("stream_id", "")), encoding, encoding, params=params))

    def mark_message(self, name: str) -> Mapping[str, Any]:
        """See `CarrierStream`."""
        return {"event": "mark", "mark": {"name": name}}

    async def put_through(self, target: TransferTarget) -> TransferOutcome:
        """See `CarrierStream`."""
        await self._command("transfer", to=address_of(target, self.settings))
        return TransferOutcome(True, status=200)

    async def put_through_to_default(self) -> None:
        """See `CarrierStream`."""
        await self._command("transfer", to=self.settings.default)

    async def hang_up(self) -> None:
        """See `CarrierStream`."""
        await self._command("hangup")

    async def _command(self, action: str, **body: str) -> None:
        url = f"{self.settings.api}/v2/calls/{quote(self._call, safe='')}/actions/{action}"
        await post(url, self.settings.request_s, bearer=self.settings.api_key.get_secret_value(), body=body)
