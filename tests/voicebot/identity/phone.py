"""A whole service that a customer of the directory calls over SIP, speaking and pressing keys. Only what the recogniser hears and
the classifier makes of it is written down.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audio.prompt_store import PromptStore
from audio.synthesis import EspeakVoice
from audio.types import Reading, RecogniserStream, Recognition
from caller_id.customer_import import import_customers
from caller_id.types import Segment
from dialogs.data.bundle import DEFAULT_BUNDLE, Bundle
from dialogs.events import Say as Spoken
from dialogs.rehearsal.meanings import parse_meaning
from nlu.pack.pack import BANK_PACK, Pack
from nlu.types import Hypothesis, Understanding
from nlu.understanding.keywords import KeywordUnderstander
from tests.voicebot.identity.bank import publish
from tests.voicebot.running import RunningService, open_service
from voicebot.engines import Engines
from voicebot.handoff.record import HandOffRecord
from voicebot.handoff.store import HandOffStore
from voicebot.identity.clients import Client
from voicebot.identity.keys import new_key
from voicebot.identity.tickets import Order
from voicebot.prompts.speaking import Speaker
from voicebot.records.journal import Line
from voicebot.softphone import CallReport, CallScript, Step, run_script_process
from voicebot.understanding.service import UnderstandingService

CUSTOMERS = {f"C-{at}": f"+4860010020{at}" for at in range(1, 8)}
"""Of the directory, with their numbers."""
STRANGER = "+48601234567"
"""A number that is nobody's."""
REF = "X-Call-Ref"


@dataclass
class Ear:
    """A recogniser that hears the caller's one sentence in whatever sound comes."""

    says: str
    name: str = "test"

    def open(
        self, *, language: str, sample_rate: int, expect: str = "open", on_partial: Callable[[str], None] | None = None
    ) -> RecogniserStream:
        return Heard(self.says)

    def close(self) -> None: ...


@dataclass
class Heard:
    text: str

    def feed(self, pcm: bytes) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...

    async def finish(self) -> Recognition:
        return Recognition((Reading(self.text, 0.9),))


class Mouth(Speaker):
    """Keeps what is said."""

    said: list[Spoken]

    async def pcm(self, say: Spoken, sample_rate: int) -> bytes:
        self.said.append(say)
        return await super().pcm(say, sample_rate)


@dataclass
class Call:
    """What became of one."""

    report: CallReport
    lines: list[Line]
    record: HandOffRecord | None
    """What the agent sees."""

    @property
    def prompts(self) -> list[str]:
        """What the caller heard, by id."""
        return prompts_of(self.lines)

    @property
    def seen(self) -> HandOffRecord:
        """What the agent sees; the test fails when there is no agent."""
        assert self.report.put_through
        assert self.record is not None
        return self.record


def prompts_of(lines: Sequence[Line]) -> list[str]:
    return [str(prompt["id"]) for line in lines if line.get("type") == "Say" for prompt in line["prompts"]]


@dataclass
class Phone:
    """The service, and what its callers heard."""

    service: RunningService
    said: list[Spoken]

    @property
    def pairs(self) -> list[str]:
        """The two words, each time they were said to somebody."""
        told = [dict(prompt.params) for say in self.said for prompt in say.prompts if prompt.id == "app_pair"]
        return [each["pair"] for each in told]

    async def calls(self, scripts: Mapping[str, Sequence[Step]]) -> dict[str, Call]:
        """Calls at one time, by who calls: a customer of the directory, or a name that is nobody's."""
        host, port = self.service.service.sip.address
        target = f"sip:+48225550100@{host}:{port}"
        wanted = [
            CallScript(target, tuple(steps), name=who, number=CUSTOMERS.get(who, STRANGER), headers={REF: who}, max_s=90.0)
            for who, steps in scripts.items()
        ]
        reports = await run_script_process(wanted, host="127.0.0.1")
        for call_id in self.service.journals:
            await self.service.closed(call_id)
        return {report.call: await self._call(report) for report in reports}

    async def until_said(self, who: str, prompt: str) -> None:
        """Wait until this caller is being told that."""
        async with asyncio.timeout(80):
            while prompt not in prompts_of(self._lines(who)):
                await asyncio.sleep(0.02)

    def _lines(self, who: str) -> list[Line]:
        """The journal of the latest call of this caller."""
        offered = [lines for lines in self.service.journals.values() if any(line.get("call_ref") == who for line in lines)]
        return offered[-1] if offered else []

    async def _call(self, report: CallReport) -> Call:
        lines = self._lines(report.call)
        refs = [str(line["ref"]) for line in lines if line.get("kind") == "hand_off"]
        record = await HandOffStore(self.service.service.stores.shared).get(refs[-1]) if refs else None
        return Call(report, lines, record)

    async def code(self, customer: str, **more: Any) -> str:
        """What the customer's app shows."""
        told = {"segment": Segment.SELECT, "level": "app-pin", "auth_time": datetime.now(UTC), "phone_code": True}
        issued = await self.service.web.identity.tickets.issue(Client("app"), Order(customer, **{**told, **more}))
        assert issued.code is not None
        return issued.code


def bundle_asking_for_proof(folder: Path) -> Path:
    """The default bundle, wanting proof before a matter whose people are there at any hour: tests run at night as well."""
    copied = Path(shutil.copytree(DEFAULT_BUNDLE, folder / "bundle"))
    routes = copied / "routes.yml"
    text = routes.read_text(encoding="utf-8")
    line, hours = '    numbers: ["+48225550100"]\n', "{target: accounts, hours: long}"
    assert line in text
    assert hours in text
    text = text.replace(line, f"{line}    app_confirmation: [personal_data]\n").replace(
        hours, "{target: accounts, hours: always}"
    )
    routes.write_text(text, encoding="utf-8")
    return copied


def directory(folder: Path) -> Path:
    """The customers' file."""
    rows = folder / "customers.csv"
    rows.write_text(
        "number;segment;customer_ref\n" + "".join(f"{number};mass;{customer}\n" for customer, number in CUSTOMERS.items())
    )
    import_customers(rows, folder / "customers.db", most_lost=0)
    return folder / "customers.db"


@asynccontextmanager
async def phone(folder: Path, *, says: str = "", means: str = "out_of_scope", **identity: Any) -> AsyncIterator[Phone]:
    """The service. The caller `says` one thing, in whatever words are spoken, and it `means` this."""
    said: list[Spoken] = []

    async def understand(hypotheses: Sequence[Hypothesis], language: str) -> Understanding:
        return parse_meaning(means, hypotheses[0].text)

    @asynccontextmanager
    async def engines(bundle: Bundle, data_dir: Path, clock: Callable[[], datetime]) -> AsyncIterator[Engines]:
        keywords = KeywordUnderstander(Pack(BANK_PACK))
        store = PromptStore(data_dir / "prompts", {language: [EspeakVoice(language)] for language in bundle.prompts.files})
        mouth = Mouth(bundle, store, clock=clock)
        mouth.said = said
        ear = Ear(says)
        understanding = UnderstandingService(understand, local=None, keywords=keywords, languages=bundle.prompts.languages)
        try:
            yield Engines(understanding, mouth, {"pl": ear, "en": ear} if says else {})
        finally:
            await store.close()

    publish(folder / "app.json", new_key())
    client = {"id": "app", "jwks_file": str(folder / "app.json"), "may": ["tickets", "advisor_proofs"]}
    opened: AbstractAsyncContextManager[RunningService] = open_service(
        folder,
        opens=engines,
        bundle=bundle_asking_for_proof(folder),
        identity={
            "clients": [client],
            "keys_file": str(folder / "keys.json"),
            "tickets": {"per_customer_minute": 100},
            **identity,
        },
        customers={"sqlite": str(directory(folder))},
    )
    async with opened as service:
        yield Phone(service, said)
