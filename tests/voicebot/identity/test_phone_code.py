"""The app's code over a real SIP call: pressed on a real softphone (RFC 4733), right, wrong, twice, early and in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from caller_id.types import Authentication, Segment
from tests.voicebot.identity.phone import CUSTOMER, NUMBER, phone
from voicebot.records.journal import Line
from voicebot.softphone import HangUp, Keys, Pause, Say, UntilEnded, UntilSilent, UntilSpeaking

LOST_CARD = (UntilSpeaking(0.3), Keys("91"), UntilEnded(30))


def wrong(code: str) -> str:
    """Another number of the same length."""
    return "".join(str((int(digit) + 1) % 10) for digit in code)


def nothing_of(code: str, lines: list[Line]) -> bool:
    """The digits are nowhere in the journal, not even one by one."""
    typed = "".join(str(line.get("key", "")) for line in lines if line.get("type") == "KeyPressed").removesuffix("91")
    return code not in str(lines) and typed.strip("•") == ""


async def test_wrong_then_right_and_the_agent_sees_who_calls_and_by_what(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        code = await house.code(screen="cards")
        keys = (Keys(f"{wrong(code)}#"), UntilSpeaking(0.3), Keys(f"{code}#"))
        report, lines = await house.service.call(UntilSpeaking(0.5), *keys, *LOST_CARD, number=NUMBER)
        record = await house.handed(lines)
    assert report.put_through
    said = house.prompts
    assert said.index("code_wrong") < said.index("code_accepted")
    assert (record.authentication, record.customer_ref, record.level) == (Authentication.APP, CUSTOMER, "app-pin")
    assert record.authenticated_at is not None
    assert record.segment == Segment.SELECT.value
    assert [step for step in record.tried if step.startswith("code")] == ["code_refused:code", "code_accepted"]
    assert nothing_of(code, lines)
    assert nothing_of(wrong(code), lines)


async def test_two_calls_with_one_code_at_once_and_one_is_the_customers(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        code = await house.code()
        steps = (UntilSpeaking(0.5), Keys(f"{code}#"), *LOST_CARD)
        reports = await house.together(*steps, numbers=[NUMBER, "+48601234567"])
        records = [await house.handed(lines) for lines in house.service.journals.values()]
    assert all(report.put_through for report in reports)
    assert sorted(record.authentication.value for record in records) == ["app", "none"]
    assert sorted(str(record.customer_ref) for record in records if record.authentication is Authentication.APP) == [CUSTOMER]


async def test_of_another_customer_than_the_number_suggests(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        code = await house.code("C-9")
        _, lines = await house.service.call(UntilSpeaking(0.5), Keys(f"{code}#"), *LOST_CARD, number=NUMBER)
        record = await house.handed(lines)
        trail = [line.note for line in house.service.web.identity.audit._table.latest(100, what="proof.other_customer")]
    assert record.customer_ref == "C-9"
    assert "other_customer" in record.tried
    assert [(CUSTOMER in note.facts, "C-9" in note.facts) for note in trail] == [(True, True)]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("1", "menu.cards"),
        ("44051401359#", "code_not_whole"),
        ("5555444433331111#", "code_not_whole"),
        ("1234#", "code_not_whole"),
    ],
)
async def test_a_menu_key_a_pesel_a_card_number_and_a_pin(tmp_path: Path, keys: str, says: str) -> None:
    async with phone(tmp_path) as house:
        report, lines = await house.service.call(UntilSpeaking(0.5), Keys(keys), *LOST_CARD, number=NUMBER)
    assert report.put_through
    assert says in house.prompts or f"{says}.deaf" in house.prompts
    assert keys.strip("#") not in str(lines) or len(keys) == 1


async def test_who_hangs_up_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        code = await house.code()
        _, lines = await house.service.call(UntilSpeaking(0.5), Keys(code[:6]), HangUp(), number=NUMBER)
        assert not [line for line in lines if line.get("type") in ("KeyPressed", "CodeTyped")]
        _, again = await house.service.call(UntilSpeaking(0.5), Keys(f"{code}#"), *LOST_CARD, number=NUMBER)
        assert (await house.handed(again)).authentication is Authentication.APP, "it is not spent"


async def test_in_pieces_with_a_star_and_without_a_hash(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        code = await house.code()
        pieces = (Keys(f"99*{code[:4]}"), Pause(1.0), Keys(code[4:]), Pause(2.0))
        _, lines = await house.service.call(UntilSpeaking(0.5), *pieces, *LOST_CARD, number=NUMBER)
        record = await house.handed(lines)
    assert record.authentication is Authentication.APP
    assert nothing_of(code, lines)


async def test_a_matter_that_needs_proof_asks_for_the_code_of_who_has_no_app_to_be_asked(tmp_path: Path) -> None:
    async with phone(tmp_path, says="zmienił mi się adres", means="personal_data") as house:
        code = await house.code()
        steps = (UntilSilent(0.8), Say("my address has changed"), UntilSilent(0.8), Keys(f"{code}#"), UntilEnded(30))
        report, lines = await house.service.call(*steps, number="+48601234567")
        record = await house.handed(lines)
    assert report.put_through
    assert [said for said in house.prompts if said.startswith("app_")] == ["app_code", "app_confirmed"]
    assert (record.authentication, record.customer_ref, record.intent) == (Authentication.APP, CUSTOMER, "personal_data")
