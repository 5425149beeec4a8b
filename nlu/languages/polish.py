"""Polish: number words in every case and the words of the street, dialogue acts, days, money, secrets."""

from __future__ import annotations

from collections.abc import Iterator

from nlu.languages.language import (
    ActWords,
    DateWords,
    DenialWords,
    Language,
    MatterPatterns,
    NumberWord,
    PasswordWords,
    SecretWords,
    Slot,
    TurnWords,
    fold,
)
from nlu.types import Act

# ---------------------------------------------------------------- dialogue acts

_PHRASES: dict[Act, str] = {
    Act.AFFIRM: """tak|no tak|a tak|tak jest|taa|tia|no ba|no|ano|aha|mhm|yhm|uhm|hmm tak|jasne|jasna sprawa|pewnie|no pewnie|oczywiście|owszem|
        dokładnie|dokładnie tak|właśnie|właśnie tak|no właśnie|zgadza się|się zgadza|zgoda|zgadzam się|racja|prawda|potwierdzam|ok|okej|okay|okey|okejka|
        dobra|dobrze|no dobrze|no dobra|spoko|niech będzie|może być|proszę bardzo|bardzo proszę|poproszę|jak najbardziej|w porządku|słusznie|
        tak chcę|chcę|tego chcę|o to chodzi|o to mi chodzi|o to właśnie|o to właśnie chodzi|dokładnie o to|tak o to|tak o to chodzi|wszystko się zgadza|
        jest dobrze|super|świetnie|pasuje|naturalnie|się wie|jasne że tak|no jasne|no oczywiście|no raczej|raczej tak|chyba tak|myślę że tak|
        zdecydowanie|zdecydowanie tak|potwierdzam tak|yes|yhy|ta jest|dawaj|niech pani łączy|proszę łączyć|proszę mnie połączyć|łącz|to to|tak to to|
        tak tak o to|tak po to dzwonię|po to dzwonię|w tej sprawie|tak w tej sprawie|no przecież mówię|przecież mówię|no mówię|
        na to wychodzi|tak to prawda|otóż to|pewno|a jakże|no a jak|a no|no no|tak tak""",
    Act.DENY: """nie|no nie|a nie|nie nie|nie nie nie|nieprawda|to nieprawda|nie tak|nie to|to nie to|nie o to|nie o to chodzi|nie o to mi chodzi|
        to nie o to chodzi|nic z tych rzeczy|nic podobnego|skąd|skądże|a skąd|ale skąd|gdzie tam|wcale nie|absolutnie nie|absolutnie|w żadnym wypadku|
        nie zgadza się|to się nie zgadza|pomyłka|to pomyłka|błąd|źle|nie chcę|ja nie chcę|tego nie chcę|nie dziękuję|raczej nie|chyba nie|nigdy w życiu|
        żadne|żadne z nich|żadne z tych|żadna|ani jedno ani drugie|ani to ani to|ani to ani tamto|coś innego|zupełnie co innego|co innego|
        nie w tej sprawie|to nie to czego szukam|nie potrzebuję|nie trzeba|nic nie chcę|niestety nie|no niestety nie|jeszcze czego|bynajmniej|broń boże|
        nie tego chcę|nie tego chciałem|nie tego chciałam|nie to powiedziałem|nie to powiedziałam|nie to mówiłem|nie to mówiłam|ja tego nie mówiłem|
        źle mnie pani zrozumiała|źle mnie pan zrozumiał|źle zrozumiałeś|nie zrozumiała pani|nie zrozumiał pan|nie rozumiesz|no way|
        nie potwierdzam|nie zgadzam się|nie o tym mówię|to nie ta sprawa|nie ta sprawa|no gdzie|e nie|ej nie|oj nie|ależ nie|ale nie""",
    Act.REPEAT: """powtórz|powtórzyć|proszę powtórzyć|proszę o powtórzenie|powtórka|niech pani powtórzy|niech pan powtórzy|może pani powtórzyć|
        może pan powtórzyć|czy może pani powtórzyć|czy może pan powtórzyć|mogłaby pani powtórzyć|mógłby pan powtórzyć|
        czy mogłaby pani powtórzyć|czy mógłby pan powtórzyć|
        jeszcze raz|jeszcze raz proszę|proszę jeszcze raz|słucham|co|co co|że co|co proszę|nie dosłyszałem|nie dosłyszałam|nie usłyszałem|nie usłyszałam|
        nie słyszałem|nie słyszałam|nie zrozumiałem|nie zrozumiałam|nie rozumiem|jak|jak proszę|jakie|co pani mówi|co pan mówi|co mówisz|co pani mówiła|
        co pan mówił|co mówiłaś|co powiedziałaś|co pani powiedziała|co pan powiedział|głośniej|wolniej|proszę wolniej|proszę głośniej|powoli|od początku|
        od nowa|słabo słyszę|słabo słychać|nic nie słyszę|nie słyszę|niewyraźnie|niewyraźnie słychać|przerywa|może pani jeszcze raz|że jak|jakie było pytanie|
        jak pani powiedziała|jak pan powiedział|halo co|hę|no co|ale co|nie złapałem|nie złapałam|umknęło mi|nie dotarło do mnie""",
    Act.HELP: """pomoc|pomocy|pomóż|proszę o pomoc|co mogę powiedzieć|co mam powiedzieć|co mam mówić|co mogę zrobić|jakie są opcje|jakie mam opcje|
        jakie opcje|opcje|jakie są możliwości|jakie mam możliwości|nie wiem|nie wiem co powiedzieć|nie wiem co mówić|nie wiem co mam powiedzieć|
        nie wiem jak to powiedzieć|jak to działa|jak to się robi|co mam robić|co teraz|co dalej|jak mam mówić|w czym możesz pomóc|w czym może pani pomóc|
        co umiesz|co potrafisz|jaki jest wybór|jaki mam wybór|menu|lista|podpowiedz|podpowiedź|proszę podpowiedzieć|wskazówka|instrukcja|jak z tobą rozmawiać|
        co tu mogę załatwić|co mogę załatwić|co można załatwić|co można tu załatwić|nie umiem|nie wiem jak|sam nie wiem|sama nie wiem|trudno powiedzieć""",
    Act.WAIT: """chwila|chwilę|chwilkę|chwilka|chwileczkę|chwileczka|moment|momencik|momencie|sekunda|sekundę|sekundkę|sekundka|minutkę|minutę|minuta|zaraz|
        zaraz zaraz|poczekaj|poczekaj chwilę|czekaj|czekaj czekaj|zaczekaj|proszę poczekać|proszę zaczekać|proszę chwilę poczekać|niech pani poczeka|
        niech pan poczeka|niech pani zaczeka|niech pan zaczeka|jedną chwilę|jedną chwilkę|jeden moment|jedną sekundę|jedną minutę|jedną minutkę|
        daj mi chwilę|proszę dać mi chwilę|już szukam|szukam|tylko znajdę|zaraz znajdę|zaraz powiem|zaraz sprawdzę|już sprawdzam|sprawdzam|jeszcze chwilę|
        jeszcze chwileczkę|jeszcze moment|muszę sprawdzić|muszę poszukać|wstrzymaj się|stop|pauza|proszę się nie rozłączać|nie rozłączać się|już już|
        poczeka pani|poczeka pan|może pani poczekać|może pan poczekać|pozwoli pani|pozwoli pan|tylko okulary założę|muszę się zastanowić|zastanawiam się|
        myślę|niech pomyślę|niech się zastanowię|daj pomyśleć|już mówię""",
    Act.GOODBYE: """do widzenia|do zobaczenia|do usłyszenia|żegnam|na razie|pa|pa pa|cześć pa|to wszystko|to już wszystko|wszystko|to tyle|tyle|nic więcej|
        już nic|nic już|nieważne|już nieważne|nie ważne|rozłączam się|kończę|koniec|zakończ|proszę zakończyć|dobranoc|miłego dnia|
        wszystkiego dobrego|to będzie wszystko|to na tyle|dziękuję to wszystko|już wszystko wiem|wszystko wiem|już nie trzeba|już nie potrzebuję|
        zadzwonię później|zadzwonię potem|zadzwonię jutro|zadzwonię kiedy indziej|oddzwonię|narka|nara|elo|trzymaj się|bywaj|z bogiem|to do widzenia|
        rezygnuję z rozmowy|nie mam więcej pytań|nic już nie potrzebuję|dziękuję za pomoc""",
    Act.AGENT: """konsultant|konsultanta|konsultantka|z konsultantem|z konsultantką|połącz z konsultantem|połącz mnie z konsultantem|
        proszę z konsultantem|poproszę konsultanta|poproszę z konsultantem|chcę z konsultantem|doradca|doradcę|z doradcą|poproszę doradcę|
        człowiek|człowieka|z człowiekiem|żywy człowiek|żywego człowieka|z żywym człowiekiem|chcę z człowiekiem|
        chcę rozmawiać z człowiekiem|chcę rozmawiać z konsultantem|chcę mówić z człowiekiem|
        chcę porozmawiać z człowiekiem|chcę porozmawiać z konsultantem|pracownik|pracownika|z pracownikiem|z kimś|z kimś żywym|
        operator|operatora|z operatorem|rozmowa z konsultantem|rozmowa z człowiekiem|ludzia|dawaj człowieka|dajcie człowieka""",
}

_POLITE = """proszę|dziękuję|dzięki|dziękować|bardzo|uprzejmie|pani|pan|panie|pana|panią|państwa|kochana|kochany|skarbie|dzień dobry|dobry wieczór|dobry|halo|hej|cześć|
    witam|no|a|o|oj|ojej|ej|ach|och|ech|eh|y|yy|yyy|e|ee|eee|em|hm|hmm|że|to|ale|i|więc|no więc|już|ja|ja mówię|mówię|naprawdę|serio|wie pani|wie pan|
    rozumiem|przepraszam|sorki|sorry|jeszcze raz mówię|powiedziałem|powiedziałam|kurde|kurczę|kurcze|cholera|boże|matko|jezu|jezus|automacie|robocie|bocie|
    znaczy|no to|to znaczy|tylko|teraz|pięknie|serdecznie|ci|z góry|rany|człowieku|kobieto"""

_LEAD_AFFIRM = "tak|no tak|a tak|tak tak|tak jest|zgadza się|dokładnie|dokładnie tak|potwierdzam|jasne|oczywiście|yes|mhm|aha|no właśnie|ok|okej|dobrze|dobra"
_NOT_AFFIRM_BEFORE = (
    "się|jak|naprawdę|sobie|że|samo|zwany|zwana|zwane|szybko|dużo|mało|mi|długo|późno|wcześnie|bardzo|jakby|żeby|czy|po|by"
)
_LEAD_DENY = "nie|no nie|a nie|nie nie|ale nie|e nie|oj nie"
_DENY_BEFORE = """o|ja|to|chodzi|chodziło|dotyczy|tylko|raczej|inna|inny|inną|inne|innego|coś|co innego|właśnie|w sprawie|w tej|przepraszam|proszę|dziękuję|pani|pan|
    źle|pomyłka|absolutnie|skąd|nie|chwila|czekaj|no|ale|żadna|żadne|tamto|odwrotnie|nadal|dalej|w sumie"""
_CONTRAST = "tylko|lecz|ale|a|raczej|natomiast"
_NEGATIONS = "nie"
_NEGATED = (
    r"nie (?:chodzi (?:mi )?)?(?:o|w sprawie) (?P<negated>(?:(?!o )\S+ ){1,4}?)"
    r"(?:(?:tylko|lecz|ale|a|raczej) )?(?P<kept>(?:chodzi (?:mi )?)?(?:o|w sprawie) .+)"
)
_NEGATED_NOUN = r"nie (?P<negated>(?:\S+ ){1,3}?)(?:tylko|lecz) (?P<kept>.+)"

# ---------------------------------------------------------------- number words

_DIGIT_FORMS = {
    0: "zero zera zeru zerem zerze zerko",
    1: "jeden jedna jedno jednego jednej jednemu jednym jedną",
    2: "dwa dwie dwaj dwóch dwu dwóm dwom dwoma dwiema dwoje dwojga",
    3: "trzy trzej trzech trzem trzema troje trojga",
    4: "cztery czterej czterech czterem czterema czworo czworga",
    5: "pięć pięciu pięcioma pięcioro",
    6: "sześć sześciu sześcioma sześcioro",
    7: "siedem siedmiu siedmioma siedmioro",
    8: "osiem ośmiu ośmioma ośmioro",
    9: "dziewięć dziewięciu dziewięcioma dziewięcioro",
}
_TEEN_STEMS = (
    "dziesię",
    "jedenast",
    "dwunast",
    "trzynast",
    "czternast",
    "piętnast",
    "szesnast",
    "siedemnast",
    "osiemnast",
    "dziewiętnast",
)
_TEN_FORMS = {
    20: "dwadzieścia dwudziestu dwudziestoma",
    30: "trzydzieści trzydziestu trzydziestoma",
    40: "czterdzieści czterdziestu czterdziestoma",
}
_HIGH_TENS = {50: "pięć", 60: "sześć", 70: "siedem", 80: "osiem", 90: "dziewięć"}
_HUNDRED_FORMS = {
    100: "sto stu stoma stówa stówę stówy stówka stówkę stówki stów stówek",
    200: "dwieście dwustu dwustoma dwieście",
    300: "trzysta trzystu trzystoma",
    400: "czterysta czterystu czterystoma",
    500: "pięćset pięciuset pińcet pińset pięcset",
    600: "sześćset sześciuset szejset",
    700: "siedemset siedmiuset",
    800: "osiemset ośmiuset",
    900: "dziewięćset dziewięciuset",
}
_FIGURE_STEMS = {
    1: "jedyn", 2: "dwój", 3: "trój", 4: "czwór", 5: "piąt", 6: "szóst", 7: "siódem", 8: "ósem", 9: "dziewiąt", 10: "dziesiąt",
    11: "jedenast", 12: "dwunast", 13: "trzynast", 14: "czternast", 15: "piętnast", 16: "szesnast", 17: "siedemnast",
    18: "osiemnast", 19: "dziewiętnast", 20: "dwudziest", 30: "trzydziest", 40: "czterdziest", 50: "pięćdziesiąt",
    60: "sześćdziesiąt", 70: "siedemdziesiąt", 80: "osiemdziesiąt", 90: "dziewięćdziesiąt",
}  # fmt: skip
"""Names of the figures themselves: "piątka", "dwunastka"."""
_FIGURE_ENDINGS = "ka ki ce kę ką ko ek kom kami kach eczka eczkę eczki eczek".split()
_FRIDAY = "piątek"  # and the fives: only a count tells
_TIMES_FORMS = {
    1_000: "tysiąc tysiąca tysiącowi tysiącem tysiącu tysiące tysięcy tysiącom tysiącami tysiącach tysiak tysiaka tysiaki tysiaków tys",
    1_000_000: "milion miliona milionowi milionem milionie miliony milionów milionom milionami mln",
    1_000_000_000: "miliard miliarda miliardem miliardy miliardów mld",
}
_SLANG_TIMES = {1_000: "koła kół kafli kafle kafla tysi", 1_000_000: "bańki baniek bańkę"}
_HUNDREDS_COUNTED = frozenset("stówa stówę stówy stówka stówkę stówki stów stówek".split())
_HALF = "pół"
_MORE_HALF = "półtora półtorej"

_ORDINAL_ENDINGS = ("y", "a", "e", "ego", "ej", "emu", "ym", "ą", "ych")
_SOFT_ENDINGS = ("i", "ia", "ie", "iego", "iej", "iemu", "im", "ią", "ich")
_ORDINAL_STEMS = {
    1: "pierwsz", 4: "czwart", 5: "piąt", 6: "szóst", 7: "siódm", 8: "ósm", 9: "dziewiąt", 10: "dziesiąt", 11: "jedenast",
    12: "dwunast", 13: "trzynast", 14: "czternast", 15: "piętnast", 16: "szesnast", 17: "siedemnast", 18: "osiemnast",
    19: "dziewiętnast", 20: "dwudziest", 30: "trzydziest", 40: "czterdziest", 50: "pięćdziesiąt", 60: "sześćdziesiąt",
    70: "siedemdziesiąt", 80: "osiemdziesiąt", 90: "dziewięćdziesiąt", 100: "setn",
}  # fmt: skip
_SOFT_STEMS = {2: ("drug", ("i", "a", "ie", "iego", "iej", "iemu", "im", "ą", "ich")), 3: ("trzec", _SOFT_ENDINGS)}


def _slot(value: int) -> Slot:
    if value < 10:
        return Slot.DIGIT
    if value < 20:
        return Slot.TEEN
    return Slot.TEN if value < 100 else Slot.HUNDRED


def _cardinals() -> Iterator[tuple[str, NumberWord]]:
    for forms in (_DIGIT_FORMS, _TEN_FORMS, _HUNDRED_FORMS):
        for value, words in forms.items():
            for word in words.split():
                slot = Slot.TIMES if word in _HUNDREDS_COUNTED else _slot(value)
                yield word, NumberWord(value, slot)
    for offset, stem in enumerate(_TEEN_STEMS):
        endings = ("ć", "ciu", "cioma") if offset == 0 else ("", "u", "oma")
        for ending in endings:
            yield stem + ending, NumberWord(10 + offset, Slot.TEEN)
        if offset:
            yield stem.removesuffix("t") + "cie", NumberWord(10 + offset, Slot.TEEN)
            yield stem.removesuffix("st") + "ście", NumberWord(10 + offset, Slot.TEEN)
    yield "dwanaście", NumberWord(12, Slot.TEEN)  # the stem of the other forms is "dwunast"
    for value, stem in _HIGH_TENS.items():
        oblique = {"siedem": "siedemdziesięciu", "osiem": "osiemdziesięciu"}.get(stem, stem + "dziesięciu")
        for word in (stem + "dziesiąt", oblique, stem + "dziesięcioma", stem + "dziesiont", stem + "dziesion"):
            yield word, NumberWord(value, Slot.TEN)


def _figures() -> Iterator[tuple[str, NumberWord]]:
    for value, stem in _FIGURE_STEMS.items():
        for ending in _FIGURE_ENDINGS:
            word = stem + ending
            yield word, NumberWord(value, _slot(value), alone=word != _FRIDAY, figure=True)
    for word in "zera zer zerom zerami zerach zerka zerek".split():
        yield word, NumberWord(0, Slot.DIGIT, figure=True)


def _multipliers() -> Iterator[tuple[str, NumberWord]]:
    for alone, forms in ((True, _TIMES_FORMS), (False, _SLANG_TIMES)):
        for value, words in forms.items():
            for word in words.split():
                yield word, NumberWord(value, Slot.TIMES, alone=alone)
    yield _HALF, NumberWord(0, Slot.HALF)
    for word in _MORE_HALF.split():
        yield word, NumberWord(0, Slot.MORE_HALF)
    yield "i", NumberWord(0, Slot.JOIN, alone=False)


def _ordinals() -> Iterator[tuple[str, NumberWord]]:
    for value, stem in _ORDINAL_STEMS.items():
        for ending in _ORDINAL_ENDINGS:
            yield stem + ending, NumberWord(value, _slot(value), ordinal=True)
    for value, (stem, endings) in _SOFT_STEMS.items():
        for ending in endings:
            yield stem + ending, NumberWord(value, _slot(value), ordinal=True)


_NUMBER_WORDS: dict[str, NumberWord] = {
    fold(word): entry for word, entry in [*_ordinals(), *_multipliers(), *_cardinals(), *_figures()]
}

# ---------------------------------------------------------------- denials

_NO = r"(?<!znaczy )(?:(?:ja|to|no|ale|prosze|wcale|tak|absolutnie|jednak|juz) ){0,3}(?:nie ,? ?)?nie"
_LOST_OR_STOLEN = r"(?:zgubi|zagubi|ukrad|skrad|okrad|zgine|zagine|straci|przepad|wlam|oszuk|polkn)\w*"
_REQUESTED = r"(?:zamyk|zastrzeg|sklad|zglasz|zaklad|wysyl|wyplac|wplac|zmieni|otwier|zamawi|sprzed)a(?:m|my)|(?:reklam|blok|rezygn|kup)uje|biore"
_DENIALS = DenialWords(
    opens={
        "wish": rf"{_NO} (?:chce(?! (?:sie|mi|mnie|go|jej)(?!\S))|chcemy|chcial\w+(?: bym)?|potrzebuj\w+|zamierzam\w*|planuje\w*|mam zamiaru|"
        r"interesuj\w+ mnie)(?: (?:tu|zeby|zadn\w+|niczego|nic|teraz|na razie|tez|brac|robic))*",
        "no_need": rf"{_NO} (?:musicie|trzeba|potrzeba|musi pani|musi pan)(?: (?:mi|juz|nic|niczego))*",
        "wish_after": r"mnie nie interesuj\w+",
        "about": rf"{_NO} (?:(?:chodzi|chodzilo)(?: mi| tu)*(?: o| ze)?|(?:dzwonie|pytam|mowie|prosze)(?: (?:w sprawie|w kwestii|o|z|odnosnie))?|"
        r"w sprawie|o|odnosnie)(?: (?:zadn\w+|to|o))*",
        "this": r"to nie (?:jest|byla?|bylo)(?: (?:zadn\w+|wcale))*",
        "being": rf"{_NO} (?:jest|byl|byla|bylo|sa)(?: (?:to|zadn\w+|wcale))*",
        "event": rf"(?:{_NO}|nikt(?: \w+){{0,2}} nie)(?=(?: mi| mnie| sie| mam)* {_LOST_OR_STOLEN})",
        "request": rf"{_NO}(?= (?:sie )?(?:{_REQUESTED})(?!\S))",
        "command": rf"(?<!moge )(?<!mozna )(?<!moze )(?<!zeby ){_NO}(?! (?:potrzebowac|chciec|miec|moc|wiedziec|dzialac|byc|pamietac|rozumiec|widziec|umiec|rozlacz\w+)(?!\S))(?= (?:\w+ac|\w+ic|\w+yc|\w+ec|\w+ajcie|\w+ujcie|\w+aj|\w+uj)(?!\S))",
        "instead": r"zamiast",
        "and_not": r"a nie(?! (?:przepraszam|sorry|tylko|\w+lem|\w+lam|ma|moge|mam|dziala|wiem)(?!\S))",
        "thing": rf"{_NO}(?! (?:dziala\w*|moge|moze\w*|moga|mog\w+|chce|musi\w*|powinn\w*|wolno|mozna|mam|mamy|ma|wiem|umiem|da|daje|dalo|jest|bylo|pamietam|widze|znam|rozumiem|dostal\w*|ja|wchodzi|chodzi|"
        r"przyszl\w*|doszl\w*|wplyn\w*|moj\w*|tak|wiadomo|zna|pozwala|przechodzi|idzie|tylko|ale|a|no|nie|czekaj|przepraszam|sorry|\w+l|\w+la|\w+li|\w+lem|\w+lam)(?!\S))",
    },
    sure=frozenset({"wish", "wish_after", "no_need", "about", "request"}),
    event=frozenset({"event"}),
    given_up=frozenset({"wish", "being", "this"}),
    needs_contrast=frozenset({"thing", "being"}),
    ends=r"tylko|lecz|ale|natomiast|raczej|a|bo|wrecz|po prostu|chce|chcial\w+|chodzi|potrzebuj\w+|wole|wolal\w+|mam|pytam|czy|ile|jak|gdzie|kiedy|"
    r"dlaczego|skad|skladam|najpierw|jade|jestem|wystarczy|ja|ona|on",
    contrast=r"tylko|lecz|ale|natomiast|raczej|a|wrecz przeciwnie|po prostu|no|to",
    still_wanted=r"juz|wiecej|dluzej|te|ta|tego|tej|tych|ten|moj\w*|swoj\w*|placic|miec|dostawac|zeby|zebyscie|tracic|czekac|zyc|byc|zna\w+|wiedziec|dalo",
    verb=r"(?:sie )?(?:mi |mnie )*(?:\w+ac|\w+ic|\w+yc|\w+ec|\w+ajcie|\w+ujcie|\w+aj|\w+uj|"
    + _REQUESTED
    + "|"
    + _LOST_OR_STOLEN
    + ")",
    pronouns=frozenset("ona on ono jej ja go je nia niej nim nich ich jego ta te ten to tamta tamto".split()),
    clause=r"\w+(?:l|la|lo|li|lem|lam)|nie|sie|mi|mnie|jest|czekam|prosze|chcac|\w+(?:ac|ic|yc)",
)

# ---------------------------------------------------------------- the language

LANGUAGE = Language(
    code="pl",
    number_words=_NUMBER_WORDS,
    acts=ActWords(
        phrases=_PHRASES,
        polite=_POLITE,
        lead_affirm=_LEAD_AFFIRM,
        not_affirm_before=_NOT_AFFIRM_BEFORE,
        lead_deny=_LEAD_DENY,
        deny_before=_DENY_BEFORE,
        contrast=_CONTRAST,
        negations=_NEGATIONS,
        negated=_NEGATED,
        negated_noun=_NEGATED_NOUN,
    ),
    dates=DateWords(
        months="""stycznia styczniu styczen|lutego lutym luty|marca marcu marzec|kwietnia kwietniu kwiecien|maja maju maj|czerwca czerwcu czerwiec|
        lipca lipcu lipiec|sierpnia sierpniu sierpien|wrzesnia wrzesniu wrzesien|pazdziernika pazdzierniku pazdziernik|
        listopada listopadzie listopad|grudnia grudniu grudzien""",
        weekdays="""poniedzialek poniedzialku|wtorek wtorku|sroda srode sroda srody|czwartek czwartku|piatek piatku|sobota sobote soboty|
        niedziela niedziele niedzieli""",
        near={"dzisiaj": 0, "dzis": 0, "wczoraj": -1, "przedwczoraj": -2, "jutro": 1, "pojutrze": 2, "jutra": 1},
        last=frozenset("zeszly zeszla zeszlym zeszlego ubiegly ubiegla ubieglym ostatni ostatnia ostatnim".split()),
        next=frozenset("przyszly przyszla przyszlym nastepny nastepna nastepnym".split()),
        units=dict.fromkeys("dzien dni dnia".split(), 1)
        | dict.fromkeys("tydzien tygodnie tygodni tygodnia".split(), 7)
        | dict.fromkeys("miesiac miesiace miesiecy".split(), 30),
        ago="temu",
        ahead="za",
        doubtful_months=frozenset({"maj", "maja", "maju"}),
    ),
    matters=MatterPatterns(
        cuts_marked=r"""(?:a |i |no i )?(?:poza tym|przy okazji|do tego|dodatkowo|druga sprawa|drugie|po drugie|oprocz tego|od razu|jednoczesnie|rownoczesnie|jeszcze|
        takze|potem|nastepnie|pozniej|osobno)|oraz|plus|jak rowniez|a w ogole|i chcial\w+|i chce|i prosze|i czy|a chce|no i|a i""",
        cuts_plain=r"i|a|ale|tylko ze|najpierw",
        joins="i oraz plus ani tez",
        about=r"(?:porozmawiac|rozmawiac|pogadac|pomowic|rozmowy|rozmowe|polacz\w*|przelacz\w*|konsultant\w*|doradc\w*|kims|kogos|czlowiek\w*|pracownik\w*)"
        r"(?:\s\S+){0,5}?\s(?:o|w sprawie|na temat|odnosnie|dotyczac\w*|w kwestii|w temacie|od)\s(?P<matter>\S.*)",
        opens=r"(?:(?:dzien dobry|dobry wieczor|dobry|witam|halo|prosze pani|prosze pana|prosze|no|bo|tak|wiec|ja|my|chcial\w+(?: bym)?|dzwonie|zwracam sie|mam|"
        r"taka|takie|taki|jedna|jedno|krotka|krotkie|szybkie|panie|pani|przepraszam)\s+)*(?:w sprawie|w kwestii|w temacie|odnosnie|dotyczace|dotyczy|"
        r"chodzi(?: mi)?(?: o)?|(?:sprawa|pytanie|prosba|problem|klopot|temat|kwestia)(?: (?:odnosnie|dotyczac\w+|w sprawie|w kwestii|na temat|co do|o|z|ze|jest z))?|"
        r"cos (?:z|ze|nie tak z)|zapytac (?:o|odnosnie|w sprawie)|porozmawiac o|o|z|ze)",
        empty="""mój moja moje mojego mojej mojemu moim moją moich moimi swój swoje swoją swojej swoim ten ta to te tego tej tą tę tym jakiś jakieś jakaś
        proszę poproszę no to tak jest mam pani pan państwa u was was wasz wasza wasze bank banku bankowe do od co z ze w o mi nasz nasza nasze
        dzień dobry halo witam dziękuję""",
    ),
    denials=_DENIALS,
    secrets=SecretWords(
        strong=r"""(?<!bez )(?:tele|m|e)?-?pin(?:u|em|ie|y|ow|ami|om|ik\w*|kod\w*)?|[ck][vw][vwc]2?\w{0,3}|c ?v ?[vc]|ce ?(?:fal|fau|wu|vau|v) ?(?:fal|fau|wu|vau|v|ce)|
        si ?vi ?(?:vi|si)|hasl\w{0,4}|telekod\w{0,3}|zabezpieczaj\w+|trzycyfrow\w+|czterocyfrow\w+|z tylu|z (?:drugiej|tylnej) strony|na (?:odwrocie|tyle)|
        z odwrot\w+|cyf(?:ra|ry|rami|rach|er|erki|erek|re|rek)""",
        codes=r"(?<!bez )kod(?:u|em|zie|y|ow|ami|om|zik\w*)?|otp|token\w{0,3}|szyfr\w{0,3}|autoryzacyjn\w+|weryfikacyjn\w+|szesciocyfrow\w+|jednorazow(?:y|ego|ym|emu)",
        numbers=r"""nume(?:r|ru|rem|rze|ry|row|rek|rkiem|rka|rami)|nr|pesel\w{0,3}|dow[oó]d\w{0,3}|paszport\w{0,3}|klient\w{0,4}|identyfikator\w{0,3}|id|
        login\w{0,3}|telefon\w{0,3}|komork\w{1,3}|kont[oa]|rachun\w+|koncow\w+|konczy\w*|zaczyna\w*|kart[aye]|karcie|blik\w{0,4}|iban\w{0,3}|regon\w{0,3}|nip\w{0,3}""",
        harmless=r"""kod\w{0,2} (?:pocztow|bled|kreskow|kierunkow|swift)\w*|
        bl[ae]d\w*(?: \w+)? kod\w{0,2}|nume\w{1,3} (?:domu|mieszkania|pokoju|lotu|budynku|lokalu|drzwi|mieszkaniow\w+|oddzialu|biletu)""",
        birth=r"urodz\w+|przysz\w+ na swiat",
        fillers=frozenset(
            """i a y yy yyy e ee eee no to tak potem dalej nastepnie teraz kropka kreska kreseczka myslnik minus spacja przecinek plus razy pauza
            kolejne kolejny kolejna kolejno nastepne nastepna nastepny pozniej znowu znow jeszcze raz na koncu koncu koniec poczatku poczatek najpierw
            ostatnie ostatnia ostatni wreszcie mam jest sa bedzie idzie leci tez oraz dwukropek ukosnik slash lamane przez jedziemy zaczyna konczy sie od
            koncowka koncowki koncowke zamyka zakonczone zakonczona po tym dalsze pierwsze reszta druga trzecia czesc wiec wlasnie jakos chyba nie przepraszam znaczy pomylka pomylilem pomylilam wroc jednak zle poprawka
            poprawiam sorry raczej inaczej moment chwila chwile zaraz momencik cyfra cyfry numer pani pan prosze dobra dobrze ok okej gdzies tu tutaj
            juz widze o ile wiem pamietam dobrze ze ktore ktory taki takie taka mowie powiem podaje czytam zapisuje""".split()
        ),
        corrections=frozenset(
            "nie przepraszam znaczy pomylka pomylilem pomylilam wroc zle poprawka poprawiam sorry raczej".split()
        ),
        links=frozenset(
            """to jest byl byla bylo moj moja moje mojego mojej swoj taki taka takie mam ten ta te pin-u nowy nowa nowe stary pelny caly jako za
            ustawilem ustawilam dostalem dostalam przyszedl wlasnie jest jakis chyba numerem mi brzmi ma mial miec byc do od w przyszlo przyslaliscie sa""".split()
        ),
        repeats=dict.fromkeys(
            "podwojne podwojna podwojny podwojnie podwojnego podwojnej podwojnym podwojnych dwukrotnie dwukrotne dubel".split(), 2
        )
        | dict.fromkeys("potrojne potrojna potrojny potrojnie potrojnego potrojnej potrojnym trzykrotnie trzykrotne".split(), 3)
        | dict.fromkeys("poczworne poczworna poczworny poczwornie czterokrotnie".split(), 4),
        times=frozenset({"razy"}),
        zeros=frozenset(),
        currencies=r"""zl|zlot(?:y|e|ych|ego|ym|ymi|emu|owk\w+|owek|owkami)|zlocisz\w+|pln|polskich|euro|eur|ojro|usd|gbp|chf|uah|czk|dolar(?:y|a|ow|om|ami|ach)?|
        dolc\w+|bak(?:s|sy|sow)|funt(?:y|a|ow|om|ami|ach)?|fran(?:ki|kow|kom|kami|kach)|koron\w?|hrywn\w?|hrywien|grosz(?:e|y|om|ami|ach)|gr|
        tys|tysi\w*|mln|milion\w*|mld|kola|kol|kafl\w+|stow\w*""",
        units=r"""proc|procent\w*|cyf\w+|znak\w*|punkt\w*|dni|dzien|dnia|dniach|dniami|tygod\w+|tydzien|miesi\w+|lat|lata|latach|rok|roku|roczn\w+|godz\w*|minut\w*|min|sekund\w*|razy|osob\w*|
        sztuk\w*|rat|raty|ratach|transakcj\w+|przelew\w*|kilomet\w+|km|met\w+|kilo\w*|stron\w*|klient(?:ow|ami)|godzin\w*|zdan|pozycj\w+""",
        things=r"""kart\w*|kont\w*|rachun\w+|umow\w*|lokat\w*|dziec\w*|cork\w*|syn\w*|bankomat\w*|wnios\w+|sms\w*|prob\w*|telefon\w*|dokument\w*|blok\w*|produkt\w*|
        polis\w*|haker\w*|konsultant\w*|kolejn\w+|innych|inne|roznych|zeszlym|sklep\w*|list\w*|paczk\w*|oddzial\w*|firm\w*|kredyt\w*|pozyczk\w*""",
        amounts=r"""kwot\w+|limi\w+|kredy\w+|pozyczk\w+|sald\w+|wplac\w+|wplat\w+|wyplac\w+|wyplat\w+|przel[aeo]\w+|zaplac\w+|plac\w+|koszt\w+|rat[aey]|wynos\w+|
        pobra\w+|pobier\w+|sciag\w+|okolo|prawie|ponad|dlug\w*|wysl\w+|policz\w+|kurs\w*|faktur\w+|rachunek na|zeszl\w+|najwyzej|najmniej|cen[aey]|oplat\w+""",
        hours=frozenset("o od do po przed okolo kolo godzina godzinie godziny godzine miedzy".split()),
        years=frozenset("w od z do rok roku r roczek lat".split()),
        streets=r"ul|ulic\w+|al|alej\w+|os|osiedl\w+|pl|plac\w*|mieszkan\w+|mieszkam|lokal\w*|dom\w{0,2}|blok\w{0,2}|pok[oó]j\w*|pietr\w+|budyn\w+|m|adres\w*",
        passwords=PasswordWords(
            name=r"hasl(?:o|a|em|u|e)",
            lead=r"(?:moje|moja|moj|to|no|tak|a|i|wiec|podaje|podam|prosze|ok|dobra|dobrze|mam|to moje|nasze|stare|nowe|obecne|y+|e+|eee|ale|bo|za|moim|jako)",
            between=r"(?:(?:do|na|w|od|dla) \w+(?: (?:mobilnej|internetowej|internetowego|banku|mojej|mojego))?|ktore (?:mam|ustawil[ae]?m)|takie|mam|ustawil[ae]?m|zmienil[ae]?m)",
            said=r"(?:to|brzmi|jest|bylo|mam|ustawil[ae]?m|mialo byc|zmienil[ae]?m na|ustawil[ae]?m na|na to|takie)",
            telling=r"pod[aą]\w+|podaje|powiem|mowie|dyktuj\w+|podyktuj\w+|przeliteruj\w+|literuj\w+|mam|oto",
            changed=r"(?:zmieni|ustawi|wpisa|poda|mia|da|zrobi|ma)\w{0,2}[lm](?:em|am)?",
            changed_to=r"na|jako",
            hedge=r"(?:chyba|zaraz|to|jest|po prostu|cos jak|jakos|no|y+|e+|eee|slowo|jak|taki|taka|takie|zwykly|zwykle|wlasnie|teraz|nadal|wciaz|ze|moment|moje)",
            other=r"""nie|bled\w*|zle|zla|poprawn\w+|niepoprawn\w+|nieprawidl\w+|prawidl\w+|zablokowan\w+|za|zbyt|w|z|na|do|od|o|i|a|ok|okej|dobre|dobra|niewazne|wazne|stare|nowe|
            zapisan\w+|zapomnian\w+|wyga[sś]\w+|wyciek\w+|dziala\w*|problem\w*|to|jest|moje|ktor\w+|co|jak\w*|gdzie|czy|po|juz|tez|takie samo|inne|inn\w+|jednorazow\w+|
            tymczasow\w+|startow\w+|maskowan\w+|trudn\w+|latw\w+|slab\w+|siln\w+|kr[oó]t\w+|dlug\w+|potrzebn\w+|znan\w+|zmien\w+|zmiana|ustaw\w+|odzysk\w+|
            reset\w*|zapom\w+|zapam\w+|pami\w+|musi|moze|mozna|trzeba|chce\w*|wpis\w+|poda\w+|znam|zna|ma|mam|mial\w*|mi|sie|ja|ty|on|ona|ono|oni|wy|my|wam|mu|jej|im|
            ktos|cos|nikt|telefoniczn\w+|internetow\w+|mobiln\w+|glown\w+|przez|bo|ale|tylko|wiec|odrzuc\w+|przyszl\w*|nic|wszystko|prosze|dziekuje|bezpieczn\w+|ten|ta|te|tam|
            tu|tutaj|teraz|aktywn\w+|nieaktywn\w+|aktualn\w+|wymagan\w+|prywatn\w+|podejrzan\w+|skradzion\w+|komu\w*|wszedzie|zawsze|nigdy|u|kod|kodu|kody|kodem|pin|pinu|pinem|albo|lub|oraz|czyli|
            raz|dwa|trzy|ok|pan|pani|panu|panem|bank|banku|konto|konta|aplikacj\w+|login|loginu|sms|smsa|sms-a|smsem|jedno|jakby|stron\w+|telefon\w*|komput\w+|infolini\w+|poczt\w+|mail\w*|apce|kartce|pomoc\w*|podstawie|niezgodn\w+|zgadza|wchodzi|pasuje|natychmiast|skad|kiedy|dlaczego""",
            stop=r"i|a|ale|bo|nie|oraz|czy|z|do|na|w|prosze|dziekuje|ze|jak|ktore|albo|lub|to|jest|wiec|mam|chce|moze|ale|sie|zeby|gdy|od|przez|dla",
        ),
    ),
    turns=TurnWords(
        unfinished=frozenset(
            "y yy yyy e ee eee em hmm hm mm wie znaczy więc że żeby bo ale albo lub i oraz a do na w z ze dla od po przy o "
            "mój moja moje moją mojego ten ta tę to jest".split()
        ),
        hums=frozenset("mhm mm mmm yhm hmm hm aha acha".split()),
        nods=frozenset("no|no tak|no no|tak tak|dobrze|dobra|okej|ok".split("|")),
        not_dictated=frozenset("jedno jednej jednego jednemu jednym".split()),
    ),
    fillers=frozenset(
        "yyy yy y eee ee eeee e em emm eem hm hmm hmmm mhm yhm ymm ehm ekhm yyyy aaa aa eh ech eeem hyy yym no_więc".split()
    ),
    corrections=r"a nie sorry|nie sorry|sorry nie|nie czekaj|chwila nie|stop nie|oj nie|nie no|to znaczy nie|tzn nie|znaczy nie|znaczy się nie|a nie przepraszam|nie przepraszam|przepraszam nie|albo nie|nie jednak|ale nie jednak|"
    r"a właściwie nie|czekaj nie|wróć|cofam|pomyliłem się|pomyliłam się|źle mówię|źle powiedziałem|źle powiedziałam",
    not_corrected=frozenset(
        "nie to jak co mogę mam wiem działa ma da mogłem mogłam dostałem dostałam przyszedł przyszła widzę chcę jest było".split()
    ),
    common_words=frozenset(
        """nie się jest czy jak mam chcę chciałbym chciałabym proszę dzień dobry konto kartę karta karty mi moje moja mój mnie że ale tylko już jeszcze bardzo
    dziękuję przelew kredyt pieniądze bank banku zgubiłem zgubiłam ukradli pomoc pomocy po polsku polski jestem mogę może co ile gdzie kiedy na do z w tak
    przepraszam pani pan rozumiem mówi mówić chcę sie chce prosze dzien moge dziekuje""".split()
    ),
    shared_words=frozenset("to on i my a no do bank ten pan".split()),
    asked_for=r"po polsku|in polish|speak polish|polish please|polish language|\bpolish$|^polish\b|język polski",
    currencies={
        "PLN": "zl zloty zlote zlotych zlotowka zlotowki zlotowek zlociszy pln zlotego zlotowych",
        "EUR": "euro eur ojro",
        "USD": "dolar dolary dolarow dolarach usd baks baksow",
        "GBP": "funt funty funtow gbp",
        "CHF": "frank franki frankow chf",
        "CZK": "korona korony koron czk",
        "UAH": "hrywna hrywny hrywien uah",
    },
    money_slang=frozenset(
        "stowa stowe stowy stowka stowke stowki stow stowek kafli kafle kafla kola kol tysiak tysiaka tysiaki tysiakow".split()
    ),
)
