"""Word pairs, "zielony rower": a person hears one and reads one, and says whether they are the same.

128 adjectives and 128 nouns a language: 14 bits, which a stranger's request meets in 0.006 % of cases, and a person compares in a
second. Within a list no two words begin with the same two letters, and none can be made of another by fewer than three changes.
Each was said in a pair, in the bot's sentence, by the service's own voice down a telephone line, and heard by its embedded
recogniser (`bench/word_pairs.py`; the figures are in docs/identity.md). No person has listened to them yet.
Polish nouns are masculine, so that every adjective agrees with every noun. No bank, body, money, colour, religion or politics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from secrets import choice

_POLISH_ADJECTIVES = """
    akrylowy alpejski ambitny antyczny arbuzowy atomowy autorski barwny bezludny bilardowy bliski błotnisty chudy ciepły
    cukrowy cytrynowy daleki delikatny dorosły drobny dumny dyniowy dziki dębowy długi dżinsowy elegancki epicki falisty
    figlarny flanelowy foliowy francuski futrzany genialny giętki gorący gumowy górski gęsty głośny hałaśliwy honorowy idealny
    imbirowy indyjski jasny jesienny kamienny kefirowy kiszony klonowy kolczasty krótki kudłaty kłujący latający lekki
    liściasty lotniczy lukrowany matowy metalowy mydlany mądry młody nadmorski nocny obfity ochoczy odległy ogromny okienny
    opalony orzechowy ostry owocowy ołowiany papierowy piękny pluszowy polarny prosty psotny puchaty pyszny północny radosny
    rekordowy rowerowy ruchliwy rytmiczny rzadki równy sałatkowy senny smaczny sosnowy spokojny stromy suchy swojski szybki
    sąsiedzki sękaty słodki teatralny toporny trawiasty turecki twardy typowy tęczowy uczony udany ukryty ulubiony uparty
    uroczy waniliowy wesoły wielki wrzosowy wspaniały wysoki zdolny łaciaty śnieżny
"""
_POLISH_NOUNS = """
    absolwent afisz agrest akordeon album aparat astronom atlas autobus balkon bigos bluszcz bochenek brokat bursztyn bęben
    cement chleb cielak cukier czajnik daktyl delfin diament domek drążek dywan dzbanek długopis dżem ekran eliksir emblemat
    estragon festiwal filar flaming fotel futerał garnek gekon gnom gołąb grzebień guzik gąsior hamak hełm hipopotam humor
    imbir indyk jastrząb jogurt kaktus kilof klocek kminek kompot krawat kurczak kwartet lampart lemur listek lunapark magnes
    mebel mikrofon motocykl mrówkojad muchomor młotek namiot nietoperz nurek obrus odkurzacz ogród okręt olejek omlet orzeł
    otwieracz parasol pelikan piernik plecak pociąg profesor puchar pączek płaszcz reflektor rower rumianek rycerz sandał
    scyzoryk seler siatkarz skuter smok snopek sokół statek supeł szalik sąsiad talerz telefon tort traktor tulipan tydzień
    upominek walc wentyl wiatrak węgiel zając zegar ziemniak łosoś ślimak śnieg źrebak żyrandol
"""
_ENGLISH_ADJECTIVES = """
    absent active adorable agile airborne alpine ancient arctic athletic awake basic better blazing bold brave bumpy calm
    certain cheerful circular clever cosy crispy curly daring deep dizzy double dreamy dynamic eager elastic empty endless
    equal eternal even exotic fabulous feathery final forgotten friendly funny gallant gentle ghostly giant glorious harmless
    heavy hidden hollow humble ideal immense instant iron jolly jumbo kind knitted lazy lemony little lonely lucky magnetic
    merry mighty modern musical mystic narrow neat nutty official olden opposite ornate outer painted peaceful plain polite
    pretty puffy quick rapid regular rhythmic ripe round salty scented secret sharp similar skilled slippery smooth snowy soft
    spicy square steady sweet tender tidy tough tropical twisty unique upright urban useful vast velvet vivid vocal watery
    weekly wireless wrinkly yearly youthful zesty zigzag
"""
_ENGLISH_NOUNS = """
    acorn airport album anchor apple arrow atlas autumn badger beaver biscuit blanket bridge butter camel cellar cheese circle
    clover compass crayon cucumber cyclist daisy denim diamond dolphin dumpling echo eggcup elephant emerald engine eraser
    evening falcon feather fiddle flute forest funnel garden ghost giraffe glacier gnome goblet grape guitar gymnast hammer
    helmet hillside honey hurdle hyena iceberg igloo insect iris island jacket jelly jigsaw journal jungle kangaroo kettle
    kitten koala lemon lizard lobster luggage magnet mermaid mirror mountain muffin mystery napkin necklace nightcap noodle
    nutmeg oasis ocean office olive onion opera panda pepper pretzel pumpkin pyramid rabbit ribbon rucksack scooter shovel
    skirt smile snail sofa spoon squirrel sweater syrup table teapot thunder tiger tomato trumpet twine umbrella unicorn
    valley vessel volcano vulture wagon whistle window wreath yeti zebra
"""


@dataclass(frozen=True, slots=True)
class WordLists:
    """The words of one language."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]


WORD_LISTS: Mapping[str, WordLists] = {
    "pl": WordLists(tuple(_POLISH_ADJECTIVES.split()), tuple(_POLISH_NOUNS.split())),
    "en": WordLists(tuple(_ENGLISH_ADJECTIVES.split()), tuple(_ENGLISH_NOUNS.split())),
}
"""By language, ISO 639."""


def language_of_pair(language: str | None) -> str:
    """The language in which a pair is drawn for whoever speaks `language`: theirs, or the first that there is."""
    return language if language is not None and language in WORD_LISTS else next(iter(WORD_LISTS))


def new_pair(language: str, *, draw: Callable[[Sequence[str]], str] = choice) -> str:
    """Two words that nobody can foresee. Raises KeyError for a language without lists."""
    lists = WORD_LISTS[language]
    return f"{draw(lists.adjectives)} {draw(lists.nouns)}"
