"""A caller at work: says why they call, and acts on what the bot then offers, as their goal and their mood have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from bench.talk.offers import Offer
from bench.talk.people import Person
from bench.talk.phrases import Phrases
from bench.talk.speech import hesitant, misheard, written
from bench.talk.standing import Standing
from nlu.types import AGENT, OUT_OF_SCOPE
from voicebot.talk import CallerTurn

_UNTOLD = ("greeting", "vague", "human first", "silence", "keys")  # the matter comes when it is asked for
_DICTATED = "600100200#"


@dataclass(slots=True)
class Talker:
    """One person on the line. What they did that the judge must know stands in the fields."""

    person: Person
    phrases: Phrases
    standing: Standing
    denied: set[str] = field(default_factory=set)
    """Matters the caller said it is not."""
    content: bool = False
    """The caller let the call end: it was a wrong number, the message was enough, or they will call another time."""
    later: bool = False
    """It was closed, and the caller will call another time."""
    tired: bool = False
    """The caller asked for a human because nothing else helped."""
    pressed_emergency: bool = False
    secret_told: bool = False
    questions: int = 0
    """About the matter, beyond the first."""
    corrected: int = 0
    """Announcements objected to."""
    _told: int = 0
    _said: int = 0
    _rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = Random(self.person.seed)

    # ------------------------------------------------------------ the first words

    def opening(self) -> list[CallerTurn]:
        """What the caller does when the greeting is over, or before."""
        person, pick = self.person, self._pick
        match person.opening:
            case "silence":
                return [CallerTurn("silence", "7")]
            case "keys":
                return [CallerTurn("key", "*")]
            case "greeting":
                return [self._say(pick("greetings"))]
            case "vague":
                return [self._say(pick("vague"))]
            case "human first":
                return [self._say(pick("human"))]
        turn = self._say(self._dressed(self._first_words()))
        return [CallerTurn("interrupt", turn.value) if self._rng.random() < 0.1 else turn]

    def _first_words(self) -> str:
        person, pick = self.person, self._pick
        mine = self.phrases.matters[person.goal]
        match person.opening:
            case "about":
                return pick("about").format(about=self._rng.choice(mine.about))
            case "name":
                return self._rng.choice(mine.name)
            case "detour":
                parts = [pick("detours"), person.way.text]
                self._rng.shuffle(parts)
                return ", ".join(parts)
            case "correction":
                return pick("corrections").format(wrong=self._name_of(person.wrong), way=person.way.text)
            case "negation":
                self.denied.add(person.wrong)
                denied = self._rng.choice(self.phrases.matters[person.wrong].denied)
                return pick("negations").format(denied=denied, way=person.way.text)
            case "two":
                self.standing.told_both = True
                return pick("seconds").format(way=person.way.text, second=self._second_words())
        return person.way.text

    def _dressed(self, words: str) -> str:
        """With a greeting, an approach and a request around it, as the mood has it."""
        rng, mood = self._rng, self.person.mood
        before = self._pick("openers") if rng.random() < (0.2 if mood == "hurried" else 0.5) else ""
        lead = self._pick("leads") if rng.random() < (0.1 if mood == "hurried" else 0.3) else ""
        swear = self._pick("swears") if mood == "angry" and rng.random() < 0.6 else ""
        after = self._pick("tails") if rng.random() < 0.25 else ""
        detour = self._pick("detours") if mood == "chatty" and self.person.opening != "detour" else ""
        return ", ".join(filter(None, (before, swear, detour, f"{lead} {words}".strip(), after)))

    # ------------------------------------------------------------ answers

    def answer(self, offer: Offer) -> list[CallerTurn]:
        """What the caller does about it."""
        if offer.about_the_matter:
            return self._about_the_matter(offer)
        say = self._say
        match offer.kind:
            case "announced":
                return self._announced(offer)
            case "after_message":
                return self._after_message()
            case "closed":
                return self._closed()
            case "number":
                return [CallerTurn("key", _DICTATED)]
            case "dictate":
                return [say(self._another_way())]
            case "same":
                return [say(self._pick("no"))]
            case "survey":
                self.content = True
                return [say(self._pick("yes"))]
            case "long_wait":
                return [say(self._pick("callback"))]
        return [say(self._pick("yes"))]

    def _about_the_matter(self, offer: Offer) -> list[CallerTurn]:
        self.questions += 1
        if self.person.goal == OUT_OF_SCOPE:
            self.content = True
            return [self._say(self._pick("farewell"))]
        if self.person.goal == AGENT or self.questions > self.person.patience:
            self.tired = self.person.goal != AGENT
            return [self._say(self._pick("fed_up" if self.tired else "human"))]
        return self._aside() or self._reply(offer)

    def _aside(self) -> list[CallerTurn]:
        """Now and then something that is no answer."""
        chance = self._rng.random()
        if chance < 0.02:
            return [CallerTurn("silence", "7")]
        if chance < 0.04:
            return [self._say(self._pick("repeat"))]
        if chance < 0.055:
            return [self._say(self._pick("wait")), self._say(self._another_way())]
        return []

    def _reply(self, offer: Offer) -> list[CallerTurn]:
        match offer.kind:
            case "confirm":
                return [self._confirm(offer.matters[0])]
            case "choose":
                return [self._choose(offer)]
            case "menu":
                return [self._menu(offer)]
        return [self._say(self._another_way())]

    def _confirm(self, matter: str) -> CallerTurn:
        rng = self._rng
        if matter in self.standing.meant:
            if rng.random() < 0.08:
                return CallerTurn("key", "1")
            return self._say(self._another_way() if rng.random() < 0.1 else self._pick("yes"))
        self.denied.add(matter)
        if rng.random() < 0.06:
            return CallerTurn("key", "2")
        if rng.random() < 0.45:
            return self._say(self._pick("no"))
        return self._say(
            self._pick("no_but").format(
                way=self._another_way(), wrong=self._name_of(matter), right=self._name_of(self.person.goal)
            )
        )

    def _choose(self, offer: Offer) -> CallerTurn:
        rng = self._rng
        mine = [matter for matter in offer.matters if matter in self.standing.meant]
        if not mine:
            self.denied.update(offer.matters)
            return self._say(self._pick("none").format(way=self._another_way()))
        place, matter = offer.matters.index(mine[0]), mine[0]
        chance = rng.random()
        if chance < 0.15:
            return CallerTurn("key", str(place + 1))
        if chance < 0.3:
            return self._say(self._pick(("first", "second", "last")[place]) if place < 3 else self._name_of(matter))
        if chance < 0.4:
            return self._say(self._another_way())
        if chance < 0.45:
            return self._say(self._pick("unsure").format(way=self._another_way()))
        return self._say(self._pick("pick").format(name=self._name_of(matter)))

    def _menu(self, offer: Offer) -> CallerTurn:
        key = self.standing.key_for(self.person.goal, offer.keys)
        if key and (self.person.opening == "keys" or self._rng.random() < 0.4):
            return CallerTurn("key", key)
        return self._say(self._another_way() if self._rng.random() < 0.6 else self._name_of(self.person.goal))

    def _announced(self, offer: Offer) -> list[CallerTurn]:
        """Let it happen, object, or add what else there is."""
        standing, queue = self.standing, offer.queue
        if not offer.barge_in:
            return [CallerTurn("silence")]
        if queue and not standing.right(queue) and queue not in ("on_duty", standing.default):
            if not self.corrected and self._rng.random() < 0.5:
                self.corrected += 1
                self.denied.update(standing.matters_of(queue))
                return [CallerTurn("interrupt", self._say(self._pick("objections").format(way=self._another_way())).value)]
        elif self.person.opening == "second later" and not standing.told_both:
            standing.told_both = True
            return [CallerTurn("interrupt", self._say(self._pick("adds").format(second=self._second_words())).value)]
        return [CallerTurn("silence")]

    def _after_message(self) -> list[CallerTurn]:
        if self.standing.answered():
            if self._rng.random() < 0.6:
                self.content = True
                return [self._say(self._pick("no_thanks"))]
            return [self._say(self._pick("yes"))]
        return [self._say(self._pick("no_but").format(way=self._another_way(), wrong="", right=self._name_of(self.person.goal)))]

    def _closed(self) -> list[CallerTurn]:
        chance = self._rng.random()
        if chance < 0.4:
            return [self._say(self._pick("callback"))]
        if chance < 0.55:
            return [self._say(self._pick("message"))]
        if chance < 0.7:
            return [CallerTurn("key", "0")]
        if chance < 0.85:
            return [self._say(self._pick("nobody"))]
        self.content = self.later = True
        return [self._say(self._pick("later"))]

    # ------------------------------------------------------------ words

    def _another_way(self) -> str:
        """The matter in the caller's words: those of the opening the first time, others later."""
        person, self._told = self.person, self._told + 1
        ways = [way for way in self.phrases.matters[person.goal].ways if set(way.also) <= set(self.standing.meant)]
        if (person.opening in _UNTOLD and self._told == 1) or not ways:
            return person.way.text
        return self._rng.choice((person.way.text, self._rng.choice(ways).text))

    def _second_words(self) -> str:
        return self.person.second_way.text if self.person.second_way else ""

    def _name_of(self, matter: str) -> str:
        known = self.phrases.matters.get(matter)
        return self._rng.choice(known.name) if known else ""

    def _pick(self, name: str) -> str:
        return self._rng.choice(self.phrases.lists[name])

    def _say(self, words: str) -> CallerTurn:
        rng, person = self._rng, self.person
        if person.secret and not self.secret_told and (person.secret.early or self._said):
            self.secret_told = True
            dictated = rng.choice(self.phrases.secrets[person.secret.kind]).format(digits=person.secret.spoken)
            return CallerTurn("say", written(f"{words}, {dictated}", rng, capitals=person.capitals))
        self._said += 1
        if person.mood == "hesitant" and len(words) > 25:
            words = hesitant(words, rng, self.phrases.lists["fillers"], rng.choice((1, 1, 2)))
        words = misheard(words, rng, rng.randint(0, person.edits))
        return CallerTurn("say", written(words, rng, capitals=person.capitals) or "…")

    @property
    def untold(self) -> bool:
        """Whether the bot never heard the matter: it was not asked, or the caller would not tell."""
        return self.person.opening in _UNTOLD and not self._told
