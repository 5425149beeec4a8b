"""From words to an `Answer`: the understanding of an utterance, read at the step where it was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dialogs.data.bundle import Bundle
from dialogs.data.flow import Question, Step
from dialogs.engine.readings import commands
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.commands import ANGRY, NO_RECORDING, Command, find_command, find_urgent
from dialogs.engine.readings.corrections import heed_no
from dialogs.engine.readings.hints import heard_in, in_any_language, words_of
from dialogs.engine.readings.offers import find_offer, without_filler
from dialogs.engine.readings.priors import LIKELY, WORTH_ASKING, WORTH_CONFIRMING, weigh, without
from dialogs.engine.state import CallState
from dialogs.events import Expect, Heard
from nlu.types import AGENT, Act, Decision, Understanding

ALSO = "also"  # said with a matter: beside the one already known
URGENT = "urgent"
FIGURE_OF_SPEECH, AVERTED = "figure_of_speech", "averted"
_MASK = re.compile(r"<[a-z_]+>")  # what stands in place of a personal number
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
_FAREWELL_WORDS = 3  # of content, in a goodbye that is only a goodbye
_ANSWERING = (Act.REPEAT, Act.HELP, Act.WAIT, Act.AGENT, Act.LANGUAGE, Act.GOODBYE)  # acts of their own, whatever they begin with


def read(bundle: Bundle, state: CallState, step: Step, heard: Heard) -> Answer:
    """What this utterance means at this step. A life in danger comes first, then what was offered, then other emergencies, then
    set phrases, then everything else.
    """
    understood = heard.understanding
    text = (understood.text if understood else heard.text).strip()
    hinted = _hinted_matter(bundle, state, words_of(text), text)
    if hinted is not None:
        return hinted
    foreign = find_urgent(bundle.routes.languages.urgent, text)
    if foreign is not None:
        return foreign
    offered = find_offer(bundle, state, step, text)
    if understood is not None and _is_figure_of_speech(bundle, state, text):
        understood = _without_alarm(bundle, understood)
    if offered is not None:
        return replace(offered, by="words", text=text)
    command = find_command(bundle, state, step, text, classified=understood is not None)
    if understood is None:
        return _without_classifier(bundle, state, command, text)
    if text and not words_of(_MASK.sub(" ", text)):
        return Answer(Means.REPEAT, text=text)  # a number goes on; it tells nothing of the matter
    if command and command.hinted and command.answer.means is Means.OPTION and understood.act is Act.AGENT:
        command = None  # a human is asked for by name
    understood = _heed_own_words(bundle, state, step, understood, text)
    answer = _read_understood(bundle, state, step, understood, command, text)
    return replace(answer, denied=understood.denied) if understood.denied else answer


def _hinted_matter(bundle: Bundle, state: CallState, words: Sequence[str], text: str) -> Answer | None:
    """A matter known by its hints, with any classifier or none: of another bank's card, or of a life in danger."""
    routes = bundle.routes
    for means, hinted in ((Means.EMERGENCY, bundle.flow.hints), (Means.EMERGENCY_UNSURE, bundle.flow.doubts)):
        for name, hints in hinted.items():
            if name not in routes.matters:
                continue
            urgent = routes.is_emergency(name)
            if in_any_language(hints, words) if urgent else heard_in(hints.get(state.language, ()), words):
                unsure = means is Means.EMERGENCY_UNSURE
                if unsure and (name in state.denied or _is_figure_of_speech(bundle, state, text)):
                    continue
                return Answer(means if urgent else Means.MATTER, by="hints", text=text, intent=name, confidence=1.0)
    return None


def _without_alarm(bundle: Bundle, understood: Understanding) -> Understanding:
    """What is left of a figure of speech: no life in danger, and nobody has died."""
    entities = tuple(entity for entity in understood.entities if entity.kind != "situation")
    return replace(without(bundle.routes, understood, tuple(bundle.flow.doubts)), entities=entities)


def _is_figure_of_speech(bundle: Bundle, state: CallState, text: str) -> bool:
    """Words that would be a cry for help if they were meant ("my wife will kill me when she finds out")."""
    return heard_in(bundle.flow.hints.get(FIGURE_OF_SPEECH, {}).get(state.language, ()), words_of(text))


def _without_classifier(bundle: Bundle, state: CallState, command: Command | None, text: str) -> Answer:
    if command is not None:
        return command.answer
    farewell = commands.says_farewell(bundle, state.language, text)
    return Answer(Means.GOODBYE if farewell else Means.NOTHING, text=text)


def _read_understood(
    bundle: Bundle, state: CallState, step: Step, understood: Understanding, command: Command | None, text: str
) -> Answer:
    cautious = isinstance(step, Question) and step.cautious
    if _says_yes_to_the_question(state, understood, cautious=cautious):
        return Answer(Means.YES, text=text)
    meant = None if _is_only_content(bundle, step, understood) else _matter(bundle, state, understood, text)
    plain = command is not None and command.plain
    if command and command.name in FEELINGS and meant is not None and _is_guess(meant, plain=plain):
        meant = None  # the calm question that follows will tell
    names_an_option = plain and command is not None and command.answer.means is Means.OPTION
    urgent = meant is not None and meant.means is Means.EMERGENCY and not names_an_option
    if meant and (urgent or (meant.means is Means.EMERGENCY_UNSURE and not plain)):
        return meant
    if command and command.name in BESIDE and meant:
        return replace(meant, option=command.name)
    short = len(commands.content(bundle, state.language, text)) <= _FAREWELL_WORDS
    named = meant is not None and (meant.confidence or 0) >= (LIKELY if short else WORTH_CONFIRMING)
    if commands.says_farewell(bundle, state.language, text) and not named:
        return Answer(
            Means.PERHAPS_DONE if _says_more_than_farewell(bundle, state, understood, text) else Means.GOODBYE, text=text
        )
    if command and command.name != ALSO and not (meant and _says_more(command, meant)):
        return replace(command.answer, wants_human=command.name == ANGRY and understood.act is Act.AGENT)
    return _with_act(bundle, state, understood, meant, text)


def _is_guess(meant: Answer, *, plain: bool) -> bool:
    """What an outburst was taken for: hardly likely, or not certain while it was hardly more than the outburst."""
    if meant.means in (Means.EMERGENCY, Means.MATTER):
        return False
    return plain or (meant.confidence or 0) < LIKELY


def _says_more_than_farewell(bundle: Bundle, state: CallState, understood: Understanding, text: str) -> bool:
    """Something of a matter is heard before the farewell, and no matter has been settled yet."""
    heard = any(one.intent in bundle.routes.matters and one.confidence >= WORTH_ASKING for one in understood.ranking)
    return heard and state.matter is None and len(commands.content(bundle, state.language, text)) > _FAREWELL_WORDS


def _heed_own_words(bundle: Bundle, state: CallState, step: Step, understood: Understanding, text: str) -> Understanding:
    """The understanding without acts that the words do not bear out, and with the denials they show."""
    act, language = understood.act, state.language
    if act is Act.WAIT and not commands.asks_for_a_moment(bundle, language, text):
        act = None
    on_table = state.on_the_table
    if on_table or (isinstance(step, Question) and step.expect is Expect.YES_NO):
        understood = heed_no(bundle, state, replace(understood, act=act), on_table, text)
        act = understood.act
    denied = understood.denied
    if on_table and act not in _ANSWERING and commands.denies_plainly(bundle, language, text):
        act = Act.DENY
    contrast = act is None and understood.intent in on_table and commands.begins_with_no(bundle, language, text)
    if contrast and not bundle.routes.is_emergency(understood.intent):
        act, denied = Act.DENY, (*denied, understood.intent)  # "not open an account": what is named is what it is not
    elif (
        act is None and on_table and understood.decision is Decision.REJECT and not any(map(bundle.routes.is_emergency, on_table))
    ):
        act = Act.DENY if commands.begins_with_no(bundle, language, text) else None
    if act not in _ANSWERING and _says_no_to_the_urgent(bundle, state, step, understood, text):
        act = Act.DENY
    again = understood.intent in state.denied and bundle.routes.is_emergency(understood.intent)
    if again and _said_before(state, text):
        denied = (*denied, understood.intent)  # the words whose meaning was denied, once more
    if act is Act.DENY:
        named = (understood.intent, *understood.choices)
        urgent = [intent for intent in on_table if bundle.routes.is_emergency(intent)]
        if not _denies_blocking(bundle, state, step, denied, text):
            urgent = [intent for intent in urgent if intent in named]
        denied = tuple(dict.fromkeys((*denied, *urgent)))
    if act not in _ANSWERING and _objects(bundle, state, step, understood, text):
        act = Act.DENY
        understood = replace(understood, decision=Decision.REJECT) if understood.decision is not Decision.ACCEPT else understood
    return understood if (act, denied) == (understood.act, understood.denied) else replace(understood, act=act, denied=denied)


def _denies_blocking(bundle: Bundle, state: CallState, step: Step, denied: Sequence[str], text: str) -> bool:
    """A no with words ("nie chcę jej blokować") where something may have to be blocked, whichever they would name alone."""
    if not (isinstance(step, Question) and step.cautious) or commands.denies_plainly(bundle, state.language, text):
        return False
    more = len(commands.content(bundle, state.language, text)) > 1
    return more and (any(bundle.routes.is_emergency(intent) for intent in denied) or not denied)


def _said_before(state: CallState, text: str) -> bool:
    """These words, but for a no before them, were said earlier in the call (the last entry is the present one)."""
    spoken = " ".join(words_of(text))
    earlier = [" ".join(words_of(told.text)) for told in state.story[:-1] if told.what == "said"]
    return bool(spoken) and any(spoken in before for before in earlier)


def _says_no_to_the_urgent(bundle: Bundle, state: CallState, step: Step, understood: Understanding, text: str) -> bool:
    """A no before other words answers the question whether it is urgent, unless the words themselves speak of that emergency
    ("I can't find my card").
    """
    asked = isinstance(step, Question) and step.cautious and commands.begins_with_no(bundle, state.language, text)
    matters = (one.intent for one in understood.ranking if one.intent in bundle.routes.matters and one.confidence >= WORTH_ASKING)
    spoken_of = next(matters, understood.intent)
    return asked and not (spoken_of in state.on_the_table and bundle.routes.is_emergency(spoken_of))


def _objects(bundle: Bundle, state: CallState, step: Step, understood: Understanding, text: str) -> bool:
    """A no with its reason ("no, that's my wife's phone") at a question that asks for yes or no about no matter."""
    asked = isinstance(step, Question) and step.expect is Expect.YES_NO and not step.cautious and state.candidate is None
    if isinstance(step, Question) and "unsure" in step.answers and understood.confidence >= LIKELY:
        return False  # the question takes another matter for an answer
    return asked and understood.decision is not Decision.ACCEPT and commands.begins_with_no(bundle, state.language, text)


def _says_more(command: Command, meant: Answer) -> bool:
    """The matter counts for more than the command said with it: than a swear-word or a cry for haste always, than others when
    it is certain and they are only a small part ("umowa po angielsku").
    """
    if command.name in FEELINGS:
        return meant.means is not Means.COMMAND  # "you stupid robot" asks nothing about the robot
    return meant.means is Means.MATTER and not command.plain and command.answer.means is not Means.OPTION


def _is_only_content(bundle: Bundle, step: Step, understood: Understanding) -> bool:
    """A message left for the bank is taken down as it is, unless an emergency is the likeliest thing in it."""
    return isinstance(step, Question) and step.anything is not None and not bundle.routes.is_emergency(understood.intent)


def _says_yes_to_the_question(state: CallState, understood: Understanding, *, cautious: bool) -> bool:
    """A yes with words ("tak, o kartę") confirms what was asked, even where the classifier would hear another matter of cards;
    where an emergency was asked about, whatever else is heard.
    """
    asked = state.candidate.intent if state.candidate else None
    if asked is None or understood.act is not Act.AFFIRM:
        return False
    named = understood.decision is not Decision.REJECT
    return cautious or not named or any(one.intent == asked and one.confidence >= WORTH_ASKING for one in understood.ranking)


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
        return meant or Answer(Means.NO if understood.denied else Means.NOTHING, text=text)
    if act is Act.GOODBYE:  # unmistakable ones have been read before
        return meant or Answer(Means.PERHAPS_DONE, text=text)
    if meant is None or (meant.intent in state.on_the_table and meant.means is not Means.MATTER):
        return Answer(_ACTS[act], text=text)
    if meant.intent == state.asked_about:
        return Answer(_ACTS[act], text=text)
    if act is Act.DENY:
        return replace(meant, correction=True)
    return meant if act in (Act.AFFIRM, Act.HELP) else Answer(_ACTS[act], text=text)


def _in_other_language(bundle: Bundle, language: str, meant: Answer | None, text: str) -> Answer:
    """A matter said in another language is taken in that language; one that the bot cannot speak goes to its own people."""
    certain = meant is not None and meant.means is Means.MATTER
    if meant is not None and language not in bundle.routes.languages.short:
        return replace(meant, language=language)
    intent, confidence = (meant.intent, meant.confidence) if certain and meant else (None, None)
    return Answer(Means.LANGUAGE, text=text, option=language, intent=intent, confidence=confidence)


def _matter(bundle: Bundle, state: CallState, understood: Understanding, text: str) -> Answer | None:
    """The matter named, if the bundle has a route for it, or what a command of its name does."""
    if understood.decision is Decision.REJECT:
        return None
    if understood.intent in bundle.flow.commands and understood.intent not in (AGENT, *understood.denied):
        return Answer(Means.COMMAND, text=text, option=understood.intent, confidence=understood.confidence)
    weighed = weigh(bundle.routes, state, understood)
    if weighed is None:
        return None
    second = understood.second if understood.second in bundle.routes.matters else None
    answer = Answer(
        _SURE[weighed.decision],
        text=text,
        intent=weighed.intent,
        confidence=weighed.confidence,
        choices=weighed.choices,
        second=None if second in understood.denied else second,
        entities=tuple((entity.kind, entity.value) for entity in understood.entities),
        correction=understood.act is Act.DENY,
        wants_human=AGENT in (*understood.choices, understood.second),
    )
    return _urgent_first(bundle, state, understood, answer, text)


def _urgent_first(bundle: Bundle, state: CallState, understood: Understanding, answer: Answer, text: str) -> Answer | None:
    """An emergency named first, second or among the choices comes before everything else, unless it is what is being denied. Of
    two, the more urgent one comes first and the other is kept.
    """
    routes = bundle.routes
    language = _other_language(bundle, state, understood)
    alone = next((choice for choice in answer.choices if choice in bundle.flow.doubts), None)
    if alone is not None:  # a life is nothing to choose from a list: it is asked about by itself
        return replace(answer, means=Means.EMERGENCY_UNSURE, intent=alone, choices=(), language=language)
    denies = understood.act is Act.DENY
    named = [intent for intent in (answer.intent, answer.second) if intent]
    if len(answer.choices) > 1 and all(routes.is_emergency(choice) for choice in answer.choices):
        named = list(answer.choices)
        answer = replace(answer, means=Means.MATTER, choices=())
    urgent = sorted((intent for intent in named if routes.is_emergency(intent)), key=routes.urgency)
    if not urgent:
        return answer
    if denies and answer.intent in state.on_the_table:
        return None
    rest = [intent for intent in (*urgent[1:], *named) if intent != urgent[0]]
    by_second = routes.is_emergency(answer.second) and not routes.is_emergency(answer.intent)
    certain = (answer.means is Means.MATTER and not denies) or by_second
    if certain and (_only_a_name(bundle, state, text) or _is_over(bundle, state, text)):
        certain = False
    return replace(
        answer,
        intent=urgent[0],
        second=rest[0] if rest else None,
        choices=() if certain or by_second else answer.choices,
        correction=answer.correction and not by_second,
        means=Means.EMERGENCY if certain else Means.EMERGENCY_UNSURE,
        language=language,
    )


def _only_a_name(bundle: Bundle, state: CallState, text: str) -> bool:
    """A single word, or a number with its name, names a thing, and does not say that something has happened to it. Where it
    answers a question it may.
    """
    said = without_filler(bundle, state.language, words_of(_MASK.sub(" ", text)))
    return len(said) < 2 and not state.on_the_table


def _is_over(bundle: Bundle, state: CallState, text: str) -> bool:
    """What would be an emergency has turned out well, or never was ("I found it again", "nobody stole anything")."""
    return heard_in(bundle.flow.hints.get(AVERTED, {}).get(state.language, ()), words_of(text))


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
