"""The webhook: signed, tried again, never in the way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.voicebot.handoff.receiver import Receiver, receiving
from tests.voicebot.logged import line_with
from voicebot.handoff.undelivered import Undelivered
from voicebot.handoff.webhook import Webhook, backoff, signature

SECRET = "a secret of the bank"


def files(folder: Path) -> list[Path]:
    """Of messages; the lock beside them is hidden."""
    return sorted(folder.glob("*.json"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
async def webhook(receiver: Receiver) -> AsyncIterator[Webhook]:
    hook = Webhook(receiver.url, SECRET, wait_before=lambda _attempt: 0.0)
    await hook.start()
    yield hook
    await hook.close()


async def settled(hook: Webhook) -> None:
    """Wait until every message is delivered or given up."""
    async with asyncio.timeout(10):
        await hook.settled()


async def test_a_message_arrives_signed(receiver: Receiver, webhook: Webhook) -> None:
    """The receiver can check who sent it and when."""
    webhook.fire("handoff.transfer", "id-1", {"queue": "cards"})
    await settled(webhook)
    headers, body = receiver.requests[0]
    assert receiver.messages() == [{"event": "handoff.transfer", "id": "id-1", "data": {"queue": "cards"}}]
    timestamp = headers["x-voicebot-signature"].partition(",")[0].removeprefix("t=")
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-voicebot-signature"] == f"t={timestamp},v1={expected}"
    assert headers["x-voicebot-delivery"] == "id-1"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_a_failed_message_is_tried_again_with_the_same_id(receiver: Receiver, webhook: Webhook, status: int) -> None:
    """The receiver can tell a repeat from a new message."""
    receiver.statuses = [status, status]
    webhook.fire("e", "id-1", {})
    await settled(webhook)
    assert [headers["x-voicebot-delivery"] for headers, _ in receiver.requests] == ["id-1"] * 3
    assert (webhook.delivered, webhook.given_up) == (1, 0)


@pytest.mark.parametrize(("statuses", "tries"), [([400], 1), ([404], 1), ([302], 1), ([500] * 20, 6)])
async def test_a_refused_message_is_given_up(receiver: Receiver, webhook: Webhook, statuses: list[int], tries: int) -> None:
    """At once when the receiver refuses it for good, after six tries when it keeps failing; the next one is delivered."""
    receiver.statuses = statuses
    webhook.fire("e", "id-1", {})
    await settled(webhook)
    assert (len(receiver.requests), webhook.given_up) == (tries, 1)
    receiver.statuses = []
    webhook.fire("e", "id-2", {})
    await settled(webhook)
    assert webhook.delivered == 1


async def test_an_absent_receiver_costs_messages_and_nothing_else() -> None:
    """`fire` neither waits nor raises."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        hook = Webhook(f"http://127.0.0.1:{nobody.getsockname()[1]}/", SECRET, wait_before=lambda _attempt: 0.0)
        await hook.start()
        for number in range(10):
            hook.fire("e", f"id-{number}", {})
        await settled(hook)
        assert hook.given_up == 10
        await hook.close()


async def test_a_stuck_receiver_fills_a_bounded_line(receiver: Receiver, webhook: Webhook) -> None:
    """What does not fit is given up; closing does not wait for the stuck ones."""
    receiver.stuck = asyncio.Event()
    for number in range(1500):
        webhook.fire("e", f"id-{number}", {})
    await receiver.received(1)
    assert 0 < webhook.given_up <= 500
    async with asyncio.timeout(10):
        await webhook.close(grace_s=0.01)


async def test_one_stuck_message_does_not_hold_up_the_next(receiver: Receiver, webhook: Webhook) -> None:
    """Several senders work side by side."""
    receiver.stuck = asyncio.Event()
    webhook.fire("e", "id-1", {})
    await receiver.received(1)
    webhook.fire("e", "id-2", {})
    await receiver.received(2)
    receiver.stuck.set()
    await settled(webhook)
    assert webhook.delivered == 2


async def test_what_is_being_tried_again_at_the_end_is_counted_and_named(
    receiver: Receiver,
) -> None:
    """Nobody has to guess which hand-offs the bank's systems never heard of."""
    hook = Webhook(receiver.url, SECRET, wait_before=lambda _attempt: 60.0)
    await hook.start()
    receiver.statuses = [503] * 10
    for number in range(6):  # four are tried at once, two wait
        hook.fire("handoff.transfer", f"id-{number}", {})
    await receiver.received(4)
    with line_with("left undelivered") as line:
        await hook.close(grace_s=0.01)
    assert (hook.delivered, hook.given_up) == (0, 6)
    assert line.fields["ids"] == [f"id-{number}" for number in range(6)]


async def test_what_is_left_at_the_end_is_delivered_after_the_next_start(receiver: Receiver, tmp_path: Path) -> None:
    """Under the same id, since the receiver may have got it already; nobody but the service can read it meanwhile."""
    kept = Undelivered(tmp_path / "webhooks")
    before = Webhook(receiver.url, SECRET, wait_before=lambda _attempt: 60.0, undelivered=kept)
    await before.start()
    receiver.statuses = [503] * 6
    for number in range(6):
        before.fire("handoff.transfer", f"id-{number}", {"queue": "cards", "line": "główna"})
    await receiver.received(4)
    await before.close(grace_s=0.01)
    assert (before.delivered, before.given_up) == (0, 0)
    assert {path.stat().st_mode & 0o777 for path in files(tmp_path / "webhooks")} == {0o600}
    receiver.requests.clear()
    receiver.statuses = []
    after = Webhook(receiver.url, SECRET, undelivered=kept)
    await after.start()
    await settled(after)
    assert sorted(each["id"] for each in receiver.messages()) == [f"id-{number}" for number in range(6)]
    assert {each["data"]["line"] for each in receiver.messages()} == {"główna"}
    await after.close()
    assert list((tmp_path / "webhooks").iterdir()) == []


async def test_what_a_receiver_does_not_take_waits_until_it_is_back(receiver: Receiver, tmp_path: Path) -> None:
    """However many there are, over a restart too; what it refuses is given up, and what was tried for days."""
    folder, day = tmp_path / "webhooks", 24 * 3600.0
    now, receiver.statuses = 1e9, [503] * 1000

    def webhook(kept_again_s: float) -> Webhook:
        return Webhook(
            receiver.url,
            SECRET,
            wait_before=lambda _attempt: 0.0,
            clock=lambda: now,
            undelivered=Undelivered(folder),
            kept_again_s=kept_again_s,
        )

    before = webhook(3600.0)
    await before.start()
    for number in range(600):
        before.fire("case.opened", f"id-{number}", {})
        if number % 100 == 0:
            await settled(before)
    await settled(before)
    assert (before.delivered, before.given_up, before.kept, len(files(folder))) == (0, 0, 600, 600)
    assert len(receiver.requests) < 50, "who is away is not asked for each message"
    await before.close()
    receiver.statuses = [503, 503, 400]
    after = webhook(0.01)
    await after.start()
    await receiver.received(len(receiver.requests) + 600)
    await settled(after)
    assert len({each["id"] for each in receiver.messages()}) == 600
    async with asyncio.timeout(20):
        while after.delivered < 599 or files(folder):
            await asyncio.sleep(0.01)
    assert (after.given_up, files(folder)) == (1, [])
    receiver.statuses = [503] * 1000
    after.fire("case.opened", "late", {})
    await settled(after)
    now += 3 * day + 1
    async with asyncio.timeout(10):
        while after.given_up < 2:
            await asyncio.sleep(0.01)
    await after.close()


async def test_what_failed_once_is_on_the_disk_until_it_is_delivered(receiver: Receiver, tmp_path: Path) -> None:
    """A process that is killed while it tries again loses nothing; one that ends keeps it once."""
    folder, again = tmp_path / "webhooks", asyncio.Event()

    def pause(_attempt: int) -> float:
        again.set()
        return 60.0

    hook = Webhook(receiver.url, SECRET, wait_before=pause, undelivered=Undelivered(folder))
    await hook.start()
    receiver.statuses = [503]
    hook.fire("case.opened", "id-1", {})
    async with asyncio.timeout(10):
        await again.wait()
        while not files(folder):  # it is written beside the first try
            await asyncio.sleep(0.01)
    assert [delivery.id for _, delivery in Undelivered(folder).kept()] == ["id-1"]
    await hook.close(grace_s=0.01)
    assert (hook.given_up, len(files(folder))) == (0, 1)
    after = Webhook(receiver.url, SECRET, wait_before=pause, undelivered=Undelivered(folder))
    await after.start()
    await settled(after)
    assert (after.delivered, files(folder)) == (1, [])
    await after.close()


async def test_a_message_that_breaks_its_sender_does_not_end_it(receiver: Receiver) -> None:
    """Four odd ones would otherwise leave nobody to send the fifth."""
    broken = Webhook("http://[::1", SECRET)  # no URL: what httpx raises is no HTTPError
    await broken.start()
    for number in range(9):
        broken.fire("e", f"id-{number}", {})
    await settled(broken)
    assert broken.given_up == 9
    await broken.close()


def test_a_signature_depends_on_secret_time_and_body() -> None:
    """Change any and it no longer fits."""
    assert len({signature("a", 1, b"x"), signature("b", 1, b"x"), signature("a", 2, b"x"), signature("a", 1, b"y")}) == 4


@pytest.mark.parametrize("attempt", range(12))
def test_pauses_between_tries_grow_to_half_a_minute_with_jitter(attempt: int) -> None:
    """Receivers that come back are not met by everybody at once."""
    longest = min(30.0, 0.5 * 2**attempt)
    pauses = [backoff(attempt) for _ in range(50)]
    assert all(longest / 2 <= pause <= longest * 1.5 for pause in pauses)
    assert len(set(pauses)) > 1
