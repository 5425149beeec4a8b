"""Twilio Media Streams (bidirectional, <Connect><Stream>). The call goes on in its TwiML when the stream ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from pipecat.serializers.twilio import TwilioFrameSerializer

from voicebot.endpoints.carriers.rest import address_of, post
from voicebot.endpoints.carriers.settings import TwilioSettings
from voicebot.endpoints.carriers.stream import RATE, CarrierStream
from voicebot.endpoints.leg import CallOffer, TransferOutcome, TransferTarget

log = logging.getLogger(__name__)


def is_signed(settings: TwilioSettings, signature: str) -> bool:
    """Whether a request's X-Twilio-Signature is theirs: HMAC-SHA1 of the URL that the stream names."""
    key = settings.auth_token.get_secret_value().encode()
    made = base64.b64encode(hmac.digest(key, settings.public_url.encode(), hashlib.sha1)).decode()
    return hmac.compare_digest(signature.encode(errors="replace"), made.encode())


class TwilioStream(CarrierStream[TwilioSettings]):
    """A call by Twilio."""

    _stream = _call = ""

    async def take(self, said: Mapping[str, Any]) -> bool:
        """See `CarrierStream`."""
        match said.get("event"):
            case "start":
                await self._started(said["start"])
            case "mark":
                self.marked(str(said["mark"]["name"]))
            case "stop":
                self.over.set()
                self.close()
            case "media" | "dtmf":
                return False
        return True

    async def _started(self, start: Mapping[str, Any]) -> None:
        if self.offer is not None:  # the call is the one that began
            return
        told = {name: value for name, value in start.get("customParameters", {}).items() if isinstance(value, str)}
        self._stream, self._call = str(start["streamSid"]), str(start["callSid"])
        if not _is_ulaw(start.get("mediaFormat")):
            log.error("twilio: sound in a format that is not audio/x-mulaw at 8000 Hz")
            await self.turn_away()
            return
        offer = CallOffer(
            self._call,
            f"sip:{told.get('from') or 'anonymous'}@twilio",
            f"sip:{told.get('to', '')}@twilio",
            {"x-call-ref": self._call},
            trunk="twilio",
            caller_id=self.settings.caller_id,
            steered=True,
        )
        params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        await self.begin(offer, TwilioFrameSerializer(self._stream, params=params))

    def mark_message(self, name: str) -> Mapping[str, Any]:
        """See `CarrierStream`."""
        return {"event": "mark", "streamSid": self._stream, "mark": {"name": name}}

    async def put_through(self, target: TransferTarget) -> TransferOutcome:
        """New TwiML for the call: <Dial>; behind it stands the default queue."""
        address, default = address_of(target, self.settings), self.settings.default
        again = "" if address == default else _dial(default, target)
        await self._update(Twiml=f"<Response>{_dial(address, target)}{again}</Response>")
        return TransferOutcome(True, status=200)

    async def put_through_to_default(self) -> None:
        """See `CarrierStream`."""
        await self._update(Twiml=f"<Response>{_dial(self.settings.default, None)}</Response>")

    async def hang_up(self) -> None:
        """See `CarrierStream`."""
        await self._update(Status="completed")

    async def _update(self, **form: str) -> None:
        settings = self.settings
        url = f"{settings.api}/2010-04-01/Accounts/{settings.account}/Calls/{quote(self._call, safe='')}.json"
        await post(url, settings.request_s, auth=(settings.account, settings.auth_token.get_secret_value()), form=form)


def _is_ulaw(told: object) -> bool:
    """Twilio has one format. What it does not tell is that one."""
    said = told if isinstance(told, dict) else {}
    return said.get("encoding", "audio/x-mulaw") == "audio/x-mulaw" and str(said.get("sampleRate", RATE)) == str(RATE)


def _dial(address: str, target: TransferTarget | None) -> str:
    """The opaque reference goes along as a SIP header, where the address is a SIP URI."""
    if address.startswith("+"):
        return f"<Dial><Number>{escape(address)}</Number></Dial>"
    told = f"?{urlencode({'X-Handoff-Ref': target.ref})}" if target is not None and target.ref and "?" not in address else ""
    return f"<Dial><Sip>{escape(address + told)}</Sip></Dial>"
