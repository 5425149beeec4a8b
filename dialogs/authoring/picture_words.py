"""The words of the pictures: Polish and English; a bundle in another language gets the English ones beside its own texts."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "pl")

_WORDS: Mapping[str, tuple[str, str]] = {
    # ------------------------------------------------------------ titles and frames
    "flow": ("The conversation", "Rozmowa"),
    "routes": ("Where calls go", "Dokąd trafiają rozmowy"),
    "lines": ("Lines", "Linie"),
    "anywhere": ("At any moment", "W każdej chwili"),
    "anywhere.note": ("wherever the bot listens", "wszędzie, gdzie bot słucha"),
    "emergencies": ("Emergencies", "Nagłe sprawy"),
    # ------------------------------------------------------------ the legend
    "legend.says": ("says something", "mówi"),
    "legend.asks": ("asks and waits for an answer", "pyta i czeka na odpowiedź"),
    "legend.decides": ("decides without asking", "decyduje bez pytania"),
    "legend.hands_over": ("hands the call or a request over", "przekazuje rozmowę albo zlecenie"),
    "legend.ends": ("says goodbye and hangs up", "żegna się i kończy"),
    "legend.emergency": ("emergency", "nagła sprawa"),
    "legend.dashed": (
        "dashed arrow: back, or to a step as near to the beginning",
        "strzałka przerywana: wstecz albo do kroku równie blisko początku",
    ),
    "legend.hub": (
        "coloured frame: many arrows lead here, all of this colour",
        "kolorowa ramka: prowadzi tu wiele strzałek tego koloru",
    ),
    "legend.refused": (
        "a transfer that the overflow queue refuses too goes to the default queue ★",
        "gdy odmówi też kolejka zastępcza, rozmowa trafia do kolejki domyślnej ★",
    ),
    "legend.matters": ("matters and their keys", "sprawy i ich klawisze"),
    "legend.queue": ("queue", "kolejka"),
    "legend.callers": ("callers with a queue of their own", "rozmówcy z własną kolejką"),
    # ------------------------------------------------------------ kinds of steps
    "kind.statement": ("says", "mówi"),
    "kind.check": ("check", "sprawdzenie"),
    "kind.question": ("question", "pytanie"),
    "kind.menu": ("keypad menu", "menu na klawiszach"),
    "kind.route": ("route", "wybór kolejki"),
    "kind.message": ("approved message of the matter", "zatwierdzony komunikat o sprawie"),
    "kind.connect": ("announces and puts through", "zapowiada i łączy"),
    "kind.collect": ("number by keys", "numer z klawiatury"),
    "kind.request": ("request", "zlecenie"),
    "kind.confirmation": ("confirmation in the app", "potwierdzenie w aplikacji"),
    "kind.survey": ("keeps the survey's answer", "zapisuje odpowiedź ankiety"),
    "kind.farewell": ("goodbye", "pożegnanie"),
    "expect.open": ("open", "otwarte"),
    "expect.yes_no": ("yes or no", "tak lub nie"),
    "expect.choice": ("choice", "wybór"),
    "expect.digits": ("digits", "cyfry"),
    "request.callback": ("callback", "oddzwonienie"),
    "request.message": ("message", "wiadomość"),
    "to.matter": ("of the matter", "sprawy"),
    "to.human": ("of people", "ludzi"),
    "to.security": ("of the security team", "zespołu bezpieczeństwa"),
    "to.last_place": ("of the last call", "z ostatniej rozmowy"),
    "to.second": ("of the second matter", "drugiej sprawy"),
    "to.default": ("of everybody else", "domyślnej"),
    "to.short_language": ("of the language", "języka"),
    "check.hears": ("Can speech be understood?", "Czy rozpoznajemy mowę?"),
    "check.repeat_caller": ("Called not long ago?", "Czy dzwonił niedawno?"),
    "check.second_matter": ("Is there a second matter?", "Czy jest druga sprawa?"),
    "check.survey": ("Does the line have the survey?", "Czy na tej linii jest ankieta?"),
    "check.app_confirmation": ("Should the app confirm who calls?", "Czy aplikacja ma potwierdzić, kto dzwoni?"),
    "check.advisor_question": ("Does the caller ask if the bank is calling them?", "Czy rozmówca pyta, czy to bank dzwoni?"),
    "check.app_code": ("Should the app's code be typed?", "Czy wpisać kod z aplikacji?"),
    "check.number_known": ("Is the caller's number known?", "Czy znamy numer rozmówcy?"),
    "check.wants_human": ("Did the caller ask for a human?", "Czy rozmówca prosił o człowieka?"),
    # ------------------------------------------------------------ what leads on
    "way.": ("then", "dalej"),
    "way.yes": ("yes", "tak"),
    "way.no": ("no", "nie"),
    "way.matter": ("matter understood", "sprawa jasna"),
    "way.unsure": ("not certain", "niepewna"),
    "way.several": ("one of several", "jedna z kilku"),
    "way.spent": ("too many tries", "po próbach"),
    "way.unanswered": ("only silence", "sama cisza"),
    "way.anything": ("anything said", "cokolwiek powie"),
    "way.none_of_these": ("none of these", "żadna z nich"),
    "way.open": ("open", "otwarte"),
    "way.closed": ("closed", "zamknięte"),
    "way.long_wait": ("long wait", "długie czekanie"),
    "way.message": ("message", "komunikat"),
    "way.collected": ("number given", "numer podany"),
    "way.refused": ("number refused", "zły numer"),
    "way.done": ("taken", "przyjęte"),
    "way.failed": ("failed", "nie udało się"),
    "way.callback": ("callback", "oddzwonienie"),
    "way.leave": ("nothing, thanks", "nic, dziękuję"),
    "way.code": ("code of the app typed", "wpisany kod z aplikacji"),
    "way.stay": ("will wait", "poczeka"),
    # ------------------------------------------------------------ at any moment
    "anywhere.matter": ("matter understood", "sprawa jasna"),
    "anywhere.unsure": ("matter not certain", "sprawa niepewna"),
    "anywhere.several": ("one of several matters", "jedna z kilku spraw"),
    "anywhere.emergency": ("emergency", "nagła sprawa"),
    "anywhere.emergency_unsure": ("perhaps an emergency", "może nagła sprawa"),
    "anywhere.emergency_several": ("an emergency among several", "nagła wśród kilku"),
    "anywhere.security_key": ("emergency key {emergency}", "klawisz nagłych spraw {emergency}"),
    "anywhere.agent": ("asks for a human again, or key {human}", "znów prosi o człowieka, klawisz {human}"),
    "anywhere.agent_first": ("asks for a human", "prosi o człowieka"),
    "anywhere.angry": ("swears", "przeklina"),
    "anywhere.urgent": ("urgent, nothing more", "pilne, bez sprawy"),
    "anywhere.menu": ("menu, key {main_menu}, speech out of order", "menu, klawisz {main_menu}, awaria rozpoznawania"),
    "anywhere.goodbye": ("goodbye", "żegna się"),
    "anywhere.short_language": ("another language", "inny język"),
    "anywhere.give_up": ("nobody takes the call", "nikt nie odbiera"),
    "anywhere.key": ("keypad menu {keys}", "klawisze menu {keys}"),
    # ------------------------------------------------------------ routes
    "keys": ("keys {keys}", "klawisze {keys}"),
    "hours": ("hours: {hours}", "godziny: {hours}"),
    "priority": ("priority {priority}", "priorytet {priority}"),
    "self_service": ("messages only, no people", "same komunikaty, bez ludzi"),
    "default_queue": ("default queue ★", "kolejka domyślna ★"),
    "overflow": ("refused", "odmowa"),
    "wants_human": ("still wants a human", "nadal chce człowieka"),
    "all_matters": ("all but emergencies", "wszystko prócz nagłych"),
    "adviser": ("closed", "zamknięte"),
    "segment": ("segment {name}", "segment {name}"),
    "language": ("language {name}", "język {name}"),
}


def word(language: str, name: str, /, **values: str) -> str:
    """The word called `name` in this language, English for an unknown one. Raises KeyError for an unknown word."""
    english, polish = _WORDS[name]
    return (polish if language == "pl" else english).format(**values)


def known(name: str) -> bool:
    """There is a word of this name."""
    return name in _WORDS
