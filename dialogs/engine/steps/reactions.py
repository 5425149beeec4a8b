"""What an answer leads to: first the step's own answers, then what holds at every step."""

from __future__ import annotations

from dataclasses import replace

from dialogs.data.flow import Collect, Connect, Menu, Question, Step
from dialogs.engine import routing
from dialogs.engine.readings import words
from dialogs.engine.readings.answers import Answer, Means
from dialogs.engine.readings.commands import ANGRY, LEADING_NO, NO_RECORDING, content, denies_plainly
from dialogs.engine.readings.hints import folded, heard_in, words_of
from dialogs.engine.readings.keys import MAIN_MENU
from dialogs.engine.readings.priors import LIKELY
from dialogs.engine.routing import own_line
from dialogs.engine.state import Matter, Phase
from dialogs.engine.steps import asking, comfort, emergencies, handing, languages
from dialogs.engine.turn import Turn
from dialogs.events import Expect

NONE_OF_THESE = "none_of_these"
NO_HELP = "no_help"  # the message was none for this caller
LONGEST_NO = 3  # words of content in a no that is only a no
BOTH = "both"
WHICHEVER = "whichever"
_MATTERS = (Means.MATTER, Means.UNSURE, Means.SEVERAL)


def react(turn: Turn, answer: Answer) -> str | None:
    """Take an answer; returns the step to go to, or None when the engine goes on waiting."""
    state = turn.state
    step = turn.bundle.flow.steps[state.step]
    _keep_words(turn, answer)
    _remember_denials(turn, answer)
    answer = _urgent_of_both(turn, answer)
    if answer.means in (Means.EMERGENCY, Means.EMERGENCY_UNSURE):
        return emergencies.shown(turn, step, answer)
    if isinstance(step, Question) and step.cautious:
        return emergencies.confirmed_or_denied(turn, step, answer)
    languages.take_over(turn, answer.language)
    if answer.option == NO_RECORDING and answer.intent:
        comfort.stop_recording(turn)
    answer = _in_context(turn, step, answer)
    if state.phase is Phase.ANNOUNCING and _stays_with_these_people(turn, answer):
        learn(turn, replace(answer, means=Means.MATTER, correction=False))
        return handing.hand_off(turn)
    own = _own_answer(turn, step, answer)
    if own is not None:
        return own
    if state.phase is Phase.ANNOUNCING:
        return _during_announcement(turn, answer)
    return _anywhere(turn, step, answer)


def _urgent_of_both(turn: Turn, answer: Answer) -> Answer:
    """Whoever wants both of a choice with an emergency in it has that emergency, and the other matter beside it."""
    state, routes = turn.state, turn.bundle.routes
    urgent = [one for one in state.candidates if routes.is_emergency(one) and one not in state.denied]
    if answer.option != BOTH or not urgent or state.suspected:
        return answer
    state.keep(*(one for one in state.candidates if one != urgent[0]))
    return replace(answer, means=Means.EMERGENCY, intent=urgent[0], option="")


def _remember_denials(turn: Turn, answer: Answer) -> None:
    """What the caller says it is not, is not done and not offered again."""
    state = turn.state
    fresh = [intent for intent in answer.denied if intent not in state.denied]
    if not answer.denied:
        return
    state.denied |= frozenset(answer.denied)
    state.drop(*answer.denied)
    if fresh:
        state.tell("denied", ", ".join(fresh))
        turn.decide("denied", f"the caller said that it is not {', '.join(fresh)}")


def _keep_words(turn: Turn, answer: Answer) -> None:
    """The caller's own words for the agent: those that named a matter, else the first that said anything of it."""
    if not answer.text:
        return
    state = turn.state
    if answer.means in (*_MATTERS, Means.EMERGENCY, Means.EMERGENCY_UNSURE):
        more = state.words and state.matter is not None and not answer.correction and state.words != answer.text
        state.words = f"{state.words} / {answer.text}" if more else answer.text
    elif answer.means in (Means.AGENT, Means.LANGUAGE, Means.NOTHING) or answer.option in words.FEELINGS:
        turn.state.words = turn.state.words or answer.text


def _in_context(turn: Turn, step: Step, answer: Answer) -> Answer:
    """Saying again what was asked about means yes; naming one of the candidates means that one."""
    state = turn.state
    if _is_answered(turn, answer.intent) and answer.means in _MATTERS and answer.second:
        return replace(answer, means=Means.MATTER, intent=answer.second, second=None, confidence=None, correction=False)
    if isinstance(step, Question) and step.option is not None:
        rest = _rest_of_the_choice(turn, answer)
        if rest is not None:
            return rest
        named = [intent for intent in (answer.intent, *answer.choices) if intent in state.candidates]
        if named and answer.means in _MATTERS and not answer.correction:
            return Answer(
                Means.MATTER, answer.by, answer.text, named[0], answer.confidence, second=answer.second, entities=answer.entities
            )
    same = state.candidate is not None and answer.intent == state.candidate.intent
    if same and answer.means in (Means.MATTER, Means.UNSURE) and not answer.correction:
        return Answer(Means.YES, answer.by, answer.text, second=answer.second)
    if answer.means in (Means.UNSURE, Means.SEVERAL) and routing.lead_to_one_place(turn, (str(answer.intent), *answer.choices)):
        turn.decide("same_place", "whichever it is, the same people answer", answer.intent, answer.confidence)
        return replace(answer, means=Means.MATTER)
    return answer


def _is_answered(turn: Turn, intent: str | None) -> bool:
    """A message has just answered this matter: what is named beside it is what the caller still wants."""
    step, matter = turn.bundle.flow.steps[turn.state.step], turn.state.matter
    return isinstance(step, Question) and NO_HELP in step.answers and matter is not None and matter.intent == intent


def _rest_of_the_choice(turn: Turn, answer: Answer) -> Answer | None:
    """What is left of the choice when one of it is denied and nothing surer is named instead."""
    candidates = turn.state.candidates
    vague = answer.means in (Means.NO, Means.NOTHING) or (answer.means in _MATTERS and (answer.confidence or 0) < LIKELY)
    rest = tuple(intent for intent in candidates if intent not in answer.denied)
    if not vague or not rest or len(rest) == len(candidates):
        return None
    one = len(rest) == 1 or routing.lead_to_one_place(turn, rest)
    return Answer(Means.MATTER if one else Means.SEVERAL, text=answer.text, intent=rest[0], choices=() if one else rest)


def _own_answer(turn: Turn, step: Step, answer: Answer) -> str | None:
    """The next step if this step names one for the answer; what was learned is kept."""
    if not isinstance(step, Question | Menu | Connect):
        return None
    if isinstance(step, Connect) and answer.option == words.ALSO and answer.intent:
        turn.state.keep(answer.intent, answer.second)
        turn.decide("second", "named during the announcement", answer.intent, answer.confidence)
        return None
    if isinstance(step, Connect) and not _changes_mind(turn, answer):
        return None
    name = answer.option if answer.means is Means.OPTION else answer.means.value
    target = step.answers.get(name)
    if answer.means is Means.PERHAPS_DONE and isinstance(step, Question) and step.expect is Expect.YES_NO:
        answer, target = replace(answer, means=Means.NO), step.answers.get("no")  # "that's all" to "anything else?"
    if answer.means is Means.NO and NO_HELP in step.answers and _goes_on(turn, answer):
        return step.answers[NO_HELP]
    if answer.means is Means.NO and NO_HELP in step.answers and not _bears_out_no(turn, answer):
        return None  # nobody is hung up on for what only sounds like a no
    if target is None and isinstance(step, Question) and step.anything and _is_content(answer):
        turn.state.words = answer.text
        return step.anything
    if target is None:
        return None
    learn(turn, answer)
    return target


def _goes_on(turn: Turn, answer: Answer) -> bool:
    """A no that goes on ("no, it's something else, I have…") is no end: the caller still wants something."""
    words = content(turn.bundle, turn.state.language, answer.text)
    enough = turn.bundle.flow.hints.get("enough", {}).get(turn.state.language, ())
    return len(words) > LONGEST_NO and not heard_in(enough, words_of(answer.text))


def _bears_out_no(turn: Turn, answer: Answer) -> bool:
    """A no is heard in the words, or that it was enough; a key is what it is."""
    flow, language = turn.bundle.flow, turn.state.language
    if answer.by == "key" or not answer.text:
        return True
    no = folded((*flow.commands.get("no", {}).get(language, ()), *flow.commands.get(LEADING_NO, {}).get(language, ())))
    said = words_of(answer.text)
    enough = heard_in(flow.hints.get("enough", {}).get(language, ()), said)
    return enough or any(word in no for word in said) or denies_plainly(turn.bundle, language, answer.text)


def _changes_mind(turn: Turn, answer: Answer) -> bool:
    """During an announcement only a no, or another matter, stops the transfer."""
    current = turn.state.matter.intent if turn.state.matter else None
    return answer.means is Means.NO or (answer.means in _MATTERS and (answer.correction or answer.intent != current))


def _stays_with_these_people(turn: Turn, answer: Answer) -> bool:
    """Said while a transfer is announced: more about the matter, and whoever is being called is who answers that too."""
    target, routes = turn.state.target, turn.bundle.routes
    if target is None or turn.state.matter is None or answer.means not in _MATTERS or answer.option == words.ALSO:
        return False
    own = own_line(turn.bundle, turn.state)
    if own and own.takes == "all" and target.queue in (own.queue, own.adviser):
        return True
    named = answer.choices if answer.means is Means.SEVERAL else (answer.intent,)
    return all(intent in routes.matters and routes.human_queue(str(intent)) == target.queue for intent in named)


def _is_content(answer: Answer) -> bool:
    """Words of the caller's own, not a command to the bot."""
    return bool(answer.text) and answer.means in (*_MATTERS, Means.NOTHING, Means.YES, Means.NO)


def learn(turn: Turn, answer: Answer) -> None:
    """Keep what the answer says about the matter."""
    state = turn.state
    if answer.correction:
        _deny(turn)
    match answer.means:
        case Means.MATTER:
            before = state.matter
            if state.several:
                state.keep(*_others_named(turn, answer.intent))
            state.matter = Matter(answer.intent, answer.confidence, answer.by, answer.entities, answer.queue)
            state.drop(answer.intent)
            _keep_named_before(turn, before)
            state.tell("matter", answer.intent or answer.queue or "")
            state.candidate, state.candidates, state.suspected = None, (), None
            turn.decide("accept", f"{answer.by}: {answer.intent or answer.queue}", answer.intent, answer.confidence)
        case Means.UNSURE:
            state.candidate = Matter(answer.intent, answer.confidence, answer.by, answer.entities)
            turn.decide("confirm", "understood, not certain", answer.intent, answer.confidence)
        case Means.SEVERAL:
            state.candidates = answer.choices[:3]
            turn.decide("choose", ", ".join(state.candidates), answer.intent, answer.confidence)
        case Means.YES if state.candidate is not None:
            before = state.matter
            state.matter, state.candidate, state.candidates = state.candidate, None, ()
            _keep_named_before(turn, before)
            state.tell("confirmed", state.matter.intent or "")
            turn.decide("accept", "confirmed by the caller", state.matter.intent, state.matter.confidence)
        case Means.NO:
            _deny(turn)
            turn.decide("denied", "the caller said no")
        case Means.OPTION:
            turn.decide("option", answer.option)
            _take_option(turn, answer.option)
        case _:
            pass
    state.keep(answer.second)
    state.wants_human = state.wants_human or answer.wants_human


def _others_named(turn: Turn, intent: str | None) -> list[str]:
    """The rest of a choice between matters that were all named. An emergency among them would have been put through."""
    state, routes = turn.state, turn.bundle.routes
    return [one for one in state.candidates if one != intent and one not in state.denied and not routes.is_emergency(one)]


def _keep_named_before(turn: Turn, before: Matter | None) -> None:
    """What was named first, and not taken back or answered, is kept beside what is wanted now."""
    state = turn.state
    if before is not None and before.by != "second" and before.intent not in state.denied:
        state.keep(before.intent)


def _take_option(turn: Turn, option: str) -> None:
    """What an option of a choice says about the candidates: none of them, both, or whichever."""
    state = turn.state
    if option == NONE_OF_THESE:
        _deny(turn)
    elif option in (BOTH, WHICHEVER) and state.candidates:
        first, *rest = state.candidates
        state.matter, state.candidates = Matter(first, by="chosen"), ()
        state.keep(*rest)


def _deny(turn: Turn) -> None:
    """What was asked about, offered or announced is not it."""
    state = turn.state
    refused = [state.candidate.intent] if state.candidate else list(state.candidates)
    if state.phase is Phase.ANNOUNCING and state.matter:
        refused = [state.matter.intent]
        state.matter = state.target = None
    named = [intent for intent in refused if intent]
    state.denied |= frozenset(named)
    state.drop(*named)
    if state.matter is not None and state.matter.intent in named:
        state.matter = None
    if named:
        state.tell("denied", ", ".join(named))
    state.candidate, state.candidates = None, ()
    if state.suspected in state.denied:
        state.suspected = None


def _during_announcement(turn: Turn, answer: Answer) -> str | None:
    """Whoever asks for a moment gets it, and the emergency key has its people unless they are being called already; anything else
    that is no change of mind lets the transfer go on.
    """
    target = turn.state.target
    if answer.means is Means.SECURITY and not (target is not None and turn.bundle.queues[target.queue].emergency):
        return emergencies.security_key(turn)
    if answer.means is Means.WAIT and turn.state.waits < turn.bundle.flow.limits.waits:
        comfort.wait(turn)
        return None
    if answer.means is Means.LANGUAGE:
        languages.take_over(turn, answer.option)
    elif answer.option == NO_RECORDING:
        comfort.stop_recording(turn)
    return handing.hand_off(turn)


def _anywhere(turn: Turn, step: Step, answer: Answer) -> str | None:
    """The meanings that hold at every step."""
    anywhere = turn.bundle.flow.anywhere
    match answer.means:
        case Means.MATTER:
            learn(turn, answer)
            return anywhere.matter
        case Means.AGENT:
            return _agent(turn, step)
        case Means.SECURITY:
            return emergencies.security_key(turn)
        case Means.GOODBYE:
            return anywhere.goodbye
        case Means.MENU:
            asking.enter_menu(turn, answer.option or MAIN_MENU)
            turn.decide("menu", answer.option or MAIN_MENU)
            turn.tried(f"menu:{turn.state.menu}")
            return anywhere.menu
        case Means.STEP:
            return answer.option
        case Means.LANGUAGE:
            if answer.intent:
                turn.state.matter = Matter(answer.intent, answer.confidence, answer.by)
            return languages.asked_for(turn, answer.option)
        case Means.COMMAND if answer.option == ANGRY:
            return _angry(turn, step, answer)
        case Means.COMMAND if answer.option == words.URGENT:
            turn.state.wants_human = True
            turn.decide("reask", "urgent, without a matter")
            return anywhere.agent if turn.state.asked[anywhere.urgent] else anywhere.urgent
        case Means.COMMAND:
            return comfort.obey(turn, answer.option)
        case _:
            return _at_the_question(turn, step, answer)


def _at_the_question(turn: Turn, step: Step, answer: Answer) -> str | None:
    """Silence, noise, "what?", "help" and "wait" at the question being asked."""
    if isinstance(step, Collect):
        return asking.collect(turn, step)
    if not isinstance(step, Question | Menu):
        return None
    match answer.means:
        case Means.SILENCE:
            return asking.no_input(turn, step)
        case Means.HELP if turn.state.asked[f"help:{turn.state.step}"] > 0:
            turn.decide("spent", "the help did not help")
            return step.spent
        case Means.REPEAT | Means.HELP:
            turn.decide("reask", f"the caller asked for {answer.means.value}")
            turn.state.asked[f"{answer.means.value}:{turn.state.step}"] += 1
            return asking.ask(turn, step, after=answer.means.value)
        case Means.WAIT if turn.state.waits < turn.bundle.flow.limits.waits:
            comfort.wait(turn)
            return None
        case Means.PERHAPS_DONE if isinstance(step, Question) and not turn.state.asked[f"opened:{turn.state.step}"]:
            turn.state.asked[f"opened:{turn.state.step}"] += 1
            turn.decide("reask", "it may have been a greeting or an end; asked again")
            return asking.ask(turn, step, after="resume")
        case Means.NO | Means.NOTHING if answer.denied:
            turn.say(turn.bundle.flow.says.not_that)
            return asking.ask(turn, step, after="resume")
        case Means.NOTHING if answer.by == "key":
            turn.say(turn.bundle.flow.says.no_such_key)
            return asking.no_match(turn, step)
        case _:
            return asking.no_match(turn, step)


def _agent(turn: Turn, step: Step) -> str:
    """The first time a short offer to say the matter, so that the right one picks up; the second time, or when the offer has
    nothing to add, a human.
    """
    state, anywhere = turn.state, turn.bundle.flow.anywhere
    state.agent_asked += 1
    state.wants_human = True
    turn.tried("asked_for_human")
    own = own_line(turn.bundle, state)
    has_own_line = own is not None and own.takes == "all"
    troubled = isinstance(step, Menu) or any(entry.startswith(("no_", "menu", "spent")) for entry in state.tried)
    routing.take_the_likely(state)
    if state.agent_asked > 1 or state.matter or has_own_line or troubled or state.deaf:
        turn.decide("human", f"asked for a human {state.agent_asked} times", "agent")
        return anywhere.agent
    turn.decide("reask", "asked for a human without a matter", "agent")
    return anywhere.agent_first


def _angry(turn: Turn, step: Step, answer: Answer) -> str:
    """Somebody who swears needs a human, and a calm word: at once when a human is what they ask for."""
    before = turn.state.agent_asked
    turn.tried("upset")
    following = _agent(turn, step)
    if answer.wants_human:
        return turn.bundle.flow.anywhere.agent
    return turn.bundle.flow.anywhere.angry if before == 0 and following == turn.bundle.flow.anywhere.agent_first else following
