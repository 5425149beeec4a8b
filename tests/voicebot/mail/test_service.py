"""A message is kept before anybody is told, handed over once, and forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, delete

from dialogs.data.bundle import load_bundle
from tests.voicebot.state.servers import StateServer
from tests.voicebot.web.serving import by_keywords
from voicebot.cases.models import CaseHistoryRow, CaseRow
from voicebot.cases.settings import CasesSettings
from voicebot.cases.store import Cases
from voicebot.cases.sweep import CaseSweep
from voicebot.config.settings import Settings
from voicebot.handoff.callback_service import CallbackService
from voicebot.handoff.callbacks import CallbackStore
from voicebot.handoff.service import HandOffService
from voicebot.handoff.store import HandOffStore
from voicebot.mail.models import MessageRow
from voicebot.mail.service import Incoming, MailService, MessageTwice
from voicebot.mail.steering import Mail, MailSteering
from voicebot.mail.store import Messages
from voicebot.records import schema
from voicebot.records.engine import open_engine
from voicebot.state.shared import SharedState
from voicebot.web.service import open_web

BUNDLE = load_bundle()
FRIDAY = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)
LOST = Incoming("m1", Mail("karta", "Zgubiłam kartę, proszę zastrzec.", "pl"), "+48600100200", "anna@example.org", ("skan.pdf",))
FEES = Incoming("m2", Mail("opłata", "Za co ta opłata?", "pl"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'calls.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = open_engine(url)
    schema.ready(opened)
    with opened.begin() as connection:  # the server is one for all tests
        for table in (MessageRow, CaseHistoryRow, CaseRow):
            connection.execute(delete(table))
    yield opened
    opened.dispose()


class Bank:
    """A bank that takes messages, with a clock that is moved by hand."""

    def __init__(self, shared: SharedState, engine: Engine) -> None:
        self.now = FRIDAY
        self.handoffs = HandOffStore(shared, clock=lambda: self.now)
        self.callbacks = CallbackService(CallbackStore(shared), BUNDLE, clock=lambda: self.now)
        self.messages, self.cases = Messages(engine), Cases(engine)
        self.sweep = CaseSweep(self.cases, self.handoffs, self.callbacks, CasesSettings(), clock=lambda: self.now)
        self.service = MailService(
            MailSteering(by_keywords, lambda: BUNDLE, clock=lambda: self.now),
            self.messages,
            HandOffService(self.handoffs, None, lambda queue: queue, callbacks=self.callbacks, clock=lambda: self.now),
            hash_of=lambda text: f"hash of {text}",
            keep_days=30,
            clock=lambda: self.now,
        )


@pytest.fixture
def bank(shared: SharedState, engine: Engine) -> Bank:
    return Bank(shared, engine)


async def test_a_message_becomes_one_case_and_an_emergency_is_due_within_the_hour(bank: Bank) -> None:
    lost, new = await bank.service.take(LOST)
    fees, _ = await bank.service.take(FEES)
    assert (new, lost.urgency, lost.missing) == (True, "emergency", ())
    assert (await bank.service.take(LOST))[0] == replace(lost, handed=True)
    assert await bank.sweep.look() == 2
    assert await bank.sweep.look() == 0
    case, other = bank.cases.of(lost.ref), bank.cases.of(fees.ref)
    assert case is not None
    assert other is not None
    assert case.words == "karta\n\nZgubiłam kartę, proszę zastrzec.\n\n[skan.pdf]"
    assert case.due_at - case.asked_at == timedelta(minutes=30)
    assert other.due_at > case.due_at
    assert case.call_id == lost.call_id


async def test_another_message_under_a_known_id_is_refused(bank: Bank) -> None:
    kept, _ = await bank.service.take(LOST)
    with pytest.raises(MessageTwice, match="m1"):
        await bank.service.take(replace(LOST, mail=FEES.mail))
    assert bank.messages.of("m1") == replace(kept, handed=True)


async def test_what_comes_while_the_state_server_is_away_is_handed_over_when_it_is_back(bank: Bank, server: StateServer) -> None:
    server.freeze()
    kept, new = await bank.service.take(LOST)
    assert new
    assert [each.ref for each in bank.messages.to_hand_over()] == [kept.ref]
    server.thaw()
    while bank.messages.to_hand_over():
        await bank.service.look()
    assert await bank.handoffs.to_do() == [kept.ref]


async def test_a_person_is_found_by_number_or_address_and_erased(bank: Bank) -> None:
    await bank.service.take(LOST)
    await bank.service.take(FEES)
    by_number = bank.messages.of_person(["hash of +48600100200"])
    by_address = bank.messages.of_person(["hash of anna@example.org"])
    assert [each.id for each in by_number] == [each.id for each in by_address] == ["m1"]
    assert bank.messages.erase([by_number[0].ref]) == 1
    assert bank.messages.of("m1") is None
    assert bank.messages.of("m2") is not None


async def test_old_messages_are_deleted(bank: Bank) -> None:
    await bank.service.take(LOST)
    bank.now += timedelta(days=29)
    await bank.service.take(FEES)
    await bank.service.look()
    bank.now += timedelta(days=2)
    await bank.service.look()
    assert (bank.messages.of("m1"), bank.messages.of("m2") is not None) == (None, True)


@pytest.mark.parametrize("enabled", [True, False])
async def test_the_web_process_takes_messages_where_that_is_set(server: StateServer, tmp_path: Path, enabled: bool) -> None:
    settings = Settings.model_validate(
        {
            "state": {"data_dir": str(tmp_path), "redis_url": server.url},
            "web": {"port": 0, "token": "a-token-for-tests", "chat": {"enabled": False}},
            "mail": {"enabled": enabled, "imap": {"host": "imap.bank.example", "user": "contact", "password": "a-password"}},
        }
    )
    child = Settings.model_validate_json(settings.as_json())  # as a child process gets them
    headers = {"Authorization": "Bearer a-token-for-tests"}
    async with (
        open_web(child, understanding=by_keywords()) as web,
        httpx.AsyncClient(base_url="http://{}:{}".format(*web.api), headers=headers) as client,
    ):
        answer = await client.post("/api/messages", json={"id": "m1", "text": "Zgubiłam kartę."})
        metrics = (await client.get("/metrics")).text
    assert answer.status_code == (200 if enabled else 404)
    assert ('voicebot_messages_total{process="web",queue="card_emergency"' in metrics) is enabled


@pytest.mark.parametrize(
    ("imap", "said"),
    [
        ({"host": "imap.bank.example", "tls": False}, "clear"),
        ({"host": "imap.bank.example", "done_flag": "a b"}, "done_flag"),
        ({"host": ""}, "host"),
    ],
)
def test_settings_of_a_mailbox_that_cannot_be_are_refused(imap: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate({"mail": {"imap": {"user": "contact", "password": "x", **imap}}})
