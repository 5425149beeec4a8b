"""The app's code over real SIP calls, pressed on a softphone (RFC 4733): right, wrong, by two at once, and in pieces."""

from __future__ import annotations

from pathlib import Path

from caller_id.types import Authentication, Segment
from tests.voicebot.identity.phone import Call, phone
from voicebot.softphone import HangUp, Keys, Pause, Say, Step, UntilEnded, UntilSilent, UntilSpeaking

OVER_THE_GREETING = UntilSpeaking(0.5)
LOST_CARD: tuple[Step, ...] = (UntilSpeaking(0.3), Keys("91"), UntilEnded(40))


def wrong(code: str) -> str:
    """Another number of the same length."""
    return code[0] + "".join(str((int(digit) + 1) % 10) for digit in code[1:])


def types(*keys: str) -> tuple[Step, ...]:
    """Over the greeting, and over whatever is said to that; then a lost card."""
    return tuple(step for each in keys for step in (UntilSpeaking(0.5), Keys(each))) + LOST_CARD


def keys_kept(call: Call) -> str:
    """All keys that the record shows, but those of the lost card."""
    return "".join(str(line["key"]) for line in call.lines if line.get("type") == "KeyPressed").removesuffix("91")


async def test_a_code_ties_one_call_to_its_customer(tmp_path: Path) -> None:
    async with phone(tmp_path) as house:
        codes = {who: await house.code(who) for who in ("C-1", "C-2", "C-3", "C-9")}
        spent = codes["C-2"]
        calls = await house.calls(
            {
                "C-1": types(f"{wrong(codes['C-1'])}#", f"{codes['C-1']}#"),
                "C-2": types(f"{spent}#"),
                "thief": types(f"{spent}#"),
                "C-3": (OVER_THE_GREETING, Keys(f"89*{codes['C-3'][:4]}"), Pause(1.0), Keys(codes["C-3"][4:]), *LOST_CARD),
                "C-4": types(f"{codes['C-9']}#"),
            }
        )
        trail = [line.note.facts for line in house.service.web.identity.audit._table.latest(100, what="proof.other_customer")]
    for who in ("C-1", "C-3"):
        seen = calls[who].seen
        assert (seen.authentication, seen.customer_ref, seen.level) == (Authentication.APP, who, "app-pin")
        assert seen.authenticated_at is not None
        assert seen.segment == Segment.SELECT.value
    assert [step for step in calls["C-1"].seen.tried if step.startswith("code")] == ["code_refused:code", "code_accepted"]
    heard = calls["C-1"].prompts
    assert heard.index("code_wrong") < heard.index("code_accepted")

    one, other = calls["C-2"].seen, calls["thief"].seen
    assert sorted((one.authentication.value, other.authentication.value)) == ["app", "none"], "two at once, and one of them wins"
    assert {seen.customer_ref for seen in (one, other) if seen.authentication is Authentication.APP} == {"C-2"}

    found_out = calls["C-4"].seen
    assert found_out.customer_ref == "C-9"
    assert "other_customer" in found_out.tried
    assert [("C-4" in facts, "C-9" in facts) for facts in trail if "C-4" in facts] == [(True, True)]
    for call in calls.values():
        assert keys_kept(call) == ""
        assert not [code for code in codes.values() if code in str(call.lines) or code in str(call.record)]


async def test_what_is_no_code_is_kept_nowhere_and_a_menu_key_is_one(tmp_path: Path) -> None:
    numbers = {"pesel": "84051401359", "account": "8555444433331111", "pin": "8234"}
    async with phone(tmp_path) as house:
        code = await house.code("C-1")
        scripts = {who: types(f"{number}#") for who, number in numbers.items()}
        calls = await house.calls({**scripts, "key": types("1"), "C-1": (OVER_THE_GREETING, Keys(code[:6]), HangUp())})
        again = await house.calls({"C-1": types(f"{code}#")})
    for who, number in numbers.items():
        assert "code_not_whole" in calls[who].prompts
        assert keys_kept(calls[who]) == ""
        assert number not in str(calls[who].lines)
        assert calls[who].seen.queue == "card_emergency"
    assert keys_kept(calls["key"]) == "1"
    assert "menu.cards" in str(calls["key"].prompts)
    assert keys_kept(calls["C-1"]) == ""
    assert not [line for line in calls["C-1"].lines if line.get("type") == "CodeTyped"]
    assert again["C-1"].seen.authentication is Authentication.APP, "whoever hung up in the middle has not spent it"


async def test_a_matter_that_needs_proof_asks_for_the_code_of_who_has_no_app_to_be_asked(tmp_path: Path) -> None:
    async with phone(tmp_path, says="zmienił mi się adres", means="personal_data") as house:
        code = await house.code("C-1")
        wish = (UntilSilent(0.8), Say("my address has changed"), UntilSpeaking(0.5))
        calls = await house.calls(
            {"abroad": (*wish, Keys(f"{code}#"), UntilEnded(40)), "without": (*wish, Keys("2"), UntilEnded(40))}
        )
    seen = calls["abroad"].seen
    assert [said for said in calls["abroad"].prompts if said.startswith("app_")] == ["app_code", "app_confirmed"]
    assert (seen.authentication, seen.customer_ref, seen.intent) == (Authentication.APP, "C-1", "personal_data")
    assert [said for said in calls["without"].prompts if said.startswith("app_")] == ["app_code"]
    assert calls["without"].seen.authentication is Authentication.NONE
