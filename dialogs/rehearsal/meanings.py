"""What words mean, written down: "card_block", "confirm card_block", "choose card_issue credit_card", "balance + mortgage".

Conversation tests use it to say what an utterance means when no classifier is at hand.
"""

from __future__ import annotations

from itertools import pairwise

from nlu.types import AGENT, OUT_OF_SCOPE, Act, Decision, RankedIntent, Understanding

ACTS = frozenset(act.value for act in Act)
DECISIONS = frozenset(decision.value for decision in Decision)
CERTAINTY = {Decision.ACCEPT: 0.95, Decision.CONFIRM: 0.6, Decision.CHOOSE: 0.45, Decision.REJECT: 0.3}


def parse_meaning(written: str, text: str) -> Understanding:
    """The understanding these words stand for: an act, a decision, intents, "+ intent" for a second matter, "not intent" for one
    that is denied, "in xx" a language.

    Raises ValueError for an empty meaning.
    """
    words = written.replace("+", " + ").split()
    if not words:
        raise ValueError("a meaning cannot be empty; write an intent, an act, or 'reject'")
    act = next((Act(word) for word in words if word in ACTS), None)
    decision = next((Decision(word) for word in words if word in DECISIONS), None)
    language = words[words.index("in") + 1] if "in" in words[:-1] else None
    second = words[words.index("+") + 1] if "+" in words[:-1] else None
    denied = tuple(word for before, word in pairwise(words) if before == "not")
    taken = {act, decision, language, second, "in", "+", "not", *denied}
    intents = [word for word in words if word not in taken]
    if act is Act.AGENT and not intents:
        intents = [AGENT]
    if language is not None and act is None:
        act = Act.LANGUAGE
    decided = decision or (Decision.ACCEPT if intents else Decision.REJECT)
    intent = intents[0] if intents else OUT_OF_SCOPE
    share = CERTAINTY[decided]
    return Understanding(
        text=text,
        intent=intent,
        confidence=share,
        decision=decided,
        ranking=tuple(RankedIntent(name, share * (1 - 0.1 * place)) for place, name in enumerate(intents)),
        act=act,
        choices=tuple(intents) if decided is Decision.CHOOSE else (),
        second=second,
        language=language,
        denied=denied,
        backend="written",
    )


def write_meaning(understanding: Understanding) -> str:
    """The understanding as `parse_meaning` reads it; probabilities are left out."""
    decision = understanding.decision
    named = [understanding.act.value] if understanding.act and understanding.act is not Act.LANGUAGE else []
    if decision is Decision.CHOOSE:
        named += [decision.value, *(understanding.choices or (understanding.intent,))]
    elif decision is Decision.CONFIRM:
        named += [decision.value, understanding.intent]
    elif decision is Decision.ACCEPT and understanding.intent not in named:
        named.append(understanding.intent)
    elif decision is Decision.REJECT and understanding.act is Act.AGENT:
        named.append(decision.value)
    named += [word for intent in understanding.denied for word in ("not", intent)]
    if understanding.second:
        named += ["+", understanding.second]
    if understanding.language:
        named += ["in", understanding.language]
    elif understanding.act is Act.LANGUAGE:
        named.append(Act.LANGUAGE.value)
    return " ".join(named) or Decision.REJECT.value
