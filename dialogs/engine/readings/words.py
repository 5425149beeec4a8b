"""From words to an `Answer`: the understanding of an utterance, read at the step where it was said."""

from __future__ import annotations

from dataclasses import replace

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Question, Step
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.commands import ANGRY, NO_RECORDING, Command, find_command, find_urgent
from dialogs.engine.readings.priors import WORTH_ASKING, WORTH_CONFIRMING, weigh
from dialogs.engine.state import CallState, Phase
from dialogs.events import Heard
from nlu.types import AGENT, Act, Decision, Understanding

ALSO = "also"  # said with a matter: beside the one already known
URGENT = "urgent"
FEELINGS = frozenset({ANGRY, URGENT})  # how the caller feels counts for less than any matter
BESIDE = frozenset({ALSO, NO_RECORDING})  # what may be said along with a matter
_ACTS = {
    Act.REPEAT: Means.REPEAT,
    Act.HELP: Means.HELP,
    Act.WAIT: Means.WAIT,
    Act.GOODBYE: Means.GOODBYE,
    Act.AFFIRM: Means.YES,
    Act.DENY: Means.NO,
    Act.AGENT: Means.AGENT,
}
_SURE = {Decision.ACCEPT: Means.MATTER, Decision.CONFIRM: Means.UNSURE, Decision.CHOOSE: Means.SEVERAL}


def read(bundle: Bundle, state: CallState, step: Step, heard: Heard) -> Answer:
    """What this utterance means at this step. Emergencies come first, then set phrases, then everything else."""
    understood = heard.understanding
    text = (understood.text if understood else heard.text).strip()
    foreign = find_urgent(bundle.routes.languages.urgent, text)
    if foreign is not None:
        return foreign
    command = find_command(bundle, state, step, text, classified=understood is not None)
    if understood is None:
        return command.answer if command else Answer(Means.NOTHING, text=text)
    if _says_yes_to_the_question(state, understood):
        return Answer(Means.YES, text=text)
    meant = None if _is_only_content(bundle, step, understood) else _matter(bundle, state, understood, text)
    plain = command is not None and command.plain
    guess = meant is not None and meant.means is not Means.EMERGENCY and (meant.confidence or 0) < WORTH_CONFIRMING
    if command and command.name in FEELINGS and guess:
        meant = None  # the calm question that follows will tell
    if meant and (meant.means is Means.EMERGENCY or (meant.means is Means.EMERGENCY_UNSURE and not plain)):
        return meant
    if command and command.name in BESIDE and meant:
        return replace(meant, option=command.name)
    if command and command.name != ALSO and not (meant and _says_more(command, meant)):
        return replace(command.answer, wants_human=command.name == ANGRY and understood.act is Act.AGENT)
    return _with_act(bundle, state, understood, meant, text)


def _says_more(command: Command, meant: Answer) -> bool:
    """The matter counts for more than the command said with it: than a swear-word or a cry for haste always, than others when
    it is certain and they are only a small part ("umowa po angielsku").
    """
    if command.name in FEELINGS:
        return True
    return meant.means is Means.MATTER and not command.plain and command.answer.means is not Means.OPTION


def _is_only_content(bundle: Bundle, step: Step, understood: Understanding) -> bool:
    """A message left for the bank is taken down as it is, unless an emergency is the likeliest thing in it."""
    return isinstance(step, Question) and step.anything is not None and not bundle.routes.is_emergency(understood.intent)


def _says_yes_to_the_question(state: CallState, understood: Understanding) -> bool:
    """A yes with words ("tak, o kartę") confirms what was asked, even where the classifier would hear another matter of cards."""
    asked = state.candidate.intent if state.candidate else None
    if asked is None or understood.act is not Act.AFFIRM:
        return False
    named = understood.decision is not Decision.REJECT
    return not named or any(one.intent == asked and one.confidence >= WORTH_ASKING for one in understood.ranking)


def _with_act(bundle: Bundle, state: CallState, understood: Understanding, meant: Answer | None, text: str) -> Answer:
    """The dialogue act, the matter, or both ("nie, kredyt")."""
    act = understood.act
    language = _other_language(bundle, state, understood)
    if language:
        return _in_other_language(bundle, language, meant, text)
    wants_human = act is Act.AGENT or (understood.intent == AGENT and understood.decision is not Decision.REJECT)
    if wants_human:
        return replace(meant, wants_human=True) if meant and meant.means is Means.MATTER else Answer(Means.AGENT, text=text)
    if act is None or act is Act.LANGUAGE:
        return meant or Answer(Means.NOTHING, text=text)
    if meant is None or meant.intent == _on_the_table(state):
        return Answer(_ACTS[act], text=text)
    if act is Act.DENY:
        return replace(meant, correction=True)
    return meant if act in (Act.AFFIRM, Act.HELP) else Answer(_ACTS[act], text=text)


def _in_other_language(bundle: Bundle, language: str, meant: Answer | None, text: str) -> Answer:
    """A matter said in another language is taken in that language; one that the bot cannot speak goes to its own people."""
    certain = meant is not None and meant.means is Means.MATTER
    if certain and language not in bundle.routes.languages.short:
        return replace(meant, language=language) if meant else Answer(Means.NOTHING)
    intent, confidence = (meant.intent, meant.confidence) if certain and meant else (None, None)
    return Answer(Means.LANGUAGE, text=text, option=language, intent=intent, confidence=confidence)


def _matter(bundle: Bundle, state: CallState, understood: Understanding, text: str) -> Answer | None:
    """The matter named, if the bundle has a route for it."""
    if understood.decision is Decision.REJECT:
        return None
    weighed = weigh(bundle.routes, state, understood)
    if weighed is None:
        return None
    answer = Answer(
        _SURE[weighed.decision],
        text=text,
        intent=weighed.intent,
        confidence=weighed.confidence,
        choices=weighed.choices,
        second=understood.second if understood.second in bundle.routes.matters else None,
        entities=tuple((entity.kind, entity.value) for entity in understood.entities),
        correction=understood.act is Act.DENY,
        wants_human=AGENT in (*understood.choices, understood.second),
    )
    return _urgent_first(bundle, state, understood, answer)


def _urgent_first(bundle: Bundle, state: CallState, understood: Understanding, answer: Answer) -> Answer | None:
    """An emergency named first, second or among the choices comes before everything else, unless it is what is being denied."""
    routes = bundle.routes
    language = _other_language(bundle, state, understood)
    denies = understood.act is Act.DENY
    if routes.is_emergency(answer.second) and not routes.is_emergency(answer.intent):
        urgent = replace(answer, intent=answer.second, second=answer.intent, choices=(), correction=False, language=language)
        return replace(urgent, means=Means.EMERGENCY)
    if not routes.is_emergency(answer.intent):
        return answer
    if denies and answer.intent == _on_the_table(state):
        return None
    certain = answer.means is Means.MATTER and not denies
    return replace(answer, means=Means.EMERGENCY if certain else Means.EMERGENCY_UNSURE, language=language)


def _on_the_table(state: CallState) -> str | None:
    """The intent being asked about or announced."""
    if state.phase is Phase.ANNOUNCING and state.matter:
        return state.matter.intent
    return state.candidate.intent if state.candidate else None


def _other_language(bundle: Bundle, state: CallState, understood: Understanding) -> str | None:
    """The language the caller speaks or asks for, when it is another than the call's and the bundle knows it."""
    rule = bundle.routes.languages
    spoken = understood.language
    if spoken is None and understood.act is Act.LANGUAGE:
        others = [language for language in bundle.routes.lines[state.line].languages if language != state.language]
        spoken = others[0] if others else None
    spoken = rule.same_as.get(spoken, spoken) if spoken else None
    known = spoken in bundle.routes.lines[state.line].languages or spoken in rule.short
    return spoken if known and spoken != state.language else None
