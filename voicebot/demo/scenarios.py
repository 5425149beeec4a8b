"""The demo's calls: who calls, what they do, and where a bank would expect them to arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicebot.softphone import Keys, Pause, Say, Step, UntilEnded, UntilSilent, UntilSpeaking

ENGLISH_LINE = "+48225550103"
POLISH_LINE = "+48225550100"

PRIVATE_BANKING = "+48601000002"
SME = "+48601000003"
SELECT = "+48601000004"

CUSTOMERS = f"""number,segment,language,tenure_years,customer_ref
{PRIVATE_BANKING},private_banking,en,12,c-0002
{SME},sme,en,4,c-0003
{SELECT},select,en,7,c-0004
"""

WITHHELD: Mapping[str, str] = {"Privacy": "id", "P-Asserted-Identity": "<sip:anonymous@anonymous.invalid>"}

LISTEN = UntilSilent(0.7)
LEAVE = UntilEnded(25)
YES = Say("Yes, that's right")


def asks(*matters: str) -> tuple[Step, ...]:
    """Say each when the bot has finished, answer a question for confirmation with yes, and stay until put through."""
    spoken = [step for matter in matters for step in (LISTEN, Say(matter))]
    return (*spoken, LISTEN, YES, LEAVE)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call, and the queue, priority and segment it should end with."""

    title: str
    number: str | None
    """The caller's; None withholds it."""
    steps: tuple[Step, ...]
    queue: str
    priority: int = 0
    segment: str = "unknown"
    """As the agent is told it: nobody is in a segment by being in none of the others."""
    line: str = ENGLISH_LINE
    codec: str = "g722"
    headers: Mapping[str, str] = field(default_factory=dict)


ONE_BY_ONE = (
    Scenario(
        "a lost card",
        "+48601000011",
        asks("I've lost my card"),
        queue="card_emergency",
        priority=10,
    ),
    Scenario(
        "Private Banking, savings",
        PRIVATE_BANKING,
        asks("What interest rate do you pay on a savings account now?"),
        queue="private_banking",
        priority=6,
        segment="private_banking",
    ),
    Scenario(
        "a small firm, leasing",
        SME,
        asks("I run a company and I need leasing for a delivery van"),
        queue="sme",
        priority=2,
        segment="sme",
    ),
    Scenario(
        "number withheld, long-winded",
        None,
        asks(
            "Good morning, well, my daughter lives in Krakow and every month I send her some money, "
            "so I would like to make a transfer to her account please"
        ),
        queue="payments",
        headers=WITHHELD,
    ),
    Scenario(
        "keys only, Polish line",
        "+48601000012",
        (UntilSpeaking(0.3), Keys("1"), UntilSpeaking(0.5), Keys("3"), LEAVE),
        queue="cards",
        line=POLISH_LINE,
        codec="pcma",
    ),
    Scenario(
        "silence twice, then a key",
        "+48601000013",
        (UntilSpeaking(0.5), UntilSilent(1.0), Pause(6.5), UntilSilent(1.0), Pause(6.5), UntilSpeaking(0.5), Keys("0"), LEAVE),
        queue="general",
        line=POLISH_LINE,
        codec="pcmu",
    ),
    Scenario(
        "out of scope, then reworded",
        "+48601000014",
        asks("I would like to order a large pizza with extra cheese", "I want to apply for a mortgage"),
        queue="mortgage",
        codec="pcma",
    ),
    Scenario(
        "speaks over the greeting",
        "+48601000015",
        (UntilSpeaking(1.0), Say("Somebody has stolen my credit card and I want to block it"), LISTEN, YES, LEAVE),
        queue="card_emergency",
        priority=10,
        codec="opus",
    ),
)

AT_ONCE = (
    Scenario("at once: stolen card", "+48601000021", asks("My card has been stolen"), queue="card_emergency", priority=10),
    Scenario(
        "at once: login", "+48601000022", asks("I forgot my password and cannot log in to online banking"), queue="ebanking"
    ),
    Scenario(
        "at once: Select, loan",
        SELECT,
        asks("I want to take out a cash loan"),
        queue="select",
        priority=4,
        segment="select",
    ),
    Scenario("at once: complaint", "+48601000023", asks("I want to make a complaint"), queue="complaints"),
    Scenario(
        "at once: keys",
        "+48601000024",
        (UntilSpeaking(0.3), Keys("9"), UntilSpeaking(0.5), Keys("2"), LEAVE),
        queue="fraud",
        priority=10,
    ),
)


@dataclass(frozen=True, slots=True)
class TextScenario:
    """A Polish conversation in text, for words the embedded recogniser has no voice to hear."""

    title: str
    lines: tuple[str, ...]
    queue: str
    priority: int = 0


IN_TEXT = (
    TextScenario(
        "text, Polish: zgubiona karta", ("no dzień dobry, bo ja chyba zgubiłam kartę w tramwaju",), "card_emergency", 10
    ),
    TextScenario("text, Polish: przelew", ("chciałbym zrobić przelew do córki",), "payments"),
)
