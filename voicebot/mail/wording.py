"""How people begin and end mails, and what programs write into them. Patterns are folded (no diacritics, lower case).

`greetings`, `closings`, `postscript` and `headers` fit the beginning of a line, `quoted_after` and `forwarded_after` a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """One language."""

    greetings: str
    """How a mail begins: says nothing of the matter."""
    closings: str
    """How it ends: what follows is a signature."""
    postscript: str
    """After which the sender goes on."""
    quoted_after: str
    """The line before a quoted mail."""
    forwarded_after: str
    """The line before a mail that is passed on."""
    headers: str
    """Names of the header lines above it."""
    footers: str
    """What lawyers and programs add, anywhere in a paragraph."""
    wishes: str
    """Words by which a sentence asks for something, anywhere in it."""


POLISH = Wording(
    greetings=r"(?:dzien dobry(?: (?:panstwu|pani\w*|panu|panie)(?: \w+(?=,))?)?|dobry wieczor"
    r"|witam(?: panstwa| serdecznie| uprzejmie)*|witajcie|czesc|hej|halo"
    r"|(?:szanown[aiey]|drog[aieoy]|kochan[aie])"
    r"(?: (?:panstwo|pani[ae]?|panie i panowie|panie|panowie|banku|dyrekcjo|zespole))?(?: (?!i\b)\w+)?"
    r"|prosze panstwa|panie i panowie)",
    closings=r"(?:z (?:gory )?(?:powazaniem|szacunkiem|wyrazami (?:glebokiego )?szacunku|pozdrowieniami|podziekowaniem)"
    r"|(?:serdecznie )?(?:pozdrawiam|pozdrowienia|pozdrawiamy)\b|lacze (?:wyrazy|pozdrowienia)|laczac wyrazy"
    r"|dziekuje i pozdrawiam|z gory (?:dziekuje|dziekujemy)|milego dnia|pozdr\b)",
    postscript=r"p\.? ?s\.?[: ]",
    quoted_after=r"(?:w dniu|dnia|pon|wt|sr|czw|pt|sob|niedz)\b.{4,200}(?:napisal|pisze)(?:\(a\)|a|o)?:?\s*$"
    r"|.{4,120}\bnapisal(?:\(a\)|a)?:\s*$|-{2,} ?(?:oryginalna wiadomosc|wiadomosc oryginalna)",
    forwarded_after=r"-{2,} ?(?:wiadomosc przekazana(?: dalej)?|przekazana wiadomosc)|poczatek przekazanej wiadomosci",
    headers=r"(?:od|do|dw|data|temat|wyslano|wyslane|nadawca|adresat|kopia):",
    footers=r"niniejsza wiadomosc|wiadomosc (?:ta )?(?:jest przeznaczona|zawiera|moze zawierac)|informacje poufne"
    r"|administratorem (?:panstwa |twoich )?danych|przed wydrukowaniem"
    r"|wyslan[eoay] z(?: mojego| aplikacji| telefonu|.{0,12}\b(?:iphone|android|ipad|outlook|yahoo|onet|wp|o2)\b)"
    r"|kapital zakladowy|wpisan[ay] do rejestru|wolne od wirusow|sprawdzon[ay] programem|jesli nie jestes (?:jej )?adresatem",
    wishes=r"\b(?:prosz[eay]\w*|prosb[aey]|prosi(?:my|lbym|labym)|pros(?:iec)?|chc[eia]\w*|wnosz[ea]\w*|zadam|potrzebuj\w+"
    r"|zglaszam|skladam|wypowiadam|jak|kiedy|gdzie|czy|ile|dlaczego|czemu|skad|za co|co (?:mam|zrobic|robic|to)|jaki\w*"
    r"|moge|mozna|da sie|mozecie|zablokuj\w*|pomoz\w*|pomocy|interesuje)\b|\?",
)

ENGLISH = Wording(
    greetings=r"(?:dear(?: (?:sirs?(?: or madam|/madam)?|sir/madam|madam|all|team|bank|customer (?:services?|care)|press office"
    r"|mr|mrs|ms|miss|\w+))*|hello(?: (?:there|all|team|again|tom|\w+(?=,)))?|hi(?:ya)?(?: (?:there|all|team|\w+(?=,)))?|hey"
    r"|good (?:morning|afternoon|evening|day)(?: to you)?|greetings|to whom it may concern)",
    closings=r"(?:(?:kind(?:est)?|best|warm(?:est)?|many)?,? ?regards\b|(?:with )?(?:best|kind|warm|all good) wishes"
    r"|best\s*,?\s*$|cheers\b|respectfully|yours?\s*,?\s*$|yours (?:faithfully|sincerely|truly|ever)|sincerely|many thanks"
    r"|thanks(?: (?:in advance|again|very much))?\b|thank you(?: (?:in advance|very much))?\s*[,.!]?\s*$)",
    postscript=r"p\.? ?s\.?[: ]",
    quoted_after=r"on .{6,200}wrote:\s*$|.{4,120} wrote:\s*$|-{2,} ?original message",
    forwarded_after=r"-{2,} ?forwarded message|begin forwarded message",
    headers=r"(?:from|to|cc|date|sent|subject|reply-to):",
    footers=r"this (?:e-?mail|message)(?: and any| is| may| contains)|confidential and|intended (?:solely|only) for"
    r"|received (?:it|this e-?mail|this message) in error|before printing|sent from my|get outlook for"
    r"|registered (?:office|in england)|scanned for viruses|virus[- ]free",
    wishes=r"\b(?:please|kindly|pls|i(?:'d| would|d) (?:like|rather|be (?:grateful|obliged))"
    r"|i (?:want|need|wish|require|request)|we(?:'d| would) like|we need|could (?:you|i|we|somebody|someone)"
    r"|can (?:you|i|we|somebody|someone|it)|would (?:you|it|somebody|someone)|how|when|where|why|what|which|who"
    r"|is (?:it|there)|are (?:you|there)|do (?:you|i)|does|may i|help|report|cancel|stop|block)\b|\?",
)

WORDINGS: Mapping[str, Wording] = {"pl": POLISH, "en": ENGLISH}
"""Of a language without one only what is the same in all is cut: quotation marks and the signature behind its two dashes."""
