"""How Poles say yes, no, again, help, wait and goodbye to a machine."""

from __future__ import annotations

from nlu.types import Act

PHRASES: dict[Act, str] = {
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

POLITE = """proszę|dziękuję|dzięki|dziękować|bardzo|uprzejmie|pani|pan|panie|pana|panią|państwa|kochana|kochany|skarbie|dzień dobry|dobry wieczór|dobry|halo|hej|cześć|
    witam|no|a|o|oj|ojej|ej|ach|och|ech|eh|y|yy|yyy|e|ee|eee|em|hm|hmm|że|to|ale|i|więc|no więc|już|ja|ja mówię|mówię|naprawdę|serio|wie pani|wie pan|
    rozumiem|przepraszam|sorki|sorry|jeszcze raz mówię|powiedziałem|powiedziałam|kurde|kurczę|kurcze|cholera|boże|matko|jezu|jezus|automacie|robocie|bocie|
    znaczy|no to|to znaczy|tylko|teraz|pięknie|serdecznie|ci|z góry|rany|człowieku|kobieto"""

LEAD_AFFIRM = "tak|no tak|a tak|tak tak|tak jest|zgadza się|dokładnie|dokładnie tak|potwierdzam|jasne|oczywiście|yes|mhm|aha|no właśnie|ok|okej|dobrze|dobra"
NOT_AFFIRM_BEFORE = (
    "się|jak|naprawdę|sobie|że|samo|zwany|zwana|zwane|szybko|dużo|mało|mi|długo|późno|wcześnie|bardzo|jakby|żeby|czy|po|by"
)
LEAD_DENY = "nie|no nie|a nie|nie nie|ale nie|e nie|oj nie"
DENY_BEFORE = """o|ja|to|chodzi|chodziło|dotyczy|tylko|raczej|inna|inny|inną|inne|innego|coś|co innego|właśnie|w sprawie|w tej|przepraszam|proszę|dziękuję|pani|pan|
    źle|pomyłka|absolutnie|skąd|nie|chwila|czekaj|no|ale|żadna|żadne|tamto|odwrotnie|nadal|dalej|w sumie"""
CONTRAST = "tylko|lecz|ale|a|raczej|natomiast"
NEGATIONS = "nie"
NEGATED = (
    r"nie (?:chodzi (?:mi )?)?(?:o|w sprawie) (?P<negated>(?:(?!o )\S+ ){1,4}?)"
    r"(?:(?:tylko|lecz|ale|a|raczej) )?(?P<kept>(?:chodzi (?:mi )?)?(?:o|w sprawie) .+)"
)
NEGATED_NOUN = r"nie (?P<negated>(?:\S+ ){1,3}?)(?:tylko|lecz) (?P<kept>.+)"
