"""A whole service that a customer of the directory calls over SIP, speaking and pressing keys. Only what the recogniser hears and
the classifier makes of it is written down.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
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
from tests.voicebot.identity.bank import new_key, publish
from tests.voicebot.running import RunningService, open_service
from voicebot.engines import Engines
from voicebot.handoff.record import HandOffRecord
from voicebot.handoff.store import HandOffStore
from voicebot.identity.clients import Client
from voicebot.identity.tickets import Order
from voicebot.prompts.speaking import Speaker
from voicebot.records.journal import Line
from voicebot.softphone import CallReport, CallScript, Step, run_script_process
from voicebot.understanding.service import UnderstandingService

NUMBER, CUSTOMER = "+48600100200", "C-1"


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
class Phone:
    """The service, and what its callers heard."""

    service: RunningService
    said: list[Spoken] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """By id, in order."""
        return [prompt.id for say in self.said for prompt in say.prompts]

    @property
    def pairs(self) -> list[str]:
        """The two words, each time they were said."""
        told = [dict(prompt.params) for say in self.said for prompt in say.prompts if prompt.id == "app_pair"]
        return [each["pair"] for each in told]

    async def until_said(self, *prompts: str) -> None:
        """Wait until the caller is being told one of these."""
        async with asyncio.timeout(40):
            while not set(prompts) & set(self.prompts):
                await asyncio.sleep(0.02)

    async def handed(self, lines: Sequence[Line]) -> HandOffRecord:
        """What the agent sees of the call."""
        ref = [str(line["ref"]) for line in lines if line.get("kind") == "hand_off"][-1]
        record = await HandOffStore(self.service.service.stores.shared).get(ref)
        assert record is not None
        return record

    async def together(self, *steps: Step, numbers: Sequence[str]) -> list[CallReport]:
        """As many calls at one time, from these numbers."""
        host, port = self.service.service.sip.address
        target = f"sip:+48225550100@{host}:{port}"
        scripts = [CallScript(target, steps, number=number, max_s=60.0) for number in numbers]
        reports = await run_script_process(scripts, host="127.0.0.1")
        for call_id in self.service.journals:
            await self.service.closed(call_id)
        return reports

    async def code(self, customer: str = CUSTOMER, **more: Any) -> str:
        """What the customer's app shows."""
        told = {"segment": Segment.SELECT, "level": "app-pin", "auth_time": datetime.now(UTC), "phone_code": True}
        issued = await self.service.web.identity.tickets.issue(Client("app"), Order(customer, **{**told, **more}))
        assert issued.code is not None
        return issued.code


def bundle_asking_for_proof(folder: Path) -> Path:
    """The default bundle, wanting proof before two matters."""
    copied = Path(shutil.copytree(DEFAULT_BUNDLE, folder / "bundle"))
    routes = copied / "routes.yml"
    text, line = routes.read_text(encoding="utf-8"), '    numbers: ["+48225550100"]\n'
    assert line in text
    routes.write_text(text.replace(line, f"{line}    app_confirmation: [personal_data, loan_service]\n"), encoding="utf-8")
    return copied


def directory(folder: Path) -> Path:
    """The customers' file, in which the number is the customer's."""
    rows = folder / "customers.csv"
    rows.write_text(f"number;segment;language;tenure_years;customer_ref\n{NUMBER};mass;;;{CUSTOMER}\n", encoding="utf-8")
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
